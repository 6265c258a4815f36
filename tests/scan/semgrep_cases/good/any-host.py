from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

app = FastAPI()
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example.com", "*.shop.example.com"])
ALLOWED_HOSTS = ["shop.example.com"]
