"""A small OpenID provider, really served on loopback: discovery, keys, authorization and tokens.

It can be told to misbehave in the ways tests are about. What it signs, it signs with joserfc and cryptography.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT = "notes-client"
CLIENT_SECRET = "a secret only for this test"
AUDIENCE = "notes-api"


def new_key(kid: str) -> ECKey:
    """P-256: quicker to make than RSA."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


class Provider:
    """`now` is its clock; `user` who is logged in there; `asked` counts requests by path."""

    def __init__(self, port: int, now: float) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.now = now
        self.user = "ann"
        self.keys: list[ECKey | RSAKey] = [new_key("k1")]
        self.asked: Counter[str] = Counter()
        self.document: dict[str, Any] = {}
        self.id_claims: dict[str, Any] = {}
        self.away = False
        self.secret = CLIENT_SECRET
        self.raw: bytes | None = None
        self._grants: dict[str, dict[str, str]] = {}
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)

    def sign(self, claims: dict[str, Any], key: ECKey | RSAKey | None = None, **header: Any) -> str:
        """A token with exactly these claims; a header of None is left out."""
        key = key or self.keys[0]
        algorithm = header.pop("alg", "RS256" if isinstance(key, RSAKey) else "ES256")
        named = {"alg": algorithm, "kid": key.kid, **header}
        named = {name: value for name, value in named.items() if value is not None}
        return jwt.encode(named, claims, key, [algorithm], default_type=None)

    def access_token(
        self, key: ECKey | RSAKey | None = None, *, headers: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """A token that is good but for what is given; None takes a claim or header away."""
        now = int(self.now)
        given = {"iss": self.issuer, "sub": "service-7", "aud": AUDIENCE, "iat": now, "exp": now + 300,
                 "scope": "notes:read notes:write", **claims}  # fmt: skip
        return self.sign({name: value for name, value in given.items() if value is not None}, key,
                         **{"typ": "at+jwt", **(headers or {})})  # fmt: skip

    def _seen(self, request: Request) -> Response | None:
        self.asked[request.url.path] += 1
        if self.raw is not None:
            return Response(self.raw, media_type="application/json")
        return Response(status_code=503) if self.away else None

    async def _discovery(self, request: Request) -> Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }
        return self._seen(request) or JSONResponse(document)

    async def _jwks(self, request: Request) -> Response:
        return self._seen(request) or JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe()
        self._grants[code] = {**asked, "user": self.user}
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> Response:
        if refused := self._seen(request):
            return refused
        form = await request.form()
        login = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        grant = self._grants.pop(str(form.get("code")), None)
        verifier = str(form.get("code_verifier")).encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).decode().rstrip("=")
        if (
            request.headers.get("authorization") != f"Basic {login}"
            or grant is None
            or grant["code_challenge"] != challenge
            or grant["redirect_uri"] != form.get("redirect_uri")
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(self.now)
        claims = {"iss": self.issuer, "sub": grant["user"], "aud": CLIENT, "iat": now, "exp": now + 300,
                  "nonce": grant["nonce"], **self.id_claims}  # fmt: skip
        return JSONResponse({"id_token": self.sign(claims, typ="JWT"), "access_token": "x", "token_type": "Bearer"})


@contextmanager
def provider_served(now: float) -> Iterator[Provider]:
    """A provider on a free port of loopback, stopped at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = Provider(listener.getsockname()[1], now)
        config = uvicorn.Config(provider.app, log_level="error", lifespan="off", http="h11")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield provider
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()
