from fastapi import FastAPI
from starlette.middleware.sessions import SessionMiddleware

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=settings.key, https_only=True)
app.add_middleware(SessionMiddleware, secret_key=settings.key, https_only=settings.secure)
SESSION_COOKIE_SECURE = True
