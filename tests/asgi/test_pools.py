"""Nonces and request ids: random enough, and never shared by parent and child."""

from __future__ import annotations

import base64
import os

import pytest

from garrison.asgi.pools import Nonces, RequestIds


def test_nonces_carry_128_bits_and_never_repeat() -> None:
    draw = Nonces()
    drawn = [draw() for _ in range(1000)]
    assert len(set(drawn)) == 1000
    assert {len(base64.b64decode(nonce + "==")) for nonce in drawn} == {16}


def in_child(*draws: object) -> list[str]:
    """What a forked child draws."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, "\n".join(draw() for draw in draws).encode())  # type: ignore[operator]
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read().split("\n")
    os.waitpid(child, 0)
    return told


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_draws_other_nonces_and_ids_than_its_parent() -> None:
    nonces, ids = Nonces(), RequestIds()
    nonces()
    other_nonce, other_prefix = in_child(nonces, lambda: ids.prefix)
    assert nonces() != other_nonce
    assert ids.prefix != other_prefix, "they count under prefixes of their own"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_control_a_pool_without_care_gives_parent_and_child_the_same() -> None:
    ready = [os.urandom(16).hex() for _ in range(3)]
    assert in_child(ready.pop) == [ready.pop()]
