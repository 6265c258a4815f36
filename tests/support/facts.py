"""Facts for tests: what a browser would send, with the changes a test is about.

A header given here replaces the default lines of its name (give it twice for a duplicated header); a value of None
takes the default away. `bare=True` starts from the Host line alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import quote

from garrison.core.address import compile_client
from garrison.core.facts import NO_DUPLICATES, Client, Facts
from garrison.core.host import parse_host
from garrison.core.path import normalise

BROWSER_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"de,en-US;q=0.7,en;q=0.3"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"sec-fetch-dest", b"document"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-site", b"none"),
    (b"sec-fetch-user", b"?1"),
    (b"upgrade-insecure-requests", b"1"),
    (b"cookie", b"theme=dark; lang=de"),
)


_DIRECT = compile_client((), "x-forwarded-for", 64)
_BARE = "/%:@!$&'()*+,;=~\\[]|^`{}<>\"#? "


def client_of(address: str | None) -> Client:
    """A client connected directly from `address`; None is a Unix socket that nobody configured."""
    return _DIRECT(address, ())


def _header_lines(
    host: str | None, given: Iterable[tuple[bytes, bytes | None]], *, bare: bool
) -> list[tuple[bytes, bytes]]:
    changes = [(name.lower(), value) for name, value in given]
    replaced = {name for name, _ in changes}
    lines = [] if host is None else [(b"host", host.encode("latin-1"))]
    lines += () if bare else BROWSER_HEADERS
    kept = [pair for pair in lines if pair[0] not in replaced]
    return kept + [(name, value) for name, value in changes if value is not None]


def make_facts(
    method: str = "GET",
    path: str | bytes = "/",
    headers: Sequence[tuple[bytes, bytes | None]] = (),
    *,
    kind: Literal["http", "websocket"] = "http",
    scheme: str = "https",
    host: str | None = "example.com",
    address: str | None = "203.0.113.9",
    client: Client | None = None,
    route: int = 0,
    query: bytes = b"",
    certificate: bool = False,
    request_id: str = "test-1",
    bare: bool = False,
) -> Facts:
    """One request. `path` is as sent (percent-encoded); text outside ASCII is encoded here. `client` beats `address`.

    The header block's size is counted as the ASGI builder does: names and values, without separators.
    """
    raw_path = path if isinstance(path, bytes) else quote(path, safe=_BARE).encode()
    decoded, fault = normalise(raw_path)
    lines = _header_lines(host, headers, bare=bare)
    found: dict[bytes, list[bytes]] = {}
    for name, value in lines:
        found.setdefault(name, []).append(value)
    repeated = {name: tuple(values) for name, values in found.items() if len(values) > 1}
    hosts = found.get(b"host", [])
    return Facts(
        kind=kind,
        method=method,
        scheme=scheme,
        host=parse_host(hosts[0]) if len(hosts) == 1 else None,
        path=decoded,
        raw_path=raw_path,
        path_fault=fault,
        query=query,
        headers={name: values[-1] for name, values in found.items()},
        duplicates=repeated or NO_DUPLICATES,
        header_count=len(lines),
        header_bytes=sum(len(name) + len(value) for name, value in lines),
        client=client or client_of(address),
        route=route,
        request_id=request_id,
        certificate=certificate,
    )
