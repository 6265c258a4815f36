"""Attacks on the CSP: injected directives, guessed or repeated nonces, an application's own loose policy.

Quoted rule: "The nonce … MUST be unique for each response" (CSP Level 3, section 7.1). The policies are judged by a
small evaluator after section 2.2.1 (parsing: the first directive of a name wins) and 6.7.3.3 (inline checks).
"""

from __future__ import annotations

import base64
import math

import pytest

from garrison.asgi.dress import dress
from garrison.asgi.pools import Nonces
from garrison.core.exchange import Exchange
from garrison.core.ports import Services
from garrison.core.stack import Stack
from garrison.layers import csp
from garrison.policy import Policy
from garrison.policy.csp import BadDirective, check_directives
from tests.support.facts import make_facts

NAME = b"content-security-policy"
HTML = (b"content-type", b"text/html")
LOOSE = (NAME, b"default-src * 'unsafe-inline' 'unsafe-eval' data:")


def parse(policy: str) -> dict[str, list[str]]:
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        name, *values = part.split()
        directives.setdefault(name.lower(), values)
    return directives


def inline_runs(policy: str, nonce: str = "") -> bool:
    """Whether a browser would run `<script nonce=…>` under `policy`."""
    directives = parse(policy)
    sources = directives.get("script-src", directives.get("default-src"))
    if sources is None:
        return True
    vouched = [source for source in sources if source.startswith(("'nonce-", "'sha"))]
    open_ = "'unsafe-inline'" in sources and not vouched and "'strict-dynamic'" not in sources
    return open_ or (bool(nonce) and f"'nonce-{nonce}'" in sources)


def policies(given: list[tuple[bytes, bytes]], exchange: Exchange | None = None, **settings: object) -> list[str]:
    stack = Stack.build([csp.compile(Policy(**settings), Services())])
    exchange = exchange or Exchange(make_facts(), Services(nonces=Nonces()))
    return [value.decode() for name, value in dress(stack, exchange, 200, given) if name == NAME]


@pytest.mark.parametrize("evil", ["'self'; script-src-elem *", "x, script-src *", "https://a.example;x", "a\nb", "\t"])
def test_a_value_can_not_start_another_directive_or_policy(evil: str) -> None:
    with pytest.raises(BadDirective):
        check_directives({"img-src": [evil]})


def test_control_a_joined_value_starts_another_directive() -> None:
    joined = "; ".join(["img-src 'self'; script-src *", "script-src 'none'"])
    assert parse(joined)["script-src"] == ["*"]


def test_a_directive_name_can_not_carry_values() -> None:
    with pytest.raises(BadDirective):
        check_directives({"img-src *; script-src": ["'self'"]})


def test_control_the_applications_loose_policy_lets_injected_script_run() -> None:
    assert inline_runs(LOOSE[1].decode())


def test_the_applications_loose_policy_does_not_replace_or_join_ours() -> None:
    found = policies([HTML, LOOSE, (b"Content-Security-Policy", LOOSE[1])])
    assert len(found) == 1
    assert not inline_runs(found[0])


def test_an_injected_script_without_the_nonce_does_not_run_and_the_pages_own_does() -> None:
    exchange = Exchange(make_facts(), Services(nonces=Nonces()))
    nonce = exchange.nonce
    (policy,) = policies([HTML], exchange)
    assert inline_runs(policy, nonce)
    assert not inline_runs(policy)
    assert not inline_runs(policy, "guess")


@pytest.mark.parametrize(
    "kind",
    [b"", b"text/plain", b"image/svg+xml", b"text/xml", b"application/json", b"text/html-x", b"\xff\xfe", b"x" * 9000],
)
def test_an_answer_of_any_type_has_a_policy_that_runs_no_injected_script(kind: bytes) -> None:
    (policy,) = policies([(b"content-type", kind)])
    assert not inline_runs(policy)


def test_an_answer_without_a_type_has_one_too() -> None:
    (policy,) = policies([])
    assert not inline_runs(policy)


def test_control_taking_the_nonce_from_a_careless_list_would_open_it() -> None:
    assert not inline_runs("script-src 'nonce-x' 'unsafe-inline'")
    assert inline_runs("script-src 'unsafe-inline'")


def test_that_careless_list_is_refused() -> None:
    with pytest.raises(BadDirective):
        policies([HTML], csp={"directives": {"script-src": ("'nonce'", "'unsafe-inline'")}})


def test_control_a_fixed_nonce_is_known_after_one_look() -> None:
    fixed = "script-src 'nonce-fixed'"
    assert inline_runs(fixed, "fixed")


def test_a_fixed_nonce_is_refused() -> None:
    with pytest.raises(BadDirective):
        policies([HTML], csp={"directives": {"script-src": ("'nonce-fixed'",)}})


def test_no_two_answers_share_a_nonce_and_each_has_128_bits() -> None:
    draw = Nonces()
    seen = [
        policies([HTML], Exchange(make_facts(), Services(nonces=draw)))[0].split("'nonce-")[1].split("'")[0]
        for _ in range(300)
    ]
    assert len(set(seen)) == 300
    assert all(len(base64.b64decode(nonce + "==")) * 8 >= 128 for nonce in seen)
    counts = [sum(nonce.count(letter) for nonce in seen) for letter in "abcXYZ019"]
    assert max(counts) < 300 * 22 / 64 * 2 + math.sqrt(300)  # no letter stands out: the bits are spread
