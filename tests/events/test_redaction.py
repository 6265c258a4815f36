"""Secrets go, the rest stays, and no input takes long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.events.patterns import MARK
from garrison.events.redaction import LONGEST, Redactor

REDACTOR = Redactor()
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----"

SECRETS = [  # (text, what must not be left of it)
    ("password=hunter2&x=1", "hunter2"),
    ("login failed: my_password: hunter2", "hunter2"),
    ("passwd = 'correct horse'", "horse"),
    ('{"token": "abcdef", "user": "u1"}', "abcdef"),
    ('{"apiKey":"abc def"}', "abc def"),
    ("token: a8f3", "a8f3"),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("Proxy-Authorization: NTLM abc", "abc"),
    ("Cookie: theme=dark; session=abc; x=secretpart", "secretpart"),
    ("set-cookie: id=4; Path=/", "id=4"),
    ("sent Bearer abcdefgh1234 to", "abcdefgh1234"),
    ("got basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("https://user:pa@ss@db.example.com/x", "pa@ss"),
    ("redis://:topsecret@cache:6379/0", "topsecret"),
    (f"was {JWT} there", "eyJzdWIi"),
    (JWT.rsplit(".", 1)[0] + ".", "eyJzdWIi"),
    ("key AKIAIOSFODNN7EXAMPLE used", "IOSFODNN7EXAMPLE"),
    ("wJalrXUtnFEMI7K7MDENGbPxRfiCYEXAMPLEKEY1", "MDENGbPx"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "7710c838"),
    ("glpat-abcdefghij_klmnopqrst", "klmnop"),
    ("sk_live_abcdefghijklmnop1234", "ijklmnop"),
    ("xoxb-2444333222111-abcdefABCDEF", "abcdefABCDEF"),
    (f"begin {PEM} end", "MIIEow"),
    (PEM[:60], "MIIEow"),
    ("card 4111 1111 1111 1111 ok", "4111 1111 1111"),
    ("4111111111111111", "411111111111"),
    ("5500-0000-0000-0004", "5500-0000"),
    ("amex 3782 822463 10005", "822463"),
    ("alice.smith+x@mail.example.com wrote", "alice"),
    ("/users/alice@example.com/notes", "alice"),
    ("/reset/MQ/c9k2q1-3f8b2c9d8e7f6a5b4c3d/", "3f8b2c9d8e7f"),
    ("/verify/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "884c7d65"),
    ("/s/Zx8q-2VfKp0sT_91LmWnEeRr", "2VfKp0sT"),
]

PLAIN = [
    "/api/v1/customers/8271/orders/2026-000123",
    "/static/js/app.3f2a9c1d.js",
    "/notes/550e8400-e29b-41d4-a716-446655440000/edit",
    "commit da39a3ee5e6b4b0d3255bfef95601890afd80709 of main",
    "image sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Mozilla/5.0 (X11; Linux x86_64; rv:10.0) Gecko/20100101 Firefox/10.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "the token: expired, the cookie: missing, the session: see the manual",
    "Basic authentication is off; bearer certificates are not; digest access neither",
    "order 4111111111111112 and parcel 1Z999AA10123456784 at 1732337810123456789",
    "call +49 30 1234 5678 90 or 0800-123-4567",
    "ssh://git@host.example.com/repo.git",
    "2026-11-23T04:56:50.066070+00:00 took 1234567890123 ns",
    "a user@ at @home said 3 @ 5",
    "Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ValueError: invalid literal for int() with base 10: 'abc'",
    "script-src 'self' 'strict-dynamic' https://cdn.example.com/lib@4.17.21/lodash.min.js",
    "fe80::1ff:fe23:4567:890a 2001:db8:85a3::8a2e:370:7334",
    "token_count=5 password_length=12 session_age=3600",
]

SLOW = [
    "eyJ" * 1400, "eyJ-" * 1100, "eyJa." * 900, "a@" * 2100, "a.a@" * 1100, "x@" + "a." * 2100, "x@" + "a-" * 2100,
    "a" * 4200, "a." * 2100 + "@", "://:" * 1100, "://" + "a:" * 2100, "token" * 900, "token-" * 700, "token " * 700,
    "token" + " " * 4200, "token=" * 700, "password=\"" + "a" * 4200, "csrf=csrf:" * 420, "bearer " * 600,
    "basic a" * 600, "cookie:" * 600, "cookie: a=" * 420, "4111 " * 900, "4111-" * 900, "1" * 4200, "4" * 4200,
    "1 " * 2100,
    "-----BEGIN PRIVATE KEY" * 200, "-----BEGIN " * 400, "-----BEGIN A PRIVATE KEY-----" * 150, "aA1" * 1400,
    "a-" * 2100, "A" * 4200, "f" * 4200, "AKIA" * 1100, "ghp_" * 1100, "\n" * 4200, "é" * 4200, "=" * 4200,
    "0-" * 2100, "550e8400-" * 500, "01" * 2100, "sha256:" * 600, "\"'" * 2100,
]  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_with_a_shape_is_taken_out_of_any_text(text: str, secret: str) -> None:
    assert secret in text  # the control
    assert secret not in REDACTOR.text(text)
    assert secret not in REDACTOR.text(f"ValueError: in '{text}'")


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("text", [text for text, _ in SECRETS] + PLAIN)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


def test_a_masked_mail_address_keeps_its_domain_and_a_card_its_last_digits() -> None:
    assert REDACTOR.text("alice@example.com") == "a***@example.com"
    assert REDACTOR.text("4111 1111 1111 1111") == "[redacted card 1111]"


def test_a_value_under_a_secret_name_is_never_written_whatever_it_is() -> None:
    assert REDACTOR.value("password", "x") == MARK
    assert REDACTOR.value("pin", 1234) == MARK
    assert REDACTOR.value("password", "") == ""
    assert REDACTOR.value("session", None) is None
    assert REDACTOR.value("has_token", True) is True


def test_names_of_the_policy_are_hidden_in_fields_and_in_text() -> None:
    redactor = Redactor(("customer-code", "iq"))
    assert redactor.value("customerCode", "77") == MARK
    assert redactor.value("customer_code", 77) == MARK
    assert redactor.text("customer_code=77 and IQ: 99") == f"customer_code={MARK} and IQ: {MARK}"
    assert redactor.text("iq: high") == f"iq: {MARK}"
    assert redactor.text("iq=101") == f"iq={MARK}"
    assert redactor.text("unique=101 customers=3") == "unique=101 customers=3"
    assert REDACTOR.text("customer_code=77") == "customer_code=77"


def test_a_secret_at_the_cut_leaves_no_half() -> None:
    text = "word " * ((LONGEST - 12) // 5) + " " + JWT
    assert JWT[:6] in text[:LONGEST]  # the control: the cut goes through the token
    assert "eyJ" not in REDACTOR.text(text)


def _seconds(text: str) -> float:
    began = time.perf_counter()
    REDACTOR.text(text)
    return time.perf_counter() - began


@pytest.mark.parametrize("text", SLOW, ids=lambda text: repr(text[:12]))
def test_no_shape_of_input_takes_long(text: str) -> None:
    assert min(_seconds(text) for _ in range(3)) < 0.02


def test_the_control_a_careless_pattern_does_take_long() -> None:
    began = time.perf_counter()
    re.search(r"(\w+\.?)+@", "a" * 22)
    assert time.perf_counter() - began > 0.02


ATOMS = st.sampled_from(
    ["eyJ", ".", "-", "_", "=", ":", " ", "@", "://", "password", "token", "cookie", "bearer", "4111", "'", '"', "\n",
     "-----BEGIN PRIVATE KEY", "-----END", "AKIA", "ghp_", "aB3", "f00d", "[redacted", "]", "é", "\u202e"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(ATOMS, max_size=600).map("".join))
def test_any_mixture_of_shapes_is_redacted_quickly(text: str) -> None:
    assert min(_seconds(text) for _ in range(2)) < 0.05
