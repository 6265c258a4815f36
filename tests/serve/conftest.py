from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from garrison.serve.devca import DevCA


@pytest.fixture
def now() -> datetime:
    """The real time, to the second: OpenSSL checks certificates against the machine's clock."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def ca(tmp_path: Path, now: datetime) -> DevCA:
    return DevCA.open(tmp_path / "devca", now)


@pytest.fixture
def trusting(ca: DevCA) -> ssl.SSLContext:
    """A client that trusts the development CA and nothing else."""
    return client_context(ca.certificate_file)


def client_context(*trusted: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    for file in trusted:
        context.load_verify_locations(file)
    return context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """A whole TLS handshake between two contexts in memory; the client's end of it. Raises `ssl.SSLError`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    open_ends = [ours, theirs]
    while open_ends:
        for end in list(open_ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            open_ends.remove(end)
    return ours
