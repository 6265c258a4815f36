"""The keyring of the session: a real one, and what only looks like one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from garrison.policy.model import Policy
from garrison.policy.reference import Reference, parse_reference
from garrison.secrets import SecretRefused, SourceAway
from garrison.secrets.resolver import Resolver
from garrison.secrets.source_keyring import KeyringSource
from tests.support.keyring_session import session
from tests.support.sealed import machine

WHERE = Reference("keyring", "shop/secret")


@contextmanager
def chosen(backend: Any) -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield
    finally:
        keyring.set_keyring(before)


class Plain(KeyringBackend):
    """As one of keyrings.alt: a password in a file for everybody."""

    priority = 1  # type: ignore[assignment]  # the library's own way to say it

    def get_password(self, service: str, username: str) -> str | None:
        return "canary-in-a-plain-file"

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


def test_the_identity_of_a_sealed_file_may_be_in_it(tmp_path: Any) -> None:
    made = machine(tmp_path)
    made.work.set({"token": "sealed-t0ken"})
    with session(tmp_path) as real:
        real.set_password("shop", "identity", made.work.identity())
        section = {**made.policy.given["secrets"], "identity": "keyring:shop/identity"}
        policy = Policy(**{**made.policy.given, "secrets": section})
        assert Resolver.from_policy(policy, {}).read("sealed:token").reveal() == "sealed-t0ken"


@pytest.mark.parametrize("backend", [Plain(), null.Keyring()])
def test_what_is_no_keyring_of_the_system_is_refused(backend: KeyringBackend) -> None:
    with chosen(backend), pytest.raises(SecretRefused) as caught:
        KeyringSource().read(WHERE)
    assert "canary" not in str(caught.value)


def test_a_session_without_a_keyring_is_told() -> None:
    with chosen(fail.Keyring()), pytest.raises(SourceAway, match="no keyring"):
        KeyringSource().read(WHERE)


def test_a_locked_keyring_that_asks_nobody_is_not_waited_for() -> None:
    over = threading.Event()
    with pytest.raises(SourceAway, match="not answered"):
        KeyringSource(0.05)._within("the keyring", over.wait)
    over.set()


@pytest.mark.parametrize("text", ["keyring:shop", "keyring:/x", "keyring:a/b/c", "keyring:a/", "keyring:a b/c"])
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="keyring"):
        parse_reference(text)
