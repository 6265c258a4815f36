"""Names that must be the same everywhere."""

from __future__ import annotations

from typing import Final

STATE_KEY: Final = "garrison"
"""Garrison's one key in the ASGI `state`: `request.state.garrison`."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods without side effects by RFC 9110 section 9.2.1 (TRACE is refused before anything asks)."""

METHODS: Final = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
"""The usual methods: what depends on the method is worked out for these at the start."""

CSRF_HEADER: Final = b"x-csrf-token"
CSRF_FIELD: Final = "csrf_token"

PURPOSE_SESSION: Final = "session"
PURPOSE_CSRF: Final = "csrf"
PURPOSE_LOGIN: Final = "login"
PURPOSE_DEVICE: Final = "device"
