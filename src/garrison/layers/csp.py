"""Content-Security-Policy (Level 3): which code and content a page may load, with a nonce per answer.

Threat: injected markup runs as script, frames the page, or sends its data elsewhere (CWE-79, CWE-1021).
Assumption: templates take the nonce from `request.state.garrison.nonce` and write it on their own scripts and styles.
Lets pass: what the directives allow (`weaknesses` names it); injection without script into a page that allows it.

An answer gets a nonce when the application drew one, or when it is a page: a streamed template may draw it after the
headers are gone. Every other answer gets the same policy without its nonce source, which allows strictly less.

A 304 gets no policy that has nonces: browsers lay its headers over the page in their cache, whose scripts carry the
nonce of the answer they came with, and would block them (w3c/webappsec-csp issue 161). The page keeps its own policy.

Mode "monitor" sends `Content-Security-Policy-Report-Only` and leaves the application's own policy in force.
`upgrade-insecure-requests` is left out in development, where WebKit would upgrade http://localhost too, and, like
`sandbox`, in report-only, where it has no effect (Upgrade Insecure Requests, section 3.1; CSP3, section 6.3.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..core.exchange import Exchange
from ..core.headers import Edit
from ..core.layer import Amend, Layer
from ..core.ports import Services
from ..core.verdict import HeaderList, Mode
from ..policy.csp import NONCE, BadDirective, check_directives, weaknesses
from ..policy.model import CspSection, Policy
from .reporting import REPORT_TO, reports_path

__all__ = ["BadDirective", "compile", "weaknesses"]

_ENFORCED: Final = b"content-security-policy"
_REPORT_ONLY: Final = b"content-security-policy-report-only"
SANDBOX: Final = b"sandbox; default-src 'none'; frame-ancestors 'none'"
_ENDPOINTS: Final = b"reporting-endpoints"
_MARK: Final = "\0"


def compile(policy: Policy, services: Services) -> Layer:
    """The policy's directives as bytes, split around the nonce. Raises `BadDirective` (an `OperatorError`).

    The layer's own mode is never "monitor": report-only is another header, written as surely as the enforced one.
    """
    section = policy.csp
    if section.mode is Mode.OFF:
        return Layer("csp", mode=Mode.OFF)
    wanted = section.in_force
    check_directives(wanted)
    monitor = section.mode is Mode.MONITOR
    path = reports_path(policy)
    _check_trusted(section)
    _check_reporting(wanted, path, monitor=monitor)
    name = _REPORT_ONLY if monitor else _ENFORCED
    endpoints: HeaderList = ((_ENDPOINTS, f'{REPORT_TO}="{path}"'.encode()),) if path else ()
    claims = (name, *(pair[0] for pair in endpoints))
    idle = {"upgrade-insecure-requests", "sandbox"} if monitor else set()
    if policy.development:
        idle.add("upgrade-insecure-requests")
    directives = {name: values for name, values in wanted.items() if name not in idle}
    parts = _serialise(directives, path).encode().split(_MARK.encode())
    if len(parts) == 1:
        sandbox = None if monitor else _sandbox
        return Layer("csp", amend=sandbox, sets=((name, parts[0]), *endpoints), claims=claims)
    bare = {name: _without_nonce(values) for name, values in directives.items()}
    amend = _amend(name, parts, _serialise(bare, path).encode())
    return Layer("csp", amend=amend, sets=endpoints, drops=(name,), claims=claims)


def _check_trusted(section: CspSection) -> None:
    if not section.trusted_types:
        return
    taken = [name for name in ("require-trusted-types-for", "trusted-types") if name in section.without]
    if taken:
        remedy = "Take it out of csp.without, or set csp.trusted_types to nothing."
        raise BadDirective(taken[0], "is left out: csp.trusted_types would hold nobody", remedy)
    if "trusted-types" in section.directives:
        remedy = "Keep one of the two: csp.trusted_types allows its own policy only."
        raise BadDirective("trusted-types", "stands beside csp.trusted_types, and only one would be used", remedy)


def _check_reporting(directives: Mapping[str, Sequence[str]], path: str, *, monitor: bool) -> None:
    own = next((name for name in ("report-to", "report-uri") if name in directives), None)
    if own and path:
        remedy = "Take it out, or set csp.report = false to send reports elsewhere."
        raise BadDirective(own, "stands beside csp.report = true, and only one of the two would be used", remedy)
    if monitor and not own and not path:
        remedy = "Set csp.report = true and keep the reports section on, or name a report-to of your own."
        raise BadDirective("report-to", 'is missing: csp.mode = "monitor" would watch nothing', remedy)


def _serialise(directives: Mapping[str, Sequence[str]], path: str) -> str:
    lines = [" ".join((name, *(_quote(value) for value in values))) for name, values in directives.items()]
    if path:
        lines += [f"report-uri {path}", f"report-to {REPORT_TO}"]  # browsers that know report-to ignore report-uri
    return "; ".join(lines)


def _quote(value: str) -> str:
    return f"'nonce-{_MARK}'" if value == NONCE else value


def _without_nonce(values: Sequence[str]) -> tuple[str, ...]:
    """The same sources without the nonce. `'strict-dynamic'` stays: a worker's policy lets it import by it."""
    rest = tuple(value for value in values if value != NONCE)
    return rest or (("'none'",) if values else ())


def _sandbox(exchange: Exchange, edit: Edit) -> None:
    """A second policy for files of somebody else's: a browser enforces both (CSP3, section 8.1)."""
    if exchange.sandboxed and not edit.ours:
        edit.headers.append((_ENFORCED, SANDBOX))


def _amend(name: bytes, parts: Sequence[bytes], bare: bytes) -> Amend:
    without = (name, bare)

    def amend(exchange: Exchange, edit: Edit) -> None:
        if edit.status == 304:
            return
        if exchange.sandboxed and name == _ENFORCED:
            _sandbox(exchange, edit)
        nonce = exchange.nonce_drawn
        if not nonce:
            if edit.ours or not edit.page:
                edit.headers.append(without)
                return
            nonce = exchange.nonce
        edit.headers.append((name, nonce.encode().join(parts)))

    return amend
