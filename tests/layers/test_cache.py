"""Cache: personal answers are not stored, files and public answers keep their caches."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.asgi.dress import dress
from garrison.core.exchange import Exchange, Principal
from garrison.core.ports import Services
from garrison.core.stack import Stack
from garrison.layers import cache
from garrison.policy import Policy
from tests.support.facts import make_facts

NAME = b"cache-control"
CLEAR = b"clear-site-data"
SESSION = (b"cookie", b"theme=dark; __Host-session=abc.def")
PAGE = (b"content-type", b"text/html")


def exchange(*headers: tuple[bytes, bytes]) -> Exchange:
    return Exchange(make_facts(headers=headers), Services())


def answered(
    given: Exchange,
    *headers: tuple[bytes, bytes],
    status: int = 200,
    ours: bool = False,
    **policy: Any,
) -> list[tuple[bytes, bytes]]:
    stack = Stack.build([cache.compile(Policy(**policy), Services())])
    return dress(stack, given, status, headers or [PAGE], ours=ours)


def control(out: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [value for name, value in out if name == NAME]


def test_an_anonymous_answer_is_left_alone_even_with_other_cookies() -> None:
    anonymous = exchange((b"cookie", b"theme=dark; _ga=GA1.1.1; ai_session=x; _hjSession_1=y; csrftoken=z"))
    assert answered(anonymous) == [PAGE]


@pytest.mark.parametrize(
    "cookie",
    [b"__Host-session=x", b"sessionid=x", b"a=b; session=x", b"PHPSESSID=x", b"connect.sid=x", b"access_token=x",
     b"__Secure-next-auth.session-token=x", b"AUTH_TOKEN=x", b"remember_me=x", b"a=b;jwt=x"],
)  # fmt: skip
def test_a_cookie_that_looks_like_a_session_makes_the_answer_personal(cookie: bytes) -> None:
    assert control(answered(exchange((b"cookie", cookie)))) == [b"no-store"]


def test_what_one_line_holds_is_not_believed_of_another() -> None:
    stack = Stack.build([cache.compile(Policy(), Services())])
    lines = [b"sessionid=x", b"theme=dark", b"sessionid=x", b"theme=dark; sessionid=x", b"theme=dark"]
    out = [control(dress(stack, exchange((b"cookie", line)), 200, [PAGE])) for line in lines]
    assert out == [[b"no-store"], [], [b"no-store"], [b"no-store"], []]


def test_the_configured_session_cookie_makes_the_answer_personal() -> None:
    given = exchange((b"cookie", b"Biscuit=x"))
    assert control(answered(given)) == []
    assert control(answered(given, session={"cookie": "Biscuit"})) == [b"no-store"]


def test_a_session_in_the_first_of_two_cookie_lines_counts() -> None:
    assert control(answered(exchange((b"cookie", b"session=x"), (b"cookie", b"a=b")))) == [b"no-store"]


def test_authorization_makes_the_answer_personal() -> None:
    assert control(answered(exchange((b"authorization", b"Bearer x")))) == [b"no-store"]


def test_a_principal_makes_the_answer_personal() -> None:
    given = exchange()
    given.principal = Principal("u1")
    assert control(answered(given)) == [b"no-store"]


def test_a_csrf_token_in_the_answer_makes_it_personal() -> None:
    given = exchange()
    given.issue_csrf = lambda _: "token"
    assert given.csrf_token
    assert control(answered(given)) == [b"no-store"]


def test_a_session_of_ours_that_stands_for_nobody_leaves_the_answer_alone() -> None:
    presession = exchange(SESSION)
    presession.session = "verified, and without a principal"
    assert control(answered(presession)) == []
    beside = exchange((b"cookie", SESSION[1] + b"; sessionid=x"))
    beside.session = presession.session
    assert control(answered(beside)) == [b"no-store"]


@pytest.mark.parametrize("said", [b"private", b"max-age=600", b"private, max-age=600", b"no-cache"])
def test_the_applications_weaker_word_on_a_personal_answer_is_replaced(said: bytes) -> None:
    assert control(answered(exchange(SESSION), PAGE, (NAME, said))) == [b"no-store"]


@pytest.mark.parametrize("said", [b"no-store, max-age=0", b"private, No-Store"])
def test_an_answer_that_says_no_store_keeps_its_own_words(said: bytes) -> None:
    assert control(answered(exchange(SESSION), PAGE, (NAME, said))) == [said]


@pytest.mark.parametrize("said", [b"public, max-age=31536000, immutable", b"Public", b"s-maxage=60", b"immutable"])
def test_what_the_application_calls_shareable_keeps_its_cache(said: bytes) -> None:
    assert control(answered(exchange(SESSION), PAGE, (NAME, said))) == [said]


def test_a_word_that_only_contains_public_is_not_shareable() -> None:
    assert control(answered(exchange(SESSION), PAGE, (NAME, b"x-public, publicly"))) == [b"no-store"]


@pytest.mark.parametrize("kind", [b"text/css; charset=utf-8", b"text/javascript", b"font/woff2"])
def test_a_static_file_keeps_its_cache_for_people_who_are_logged_in(kind: bytes) -> None:
    modified = (b"last-modified", b"Mon, 02 Nov 2026 10:00:00 GMT")
    assert control(answered(exchange(SESSION), (b"content-type", kind), modified)) == []
    assert control(answered(exchange(SESSION), (b"content-type", kind))) == [b"no-store"]


def test_a_page_with_last_modified_is_still_personal() -> None:
    modified = (b"last-modified", b"Mon, 02 Nov 2026 10:00:00 GMT")
    assert control(answered(exchange(SESSION), PAGE, modified)) == [b"no-store"]


def test_a_304_leaves_the_stored_answer_as_it_is() -> None:
    assert control(answered(exchange(SESSION), (b"etag", b'"x"'), status=304)) == []


def test_our_refusals_are_never_stored() -> None:
    assert control(answered(exchange(), status=403, ours=True)) == [b"no-store"]
    assert control(answered(exchange(), PAGE, (NAME, b"no-store"), status=429, ours=True)) == [b"no-store"]


def test_our_refusals_are_never_stored_with_always_either_and_say_so_once() -> None:
    out = answered(exchange(), PAGE, (NAME, b"no-store"), status=403, ours=True, cache={"no_store": "always"})
    assert control(out) == [b"no-store"]


def test_always_means_always() -> None:
    out = answered(exchange(), PAGE, (NAME, b"public, max-age=60"), cache={"no_store": "always"})
    assert control(out) == [b"no-store"]


@pytest.mark.parametrize("no_store", ["authenticated", "always"])
def test_a_log_out_clears_the_browser_and_is_not_stored(no_store: str) -> None:
    given = exchange(SESSION)
    given.login = "out"
    out = answered(given, PAGE, (NAME, b"public"), cache={"no_store": no_store})
    assert dict(out)[CLEAR] == b'"cache", "storage"'
    assert control(out) == [b"no-store"]


@pytest.mark.parametrize("no_store", ["authenticated", "always"])
def test_a_log_in_is_not_stored_and_clears_nothing(no_store: str) -> None:
    given = exchange()
    given.login = "in"
    out = answered(given, cache={"no_store": no_store})
    assert control(out) == [b"no-store"]
    assert CLEAR not in dict(out)


def test_the_applications_own_clear_site_data_passes() -> None:
    assert dict(answered(exchange(), PAGE, (CLEAR, b'"cache"')))[CLEAR] == b'"cache"'


def test_off_leaves_personal_answers_alone() -> None:
    assert answered(exchange(SESSION), cache={"mode": "off", "allow_insecure_off": "test"}) == [PAGE]
