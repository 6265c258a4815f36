"""Request ids and nonces, drawn in batches because a system call per request is dear.

A forked child must not repeat what its parent drew: pools are emptied and prefixes renewed after a fork.
"""

from __future__ import annotations

import base64
import itertools
import os
import secrets
import weakref
from collections.abc import Callable
from typing import Protocol

_BATCH = 64
_NONCE_BYTES = 16


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
    """What request ids are made of, see `core.facts`: a random prefix, so that they are unique among processes and
    starts, and a number. They are names, not secrets."""

    __slots__ = ("__weakref__", "next", "prefix")

    next: Callable[[], int]

    def __init__(self) -> None:
        self.renew()
        _pools.add(self)

    def renew(self) -> None:
        """Take a new prefix."""
        self.prefix = secrets.token_hex(5)
        self.next = itertools.count().__next__
