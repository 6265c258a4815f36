"""An application with an answer of every kind, and a production policy for it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from garrison import Policy, harden
from garrison.fastapi import Nonce
from garrison.serve.devca import Leaf

HOST = "shop.example.test"
ANSWERS = {
    "/": 200,
    "/items": 200,
    "/static/shop.css": 200,
    "/nothing": 404,
    "/items?most=many": 422,
    "/scarce": 429,
    "/broken": 500,
}
"""Paths to ask for, and what they answer once `/scarce` has been used up."""


def shop(folder: Path, page: Any) -> FastAPI:
    """`page` answers `/`: the one with a nonce needs Garrison around it."""
    static = folder / "static"
    static.mkdir()
    (static / "shop.css").write_text("body { color: black }")
    app = FastAPI(openapi_url=None)
    app.get("/", response_class=HTMLResponse)(page)
    app.mount("/static", StaticFiles(directory=static))

    @app.get("/items")
    async def items(most: Annotated[int, Query()] = 10) -> list[int]:
        return list(range(most))

    @app.get("/scarce")
    async def scarce() -> str:
        return "one left"

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    return app


async def page(nonce: Nonce) -> str:
    style = f'<link rel="stylesheet" href="/static/shop.css"><script nonce="{nonce}">let open = true;</script>'
    return f"<!doctype html><title>Shop</title>{style}<p>Welcome"


async def bare_page() -> str:
    return "<!doctype html><title>Shop</title><script>let open = true;</script><p>Welcome"


def guarded(app: FastAPI, folder: Path) -> Any:
    """`app` as in production."""
    key = folder / "key"
    key.write_text(secrets.token_urlsafe(32))
    key.chmod(0o600)
    policy = Policy(
        preset="browser",
        environment="production",
        hosts=(HOST,),
        key=f"file:{key}",
        state=str(folder / "state"),
        events={"output": "none", "store": False},
        headers={"hsts": {"include_subdomains": True}},
        routes=[{"name": "scarce", "paths": ["/scarce"], "rate": {"address": ["1/hour"]}}],
    )
    return harden(app, policy)


def certificate(folder: Path) -> Leaf:
    """A certificate for `HOST` that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Leaf(certificate_file, key_file)
