"""Presets: named, dated, and cited sets of values.

A preset is a difference from the model's defaults, which are `browser`. An undated name means the newest date; a dated
name (`browser-2026-11`) pins it, and stays available for at least two further dates.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import OperatorError
from .model import CspSection, HeadersSection


@dataclass(frozen=True, slots=True)
class Preset:
    """`values` are laid under what the user writes. `source` cites where the profile comes from."""

    name: str
    date: str
    summary: str
    source: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pinned(self) -> str:
        return f"{self.name}-{self.date}"


class UnknownPreset(OperatorError):
    """`preset` names nothing we have."""

    def __init__(self, name: str) -> None:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Choose one of: " + ", ".join(LATEST) + "."
        super().__init__(f"There is no preset {name!r}.", remedy=hint)
        self.name = name


_NO_BROWSER_STATE = "no cookie authenticates in this preset: bearer tokens only"

BROWSER = Preset(
    name="browser",
    date="2026-11",
    summary="pages and cookies: strict CSP with nonces, CSRF tokens, isolation headers",
    source="OWASP ASVS 5.0 V3; Mozilla web security guidelines; CSP Level 3 strict policy",
)

API = Preset(
    name="api",
    date="2026-11",
    summary="JSON and bearer tokens: nothing renders, nothing is embedded, no CSRF token",
    source="OWASP REST Security Cheat Sheet; OWASP ASVS 5.0 V4",
    values={
        "content": {"types": ("application/json", "application/*+json")},
        "csrf": {"mode": "off", "allow_insecure_off": _NO_BROWSER_STATE},
        "csp": {"directives": {"default-src": ("'none'",), "base-uri": ("'none'",), "form-action": ("'none'",),
                               "frame-ancestors": ("'none'",)}},
        "cache": {"no_store": "always"},
        "cookies": {"same_site": "Strict"},
    },
)  # fmt: skip

COMPAT = Preset(
    name="compat",
    date="2026-11",
    summary="somebody else's application, unchanged: enforceable CSP without nonces, origin check without tokens",
    source="observed with datasette and nicegui in Chromium (docs/compat.md)",
    values={
        "target": {"encoded_slash": "pass", "empty_segments": "pass", "double_encoding": "pass",
                   "backslash": "pass", "malformed_percent": "pass"},
        "size": {"body": "100 MB", "decompress": ("gzip", "deflate")},
        "content": {"mode": "off", "allow_insecure_off": "compat: the application's own content types are unknown"},
        "body": {"mode": "off", "allow_insecure_off": "compat: the application's own bodies are unknown"},
        "rate": {"address": ("3000/minute burst 1000",)},
        "csrf": {"mode": "off", "allow_insecure_off": "compat: the application sends no token; the origin layer holds"},
        "csp": {
            "directives": {
                "default-src": ("'none'",),
                "connect-src": ("'self'",), "font-src": ("'self'",), "form-action": ("'self'",),
                "base-uri": ("'self'",), "worker-src": ("'self'",), "media-src": ("'self'",),
                "manifest-src": ("'self'",), "object-src": ("'none'",), "frame-ancestors": ("'none'",),
                "script-src": ("'self'", "'unsafe-inline'"), "style-src": ("'self'", "'unsafe-inline'"),
                "img-src": ("'self'", "data:"),
            },
        },
        "errors": {"validation": "pass", "unhandled": "pass"},
        "websocket": {"message": "16 MB", "messages": "6000/minute burst 2000"},
    },
)  # fmt: skip

TESTING = Preset(
    name="testing",
    date="2026-11",
    summary="for test suites: accepts the host `testserver`, no rate limits; refused in production",
    source="Starlette's and httpx's test clients send Host: testserver",
    values={
        "hosts": ("testserver", "localhost", "127.0.0.1"),
        "rate": {"mode": "off", "allow_insecure_off": "testing: suites send faster than people"},
        "websocket": {"messages": "1000000/second burst 1000000"},
        "events": {"output": "none", "store": False},
        "audit": {"enabled": False},
        "detection": {"enabled": False},
        "passwords": {"profile": "testing"},
        "store": "memory",
    },
)

_ALL = (BROWSER, API, COMPAT, TESTING)
LATEST: Mapping[str, Preset] = {preset.name: preset for preset in _ALL}
PRESETS: Mapping[str, Preset] = {**LATEST, **{preset.pinned: preset for preset in _ALL}}


def preset(name: str) -> Preset:
    """The preset called `name`, dated or not. Raises `UnknownPreset`."""
    try:
        return PRESETS[name]
    except KeyError:
        raise UnknownPreset(name) from None


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `under`, table by table; a value that is not a table replaces the one below whole."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def apply_preset(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What the user wrote, over the values of the preset it names. Raises `UnknownPreset`.

    Directives and permissions are tables as well: naming one of them changes that one and keeps the rest, because a
    policy that loses `default-src 'none'` by accident would be open where its author tightened it.
    """
    tables = (
        ("csp", "directives", CspSection().directives),
        ("headers", "permissions", HeadersSection().permissions),
    )
    values = preset(str(raw.get("preset", "browser"))).values
    for section, name, table in tables:
        if name in raw_table(raw, section) and name not in raw_table(values, section):
            values = merge({section: {name: table}}, values)
    return merge(values, raw)


def raw_table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The table `name` of unvalidated values; empty when there is none, or something else stands in its place."""
    table = values.get(name)
    return table if isinstance(table, Mapping) else {}
