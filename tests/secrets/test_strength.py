"""Which texts are root keys."""

from __future__ import annotations

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.secrets.strength import Weak, root_key


def test_a_key_is_read_as_hexadecimal_as_base64_or_as_it_stands() -> None:
    key = secrets.token_bytes(32)
    assert root_key(key.hex()) == key
    assert root_key(key.hex().upper()) == key
    assert root_key(base64.urlsafe_b64encode(key).decode()) == key
    assert root_key(base64.urlsafe_b64encode(key).decode().rstrip("=")) == key
    assert root_key(base64.b64encode(key).decode()) == key
    text = "kX!9$wq2#Lm7^Zr4&Tn8*Bv1(Hc5)Jd3_Gf6+Ps0=Ya~"
    assert root_key(text) == text.encode()


@given(st.integers(32, 64))
def test_random_keys_of_every_length_are_accepted(length: int) -> None:
    assert len(root_key(secrets.token_urlsafe(length))) == length
    assert len(root_key(secrets.token_hex(length))) == length


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        secrets.token_urlsafe(31),
        secrets.token_hex(16),
        "a" * 64,
        "00" * 32,
        "A" * 43,
        "ab" * 40,
        bytes(range(32)).hex(),
        bytes(range(0, 96, 3)).hex(),
        (secrets.token_bytes(16) * 2).hex(),
        base64.b64encode(b"hunter2 hunter2 hunter2 hunter2 ").decode(),
        "changeme-changeme-changeme-changeme-changeme",
        "CHANGE_ME" + secrets.token_urlsafe(40),
        "this!is!my!insecure!development!key!do!not!use",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "$hort but with ümlauts",
    ],
    ids=lambda text: f"{len(text)} characters",  # the same names in every process: some of these are random
)
def test_short_regular_and_published_keys_are_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(Weak) as caught:
        root_key(text)
    assert not text or text not in str(caught.value)


@given(st.text(max_size=200))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    try:
        assert len(root_key(text)) >= 32
    except Weak as weak:
        assert str(weak)  # noqa: PT017  # either outcome is right; what counts is that there is no third
