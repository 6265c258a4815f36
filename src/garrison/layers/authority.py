"""Ambient authority: what a browser adds to a request by itself, whoever wrote the page that sent it.

Cookies, stored HTTP credentials (Basic, Digest, Negotiate, …) and client certificates are ambient. A Bearer token is
not: a script has to put it there, and a foreign script does not know it (RFC 6750; OWASP CSRF Prevention Cheat Sheet).
Schemes that we don't know count as ambient.
Lets pass: authority by network position (an intranet, a VPN), which no header shows. The origin layer holds there.
"""

from __future__ import annotations

from ..core.facts import Facts


def ambient(facts: Facts) -> bool:
    """Whether the request carries authority that its sender need not know. Looks at every line of a repeated header."""
    headers = facts.headers
    if b"cookie" in headers and (headers[b"cookie"] or any(facts.values(b"cookie"))):
        return True
    if b"authorization" in headers and not all(map(_is_bearer, facts.values(b"authorization"))):
        return True
    return facts.certificate


def _is_bearer(value: bytes) -> bool:
    return value[:7].lower() == b"bearer "
