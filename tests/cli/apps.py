"""Applications for `garrison init` to look at, as their authors would write them."""

from __future__ import annotations

PAGES = """
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Form, Request, UploadFile, WebSocket
from fastapi.responses import HTMLResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key="x" * 40)
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example.com", "*.shop.example.com"])
app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com", "http://localhost:5173"])
users = APIRouter(prefix="/account")


@users.post("/log-in")
async def log_in(name: str = Form(), word: str = Form()) -> None: ...


@app.get("/", response_class=HTMLResponse)
async def home() -> str: return ""


@app.post("/notes/{note}/files")
async def upload(note: int, file: UploadFile) -> None: ...


@app.get("/healthz")
async def healthz() -> None: ...


@app.websocket("/live/{room}")
async def live(socket: WebSocket) -> None: ...


app.include_router(users, prefix="/v1")
"""

JSON = """
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer, OAuth2PasswordRequestForm

app = FastAPI(docs_url=None, redoc_url=None)
bearer = HTTPBearer()


@app.post("/token")
async def token(form: OAuth2PasswordRequestForm = Depends()) -> None: ...


@app.get("/items/{item}", dependencies=[Depends(bearer)])
async def item(item: int) -> None: ...
"""

STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute


async def answer(request): return PlainTextResponse("x")


async def socket(websocket): ...


app = Starlette(routes=[
    Route("/ping", answer),
    Mount("/api", routes=[Route("/sign-in", answer, methods=["POST"]), WebSocketRoute("/ws", socket)]),
    Mount("/files/{name}", app=answer),
])
"""

BARE = """
async def app(scope, receive, send): ...
"""

HARDENED = (
    PAGES
    + """
from garrison import Policy, harden

plain = app
app = harden(app, Policy(environment="development", events={"store": False, "output": "none"}))
"""
)
