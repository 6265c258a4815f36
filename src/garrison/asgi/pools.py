"""Request ids and nonces, drawn in batches because a system call per request is dear.

A forked child must not repeat what its parent drew: pools are emptied and prefixes renewed after a fork.
"""

from __future__ import annotations

import base64
import itertools
import os
import secrets
import weakref
from collections.abc import Callable, Iterator
from typing import Protocol

_BATCH = 64
_NONCE_BYTES = 16
_SCATTER = 2654435761
"""An odd multiplier: makes consecutive numbers look unrelated, so that an id does not tell how busy the service is."""
_TAILS = tuple(f"{number * 167 & 0xFF:02x}" for number in range(256))
"""All two-digit endings, scattered in the same way."""


class _Forkable(Protocol):
    def renew(self) -> None: ...


_pools: weakref.WeakSet[_Forkable] = weakref.WeakSet()


def _renew_all() -> None:
    for pool in list(_pools):
        pool.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


class Nonces:
    """CSP nonces: 128 random bits each, base64 without padding (CSP Level 3, section 8.1)."""

    __slots__ = ("__weakref__", "_ready")

    def __init__(self) -> None:
        self._ready: list[str] = []
        _pools.add(self)

    def renew(self) -> None:
        """Forget what was drawn ahead."""
        self._ready = []

    def __call__(self) -> str:
        if not self._ready:
            raw = os.urandom(_NONCE_BYTES * _BATCH)
            self._ready = [
                base64.b64encode(raw[i : i + _NONCE_BYTES]).rstrip(b"=").decode("ascii")
                for i in range(0, len(raw), _NONCE_BYTES)
            ]
        return self._ready.pop()


class RequestIds:
    """Ids unique among processes and starts: a random prefix and a scattered counter. They are names, not secrets."""

    __slots__ = ("__weakref__", "next")

    next: Callable[[], str]

    def __init__(self) -> None:
        self.renew()
        _pools.add(self)

    def renew(self) -> None:
        """Take a new prefix."""
        self.next = _ids(secrets.token_hex(5)).__next__


def _ids(prefix: str) -> Iterator[str]:
    """A block of ids is formatted at once: what is left for each is to join two texts."""
    for block in itertools.count():
        head = f"{prefix}{block * _SCATTER & 0xFFFFFF:06x}"
        for tail in _TAILS:
            yield head + tail
