"""Methods: the application sees those it was written for.

Threat: methods nobody thought of. TRACE echoes headers that scripts may not read (CWE-693, cross-site tracing), CONNECT
makes a proxy of the server, an unlisted one slips past rules written for GET and POST (CWE-650). Names are compared as
sent, since methods are case-sensitive (RFC 9110 section 9.1).

Method override headers (`X-HTTP-Method-Override` and its kin) let a request be one method for Garrison and another for
an application that honours them. They are refused on methods without side effects, which CSRF checks and read-only mode
let through, and when they name a method that is not allowed. Lets pass: an override on a method with side effects to
another allowed one, and overrides in form fields (`_method`), which are not seen here.
"""

from __future__ import annotations

import re

from ..core.errors import OperatorError
from ..core.facts import Facts
from ..core.layer import Layer
from ..core.names import METHODS, SAFE_METHODS
from ..core.ports import Services
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import Policy

NAME = "method"
NEVER = frozenset({"TRACE", "TRACK", "CONNECT"})
OVERRIDES = (b"x-http-method-override", b"x-http-method", b"x-method-override")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Z-]+").fullmatch


class BadMethod(OperatorError):
    """An entry of `method.allow` that can't be a method, or must not be one."""


def compile(policy: Policy, services: Services) -> Layer:
    """405 with `Allow` for anything not listed. Raises `BadMethod`."""
    names = tuple(dict.fromkeys(_checked(name) for name in policy.method.allow))
    if not names:
        raise BadMethod("`method.allow` is empty, so nothing could be asked for.", remedy="List the methods to allow.")
    allowed = frozenset(names)
    allow = ((b"allow", ", ".join(names).encode("ascii")),)

    def refuse(detail: str) -> Refuse:
        hint = "This method is not allowed here."
        return Refuse(Reason.METHOD_NOT_ALLOWED, 405, headers=allow, layer=NAME, detail=detail, hint=hint)

    def decide(facts: Facts) -> Verdict:
        if facts.method not in allowed:
            return refuse(facts.method[:32])
        headers = facts.headers
        if OVERRIDES[0] in headers or OVERRIDES[1] in headers or OVERRIDES[2] in headers:
            return judge_override(facts)
        return None

    def judge_override(facts: Facts) -> Verdict:
        for name in OVERRIDES:
            for value in facts.values(name):
                wanted = value.decode("latin-1").strip().upper()
                if wanted != facts.method and (facts.method in SAFE_METHODS or wanted not in allowed):
                    return refuse(f"{facts.method} overridden by {name.decode('ascii')}")
        return None

    return Layer(NAME, decide=decide, spares=METHODS & allowed, unless=frozenset(OVERRIDES), mode=policy.method.mode)


def _checked(name: str) -> str:
    method = name.upper()
    if method in NEVER:
        raise BadMethod(
            f"`method.allow` lists {method}, which never passes.",
            remedy=f"Take {method} out.",
            reference="OWASP Web Security Testing Guide, WSTG-CONF-06",
        )
    if _TOKEN(method) is None:
        raise BadMethod(
            f"`method.allow` lists {name!r}, which is no method.", remedy="Write names such as GET or POST."
        )
    return method
