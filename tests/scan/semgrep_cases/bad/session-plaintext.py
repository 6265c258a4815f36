from fastapi import FastAPI
from starlette.middleware.sessions import SessionMiddleware

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=settings.key)  # hole
SESSION_COOKIE_SECURE = False  # hole
