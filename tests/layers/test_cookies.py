"""The cookies layer: what becomes of the application's Set-Cookie lines."""

from __future__ import annotations

import pytest

from garrison.core.exchange import Exchange
from garrison.core.verdict import Mode
from garrison.events.vocabulary import EventName
from garrison.layers import cookies
from garrison.policy import Policy
from tests.layers.wiring import Bench, answer, values
from tests.support.facts import make_facts

DEFAULT = Policy()


def sent(*lines: bytes, policy: Policy = DEFAULT, bench: Bench | None = None, queued: bytes = b"") -> list[bytes]:
    """The Set-Cookie lines that leave, for those the application wrote."""
    services = (bench or Bench()).services()
    exchange = Exchange(make_facts(), services)
    if queued:
        exchange.set_cookie(queued)
    headers = [(b"content-type", b"text/html"), *((b"set-cookie", line) for line in lines), (b"etag", b"x")]
    layer = cookies.compile(policy, services)
    assert layer.mode is not Mode.OFF
    return values(answer(layer, exchange, headers), b"set-cookie")


def test_a_bare_cookie_gets_all_three_attributes() -> None:
    assert sent(b"sid=1; Path=/") == [b"sid=1; Path=/; Secure; HttpOnly; SameSite=Lax"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"sid=1; secure; HTTPONLY; samesite=strict", b"sid=1; secure; HTTPONLY; samesite=strict"),
        (b"sid=1; SameSite=None", b"sid=1; SameSite=None; Secure; HttpOnly"),
        (b"sid=1;", b"sid=1; Secure; HttpOnly; SameSite=Lax"),
        (b"sid=1; Secure; Partitioned", b"sid=1; Secure; Partitioned; HttpOnly; SameSite=Lax"),
        (b'sid="a b=c"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0',
         b'sid="a b=c"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; HttpOnly; SameSite=Lax'),
        (b"securesid=HttpOnly", b"securesid=HttpOnly; Secure; HttpOnly; SameSite=Lax"),
        (b"sid=; Path=/", b"sid=; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (b"caf\xc3\xa9=\xff", b"caf\xc3\xa9=\xff; Secure; HttpOnly; SameSite=Lax"),
    ],
)  # fmt: skip
def test_only_what_is_missing_is_appended(line: bytes, expected: bytes) -> None:
    assert sent(line) == [expected]


def test_no_line_is_lost_and_the_order_stays() -> None:
    lines = sent(b"a=1", b"b=2", b"a=3")
    assert [line.split(b";")[0] for line in lines] == [b"a=1", b"b=2", b"a=3"]


def test_other_headers_stay_where_they_are() -> None:
    exchange = Exchange(make_facts(), Bench().services())
    headers = [(b"a", b"1"), (b"set-cookie", b"x=1"), (b"b", b"2"), (b"set-cookie", b"y=1")]
    after = answer(cookies.compile(DEFAULT, exchange.services), exchange, headers)
    assert [name for name, _ in after] == [b"a", b"set-cookie", b"b", b"set-cookie"]


@pytest.mark.parametrize("name", ["csrftoken", "XSRF-TOKEN", "my_csrf_thing", "__Secure-Csrf", "front-end"])
def test_cookies_that_scripts_read_are_not_made_http_only(name: str) -> None:
    policy = Policy(cookies={"readable": ("front-end", "csrftoken")})
    assert sent(f"{name}=1".encode(), policy=policy) == [f"{name}=1; Secure; SameSite=Lax".encode()]


def test_our_own_csrf_cookies_name_is_readable_whatever_it_is() -> None:
    assert b"HttpOnly" not in sent(b"token=1", policy=Policy(csrf={"cookie": "token"}))[0]


def test_a_cookie_to_leave_is_left() -> None:
    assert sent(b"legacy=1; Path=/x", policy=Policy(cookies={"leave": ("legacy",)})) == [b"legacy=1; Path=/x"]


@pytest.mark.parametrize(
    "line",
    [
        b"__Host-sid=1; Path=/; Domain=example.com; Secure",
        b"__host-sid=1; Path=/admin; Secure",
        b"__Host-sid=1; Secure",
        b"=value",
        b"novalue",
        b"",
        b"sid=1\x00; Path=/",
    ],
)
def test_a_cookie_that_browsers_drop_passes_as_it_is_and_is_reported(line: bytes) -> None:
    bench = Bench()
    assert sent(line, b"sid=2", bench=bench)[0] == line
    [(name, details)] = bench.events
    assert name == EventName.COOKIE_MALFORMED
    assert details["detail"]


def test_the_report_does_not_hold_the_value() -> None:
    bench = Bench()
    sent(b"__Host-sid=hunter2; Secure", bench=bench)
    assert bench.events
    assert "hunter2" not in str(bench.events)


def test_prefixed_cookies_stay_valid() -> None:
    assert sent(b"__Host-sid=1; Path=/") == [b"__Host-sid=1; Path=/; Secure; HttpOnly; SameSite=Lax"]
    assert sent(b"__Secure-sid=1; Domain=example.com")[0].startswith(b"__Secure-sid=1; Domain=example.com; Secure")


def test_each_attribute_can_be_switched_off() -> None:
    policy = Policy(cookies={"secure": False, "http_only": False, "same_site": ""})
    assert sent(b"sid=1", policy=policy) == [b"sid=1"]


@pytest.mark.parametrize("mode", ["enforce", "monitor", "off"])
def test_waiting_cookies_are_written_in_every_mode(mode: str) -> None:
    policy = Policy(cookies={"mode": mode, "allow_insecure_off": "test"})
    assert sent(b"a=1; Secure; HttpOnly; SameSite=Lax", policy=policy, queued=b"s=1; Path=/")[1:] == [b"s=1; Path=/"]


@pytest.mark.parametrize("mode", ["monitor", "off"])
def test_outside_enforce_the_applications_cookies_stay_as_they_are(mode: str) -> None:
    assert sent(b"a=1", policy=Policy(cookies={"mode": mode, "allow_insecure_off": "test"})) == [b"a=1"]


def test_waiting_cookies_are_written_once() -> None:
    exchange = Exchange(make_facts(), Bench().services())
    exchange.set_cookie(b"s=1")
    layer = cookies.compile(DEFAULT, exchange.services)
    assert values(answer(layer, exchange, []), b"set-cookie") == [b"s=1"]
    assert values(answer(layer, exchange, []), b"set-cookie") == []
