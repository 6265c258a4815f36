"""Link previews: no way into this machine or its network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from types import SimpleNamespace

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute

from examples.notes.previews import PreviewRefused, Previews, find_title
from garrison.inputs.fetch import Address, is_public

from .site import Site

pytestmark = pytest.mark.anyio

PAGE = b"<!doctype html><title>O'Brien &amp; Co \xf0\x9f\x9a\x80</title>"


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close", "Content-Type: text/html; charset=utf-8", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[SimpleNamespace]:
    """An HTTP server on loopback that always answers the same. `seen` are the requests it got."""
    seen: list[bytes] = []

    async def handle(stream: ByteStream) -> None:
        async with stream:
            seen.append(await stream.receive())
            await stream.send(answer)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # anyio, not Django
        yield SimpleNamespace(url=f"http://127.0.0.1:{port}/", port=port, seen=seen)
        tasks.cancel_scope.cancel()


def resolving(*addresses: str) -> Callable[[str, int], Awaitable[list[Address]]]:
    async def resolve(host: str, port: int) -> list[Address]:
        return [ip_address(address) for address in addresses]

    return resolve


INSIDE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:0:1::1",
    "::127.0.0.1", "ff02::1", "fec0::1", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_known_as_such(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_known_as_such(address: str) -> None:
    assert is_public(ip_address(address))


async def test_the_title_of_a_page_is_found_where_loopback_is_allowed() -> None:
    """The control of all refusals below: the same server, asked with the permission."""
    async with server(http(PAGE)) as web:
        assert await Previews(allow_loopback=True).title(web.url) == "O'Brien & Co 🚀"
        assert b"Host: 127.0.0.1" in web.seen[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]"])
async def test_no_spelling_of_loopback_is_asked(host: str) -> None:
    async with server(http(PAGE)) as web:
        for url in (f"http://{host}:{web.port}/", f"http://{host}/"):
            with pytest.raises(PreviewRefused):
                await Previews().title(url)
        assert web.seen == []


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("1.1.1.1", "127.0.0.1"), ("::ffff:127.0.0.1",), ()])
async def test_a_name_that_leads_inside_even_by_half_is_refused(addresses: tuple[str, ...]) -> None:
    with pytest.raises(PreviewRefused):
        await Previews(resolve=resolving(*addresses)).title("http://innocent.example/")


async def test_a_name_is_resolved_once_and_the_checked_address_is_the_one_asked() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[Address]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    async with server(http(PAGE)) as web:
        title = await Previews(allow_loopback=True, resolve=rebinding).title(f"http://name.example:{web.port}/")
        assert (title, asked) == ("O'Brien & Co 🚀", ["name.example"])
        assert f"Host: name.example:{web.port}".encode() in web.seen[0]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "javascript:alert(1)", "//example.com/",
        "x", "http://", "http://user:password@example.com/", "http://example.com:22/", "https://example.com:80/",
        "http://example.com:99999/", "http://exa mple.com/", "http://[::1/",
    ],
)  # fmt: skip
async def test_other_schemes_ports_and_shapes_are_refused_before_anything_is_resolved(url: str) -> None:
    async def fail(host: str, port: int) -> list[Address]:
        raise AssertionError(host)

    with pytest.raises(PreviewRefused):
        await Previews(resolve=fail).title(url)


@pytest.mark.parametrize(
    "answer",
    [
        http(b"", "Location: http://127.0.0.1:1/", status="302 Found"),
        http(PAGE, status="404 Not Found"),
        http(b"\x1f\x8b...", "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n<title>x</title>",
        b"garbage\r\n\r\n",
    ],
    ids=["redirect", "error", "compressed", "no page", "no http"],
)
async def test_redirects_errors_and_other_content_give_no_title(answer: bytes) -> None:
    async with server(answer) as web:
        with pytest.raises(PreviewRefused):
            await Previews(allow_loopback=True).title(web.url)
        assert len(web.seen) == 1


async def test_an_endless_page_is_read_to_its_cap() -> None:
    async with server(http(PAGE + b"x" * 2_000_000)) as web:
        assert await Previews(allow_loopback=True).title(web.url) == "O'Brien & Co 🚀"
    async with server(http(b"x" * 400_000 + PAGE)) as web:
        assert await Previews(allow_loopback=True).title(web.url) == ""


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"", ""),
        (b"<title>", ""),
        (b"<title>a</title><title>b</title>", "a"),
        (b"<title>\x00 two\n\n lines\x1b[31m</title>", "two lines [31m"),
        (b"<title>" + b"x" * 1000 + b"</title>", "x" * 200),
        (b"<![if<!--<title>", ""),
        (b"<title>\xff</title>", "\ufffd"),
    ],
)
def test_a_title_is_one_bounded_line_whatever_the_page_is_made_of(body: bytes, title: str) -> None:
    assert find_title(body, "no-such-charset") == title


async def test_the_endpoint_gives_one_answer_to_all_that_fails_and_needs_a_log_in(site: Site) -> None:
    async with site.member() as ann, site.visitor() as nobody:
        urls = (
            "http://127.0.0.1:22/",
            "http://169.254.169.254/latest/",
            "file:///etc/passwd",
            "http://nowhere.invalid/",
        )
        answers = [await ann.api("POST", "/api/previews", {"url": url}) for url in urls]
        assert {(answer.status_code, answer.text) for answer in answers} == {
            (400, '{"detail":"There is no preview for this address."}')
        }
        token = await nobody.open_form("/log-in")
        headers = {"X-CSRF-Token": token, "Accept": "application/json"}
        refused = await nobody.client.post("/api/previews", json={"url": urls[0]}, headers=headers)
        assert refused.status_code == 401
