"""The request target: short enough, and read alike by every parser on the way.

Threat: a path that a proxy's or Garrison's rule reads one way and the application another (CWE-22, CWE-41, CWE-436),
control characters that split logs and headers (CWE-93, CWE-117), targets without end (CWE-770). Faults are found by
`core.path`; here the policy says which are refused. A bare `#`, a bare byte above 0x7f in the path, and a target that
does not begin with `/` are always refused: no conforming client sends them to an origin server.

The query is judged only for bare control characters and spaces. Lets pass: percent-encoded ones in the query (forms
send line breaks), bare bytes above 0x7f in the query (some tools send UTF-8 unencoded, and no rule of ours reads the
query), and every fault the policy passes. A path with a fault is of the default class, whatever class it resembles.
"""

from __future__ import annotations

from ..core.errors import OperatorError
from ..core.facts import Facts
from ..core.layer import Layer
from ..core.path import FAULTS
from ..core.ports import Services
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import Policy, TargetSection

NAME = "target"
KEYS = {
    "control": "control_characters",
    "encoded-slash": "encoded_slash",
    "backslash": "backslash",
    "dot-segment": "dot_segments",
    "empty-segment": "empty_segments",
    "double-encoding": "double_encoding",
    "invalid-utf8": "invalid_utf8",
    "malformed-percent": "malformed_percent",
}
"""Faults that the policy may let pass, and the key of `[target]` that says so."""
_BARE_CONTROLS = bytes((*range(0x21), 0x7F))
"""What stands in a query only when a client writes it raw: control characters and the space."""
_TOO_LONG = Refuse(Reason.TARGET_TOO_LONG, 414, layer=NAME, hint="The address is too long.")


class TargetPerRoute(OperatorError):
    """A route class says which faults pass, but a path with a fault is never of that class."""

    def __init__(self, route: str, key: str) -> None:
        super().__init__(
            f"The route class {route!r} sets `target.{key}`, which could never take effect: a path with a fault "
            "belongs to the default class.",
            remedy="Set it in the top-level [target] section.",
        )


def compile(policy: Policy, services: Services) -> Layer:
    """400 for a fault the policy refuses, 414 for length. Raises `TargetPerRoute`."""
    section = policy.target
    _check_route(policy)
    longest = section.max_length
    refused = _refused(section)
    judge_query = section.control_characters == "refuse"

    def decide(facts: Facts) -> Verdict:
        query = facts.query
        if len(facts.raw_path) + len(query) > longest:
            return _TOO_LONG
        if facts.path_fault and (found := refused.intersection(facts.path_fault.split())):
            return _malformed(" ".join(sorted(found)))
        if query and judge_query and len(query.translate(None, _BARE_CONTROLS)) != len(query):
            return _malformed("control in query")
        return None

    return Layer(NAME, decide=decide, mode=section.mode)


def _refused(section: TargetSection) -> frozenset[str]:
    return frozenset(fault for fault in FAULTS if fault not in KEYS or getattr(section, KEYS[fault]) == "refuse")


def _check_route(policy: Policy) -> None:
    if policy.route is None:
        return
    for key in policy.route.sections.get(NAME, {}):
        if key in KEYS.values():
            raise TargetPerRoute(policy.route.name, key)


def _malformed(detail: str) -> Refuse:
    return Refuse(Reason.TARGET_MALFORMED, 400, layer=NAME, detail=detail, hint="The address cannot be read safely.")
