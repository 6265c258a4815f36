"""What each security header may say: values are checked when the stack is built, so that none is silently ignored.

Threat: a misspelt value is dropped by browsers without a word; a line break in one starts a header of its own
(CWE-113). Lets pass: known values that are weak, such as `unsafe-url`: the policy checks name these.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from ..core.errors import OperatorError

_REFERRER: Final = (
    "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "origin-when-cross-origin",
    "strict-origin-when-cross-origin", "unsafe-url",
)  # fmt: skip
_OPENER: Final = ("same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none")
_EMBEDDER: Final = ("require-corp", "credentialless", "unsafe-none")
_RESOURCE: Final = ("same-origin", "same-site", "cross-origin")
_CROSS_DOMAIN: Final = ("none", "master-only", "by-content-type", "by-ftp-filename", "all", "none-this-response")

_REGISTRY: Final = """
    accelerometer ambient-light-sensor attribution-reporting autoplay battery bluetooth browsing-topics camera
    captured-surface-control clipboard-read clipboard-write compute-pressure cross-origin-isolated deferred-fetch
    deferred-fetch-minimal digital-credentials-create digital-credentials-get direct-sockets display-capture
    document-domain encrypted-media execution-while-not-rendered execution-while-out-of-viewport
    focus-without-user-activation fullscreen gamepad geolocation gyroscope hid identity-credentials-get idle-detection
    interest-cohort join-ad-interest-group keyboard-map language-detector language-model local-fonts
    local-network-access magnetometer mediasession microphone midi navigation-override on-device-speech-recognition
    otp-credentials payment picture-in-picture private-state-token-issuance private-state-token-redemption
    publickey-credentials-create publickey-credentials-get rewriter run-ad-auction screen-wake-lock serial
    shared-storage shared-storage-select-url smart-card speaker-selection storage-access summarizer sync-script sync-xhr
    translator unload usb usb-unrestricted vertical-scroll web-share window-management writer
    xr-spatial-tracking
"""
FEATURES: Final = frozenset(_REGISTRY.split())
"""Features of the W3C Permissions Policy registry; others pass unless they look like one of these misspelt."""

_FEATURE = re.compile(r"[a-z][a-z0-9-]{0,63}")
_ORIGIN = r'"https?://(?:\*\.)?[A-Za-z0-9.-]+(?::\d{1,5})?"'
_ALLOW = re.compile(rf"\*|self|\(\s*(?:(?:self|src|\*|{_ORIGIN})(?:\s+(?:self|src|{_ORIGIN}))*)?\s*\)")
_REPORTED = re.compile(r'([a-z-]+)(; ?report-to="[a-z0-9_-]+")?')
_MISSPELT: Final = 0.85


class BadHeaderValue(OperatorError):
    """A value in the section `headers` is not one that browsers know."""

    def __init__(self, key: str, value: str, remedy: str) -> None:
        super().__init__(f"headers.{key}: {value!r} is not a value that browsers know.", remedy=remedy)
        self.key = key
        self.value = value


def referrer_policy(value: str) -> str:
    """One policy, or several separated by commas: the last known one counts (Referrer Policy, section 11.1)."""
    if value:
        for part in value.split(","):
            _choose("referrer_policy", part.strip(" "), _REFERRER)
    return value


def opener_policy(value: str) -> str:
    """HTML, section 7.1.3.1; may name an endpoint: `same-origin; report-to="garrison"`."""
    return _reported("cross_origin_opener_policy", value, _OPENER)


def embedder_policy(value: str) -> str:
    """HTML, section 7.1.4.1; may name an endpoint, as above."""
    return _reported("cross_origin_embedder_policy", value, _EMBEDDER)


def resource_policy(value: str) -> str:
    """Fetch, section 3.7 (Cross-Origin-Resource-Policy)."""
    return _choose("cross_origin_resource_policy", value, _RESOURCE)


def cross_domain_policies(value: str) -> str:
    """X-Permitted-Cross-Domain-Policies, for old plug-ins and document readers."""
    return _choose("permitted_cross_domain_policies", value, _CROSS_DOMAIN)


def dns_prefetch_control(value: str) -> str:
    """X-DNS-Prefetch-Control."""
    return _choose("dns_prefetch_control", value, ("off", "on"))


def permissions_policy(permissions: Mapping[str, str]) -> str:
    """The header's value (a structured dictionary, RFC 9651) from feature to allow-list; empty for no features."""
    for feature, allowed in permissions.items():
        _check_feature(feature)
        if not _ALLOW.fullmatch(allowed):
            remedy = 'Write "()", "*", "self" or a list such as \'(self "https://maps.example.com")\'.'
            raise BadHeaderValue(f"permissions.{feature}", allowed, remedy)
    return ", ".join(f"{feature}={allowed}" for feature, allowed in permissions.items())


def _check_feature(feature: str) -> None:
    if feature in FEATURES:
        return
    near = difflib.get_close_matches(feature.lower(), sorted(FEATURES), n=1, cutoff=_MISSPELT)
    if near:
        raise BadHeaderValue("permissions", feature, f"Did you mean {near[0]!r}?")
    if not _FEATURE.fullmatch(feature):
        raise BadHeaderValue("permissions", feature, "Feature names are lower-case letters, digits and hyphens.")


def _reported(key: str, value: str, known: Iterable[str]) -> str:
    match = _REPORTED.fullmatch(value)
    _choose(key, match[1] if match else value, known)
    return value


def _choose(key: str, value: str, known: Iterable[str]) -> str:
    if value and value not in known:
        near = difflib.get_close_matches(value.strip("'\" ").lower(), list(known), n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else "Choose one of: " + ", ".join(known) + "."
        raise BadHeaderValue(key, value, remedy)
    return value
