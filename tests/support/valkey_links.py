"""Ways to a Valkey server that ask for more: over TLS, as a user with few rights."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .valkey import Server

Pair: TypeAlias = tuple[Path, Path]
RIGHTS: Final = (
    "+evalsha +eval +time +get +mget +set +del +hmget +hset +pexpire +persist +pttl +zadd +zrem +zrange +zcard "
    "+zremrangebyscore +exists +xadd +xgroup|create +xinfo|groups +xreadgroup +xack +xautoclaim +xrange +select "
    "+client|setinfo"
)
"""What docs/stores.md tells to allow, and nothing else."""


def make_certificate(folder: Path) -> Pair:
    """Certificate and key for the name localhost, and for no address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    year = datetime.now(UTC).year
    built = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(datetime(year - 1, 1, 1, tzinfo=UTC)).not_valid_after(datetime(year + 2, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@asynccontextmanager
async def encrypted(server: Server, certificate: Pair) -> AsyncIterator[int]:
    """A port with TLS in front of `server` (the server of the tests is built without)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, to_behind = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(copy(reader, to_behind), copy(behind, writer), return_exceptions=True)

    terminator = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield terminator.sockets[0].getsockname()[1]
    terminator.close()
