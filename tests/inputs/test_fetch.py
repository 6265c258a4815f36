"""Outgoing requests: no way inside, whatever the address, the name server or the other side says.

Quoted rule: "disable the support for the following of the redirection" or validate each anew, and resolve to public
addresses only (OWASP SSRF Prevention Cheat Sheet; CWE-918). Plain httpx is the control.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import anyio
import httpx
import pytest
from anyio.abc import ByteStream, SocketAttribute

from garrison.core.errors import OperatorError
from garrison.inputs.fetch import Address, Fetcher, FetchFailed, FetchRefused, FetchRule, Why

pytestmark = pytest.mark.anyio

LOCAL = ("127.0.0.1/32",)
OPEN = FetchRule(ports=(), allow_insecure_networks=LOCAL)
"""May ask the servers of these tests, which stand for the public internet; 127.0.0.2 stays inside."""


@dataclass
class Web:
    """A server that answers as told; `seen` are its requests."""

    port: int
    seen: list[bytes] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/"


@asynccontextmanager
async def serving(*headers: str, status: str = "200 OK", body: bytes = b"secret", host: str = "127.0.0.1",
                  endless: bool = False) -> AsyncIterator[Web]:  # fmt: skip
    listener = await anyio.create_tcp_listener(local_host=host)
    web = Web(listener.extra(SocketAttribute.local_port))  # noqa: S610  # anyio, not Django
    head = "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers, "", ""]).encode()

    async def handle(stream: ByteStream) -> None:
        async with stream:
            web.seen.append(await stream.receive())
            try:
                await stream.send(head + body)
                while endless:
                    await stream.send(b"x" * 1000)
                    await anyio.sleep(0.01)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return  # the client had enough

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield web
        tasks.cancel_scope.cancel()


class Names:
    """A name server whose answers change from one question to the next; the last stays."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> list[Address]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [ip_address(one) for one in answer]


async def refusal(fetch: Fetcher, url: str) -> Why:
    with pytest.raises(FetchRefused) as caught:
        await fetch.get(url)
    return caught.value.why


async def test_inside_servers_are_reached_by_plain_httpx_and_by_nothing_of_ours() -> None:
    async with serving(host="127.0.0.2") as inside:
        async with httpx.AsyncClient(trust_env=False) as plain:
            assert (await plain.get(inside.url("127.0.0.2"))).text == "secret"  # the control
        assert await refusal(Fetcher(OPEN), inside.url("0177.0.0.2")) is Why.HOST  # no address, and no name
        for host in ("127.0.0.2", "0x7f.2", "2130706434", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]"):
            assert await refusal(Fetcher(OPEN), inside.url(host)) is Why.ADDRESS
        assert len(inside.seen) == 1


async def test_a_redirect_inside_is_followed_by_plain_httpx_and_refused_by_us() -> None:
    async with (
        serving(host="127.0.0.2") as inside,
        serving(f"Location: {inside.url('127.0.0.2')}", status="302 Found") as web,
    ):
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as plain:
            assert (await plain.get(web.url())).text == "secret"  # the control
        assert await refusal(Fetcher(OPEN), web.url()) is Why.ADDRESS
        assert len(inside.seen) == 1


@pytest.mark.parametrize(
    "place",
    ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://[64:ff9b::a9fe:a9fe]/",
     "http://[2002:a9fe:a9fe::]/", "http://[::ffff:169.254.169.254]/", "//169.254.169.254/"],
)  # fmt: skip
async def test_a_redirect_to_a_metadata_service_is_refused(place: str) -> None:
    async with serving(f"Location: {place}", status="307 Temporary Redirect") as web:
        assert await refusal(Fetcher(OPEN), web.url()) is Why.ADDRESS


async def test_a_name_that_changes_its_address_reaches_inside_only_when_it_is_looked_up_twice() -> None:
    def rebinding() -> Names:
        return Names(("127.0.0.1",), ("127.0.0.2",))

    async with serving(host="127.0.0.2") as inside:
        names = rebinding()
        assert str((await names("name.example", inside.port))[0]) == "127.0.0.1"  # checked, and found good
        second = (await names("name.example", inside.port))[0]
        async with httpx.AsyncClient(trust_env=False) as plain:
            assert (await plain.get(inside.url(str(second)))).text == "secret"  # the control
        names = rebinding()
        with pytest.raises(FetchFailed):  # nobody listens at the address that was checked
            await Fetcher(OPEN, resolve=names).get(inside.url("name.example"))
        assert (names.asked, len(inside.seen)) == (1, 1)


async def test_a_redirect_to_the_same_name_is_resolved_and_checked_anew() -> None:
    async with serving("Location: /again", status="302 Found") as web:
        names = Names(("127.0.0.1",), ("10.0.0.1",))
        assert await refusal(Fetcher(OPEN, resolve=names), web.url("name.example")) is Why.ADDRESS
        assert (names.asked, len(web.seen)) == (2, 1)


@pytest.mark.parametrize("found", [("1.1.1.1", "10.0.0.1"), ("::ffff:10.0.0.1",), ("fe80::1",), ("0.0.0.1",)])
async def test_one_inside_address_among_several_is_enough_to_refuse(found: tuple[str, ...]) -> None:
    assert await refusal(Fetcher(resolve=Names(found)), "https://name.example/") is Why.ADDRESS


async def test_credentials_stay_with_their_origin() -> None:
    secret = {"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "Cookie": "a=s3cret", "User-Agent": "previews"}
    async with serving() as other, serving(f"Location: {other.url()}", status="302 Found") as web:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as plain:
            await plain.get(web.url(), headers=secret)
        assert b"s3cret" in other.seen[0]  # the control: httpx keeps what it does not know for a credential
        answer = await Fetcher(OPEN).get(web.url(), secret)
        assert (answer.body, answer.url) == (b"secret", other.url())
        assert b"s3cret" in web.seen[1]
        assert b"s3cret" not in other.seen[1]
        assert b"previews" in other.seen[1]


async def test_a_redirect_from_https_to_http_is_refused() -> None:
    from garrison.inputs.fetch_rule import next_headers

    with pytest.raises(FetchRefused) as caught:
        next_headers({}, httpx.URL("https://a.example/"), httpx.URL("http://a.example/"))
    assert caught.value.why is Why.DOWNGRADE


async def test_redirects_end() -> None:
    async with serving("Location: /", status="301 Moved Permanently") as web:
        assert await refusal(Fetcher(OPEN), web.url()) is Why.REDIRECT
        assert len(web.seen) == 4


async def test_sizes_times_types_and_encodings_are_bounded() -> None:
    def rule(**changes: object) -> Fetcher:
        return Fetcher(FetchRule(ports=(), allow_insecure_networks=LOCAL, **changes))  # type: ignore[arg-type]

    async with serving(endless=True) as web:
        assert await refusal(rule(most=5000), web.url()) is Why.SIZE
        assert len((await rule(most=5000, cut=True).get(web.url())).body) == 5000
        assert await refusal(rule(seconds=0.3), web.url()) is Why.TIME
    async with serving("Content-Type: Text/HTML; charset=utf-8") as web:
        assert (await rule(types=("text/html",)).get(web.url())).type == "text/html"
        assert await refusal(rule(types=("image/png",)), web.url()) is Why.TYPE
    async with serving("Content-Encoding: gzip") as web:
        assert await refusal(rule(), web.url()) is Why.ENCODING


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://a.example/", Why.SCHEME), ("file:///etc/passwd", Why.SCHEME), ("", Why.SCHEME), ("x", Why.SCHEME),
        ("https://u:p@a.example/", Why.USER), ("https://a.example:8443/", Why.PORT),
        ("https://a.example:80/", Why.PORT),
        ("http://a.example:0/", Why.PORT), ("https:///", Why.HOST), ("https://b.example/", Why.HOST),
        ("https://a.example.evil/", Why.HOST), ("https://xa.example/", Why.HOST), ("https://[::1/", Why.HOST),
        ("https://a\n.example/", Why.HOST),
    ],
)  # fmt: skip
async def test_shapes_that_are_not_allowed_are_refused_before_anything_is_resolved(url: str, why: Why) -> None:
    names = Names(("1.1.1.1",))
    fetch = Fetcher(FetchRule(hosts=("a.example", "*.a.example")), resolve=names)
    assert (await refusal(fetch, url), names.asked) == (why, 0)


async def test_environment_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as proxy, serving(body=b"direct") as web:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        assert (await Fetcher(OPEN).get(web.url())).body == b"direct"
        assert proxy.seen == []


@pytest.mark.parametrize(
    "wrong", [{"schemes": ("gopher",)}, {"most": 0}, {"seconds": float("inf")}, {"allow_insecure_networks": ("x",)}]
)
def test_a_rule_without_bounds_is_not_built(wrong: dict[str, object]) -> None:
    with pytest.raises(OperatorError):
        FetchRule(**wrong)  # type: ignore[arg-type]
