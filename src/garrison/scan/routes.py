"""`garrison routes`: every endpoint of an application, and what about it is unsafe.

Threat: the endpoint added in a hurry. Reads models, dependencies and source; the application is loaded and never
called. Assumption: what is loaded is what is served. What each rule lets pass stands in its module: `routes_models`,
`routes_access`, `routes_flow`, `routes_async`, `routes_graphql`, `source_sql`. Names decide where types can't; in doubt
a rule is silent.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ..accounts.authorisation_routes import Route, find_routes
from ..findings.record import Finding
from ..findings.report import Report, ToolStatus
from ..findings.severity import Severity
from ..policy.model import Policy
from ..policy.section_suppressions import SuppressionTable
from .exceptions import Exceptional
from .routes_access import Application, asks_who, authentication, csrf, limits, middleware_of, words_of
from .routes_async import blocking, effects
from .routes_catalogue import TOOL, Rule
from .routes_endpoint import SAFE, Code, Endpoint, Reader
from .routes_flow import flows
from .routes_graphql import graphql
from .routes_models import Incoming, answers, payload
from .source_files import Own, own_source, read_all
from .source_sql import find_built_sql
from .suppress import suppress

PolicyOf = Callable[[str, str], Policy | None]


@dataclass(frozen=True, slots=True)
class Exceptions:
    """The suppressions, the day they are judged on, the file they stand in, and from where on they need an approval."""

    tables: Sequence[SuppressionTable]
    today: date
    file: Path | None = None
    approval_from: Severity = Severity.HIGH


def examine_routes(
    app: object, reference: str, policy_of: PolicyOf, exceptions: Exceptions, version: str = "0"
) -> Report:
    """What is unsafe about the endpoints of `app`, which `reference` (module:attribute) named and which is loaded.

    `policy_of(path, method)` gives the policy in force there, None where the application is not hardened; `version` is
    what the report says of Garrison. Raises `RoutesUnknown` for an application that shows no routes.
    """
    own = own_source(reference)
    reader = Reader(own)
    routes = list(find_routes(app))
    endpoints = [one for route in _once(routes) if (one := reader.endpoint(route)) is not None]
    examined = [one for one in endpoints if one.own]
    middleware = middleware_of(app)
    around = Application(policy_of, middleware, words_of(middleware, lambda thing: _is_own(own, thing)))
    built, read = read_all("source", reference, find_built_sql)
    found = [*_merged(_judge(examined, around, reader)), *graphql(_once(routes), reader, around), *built]
    kept, count = suppress(
        found, Exceptional(exceptions.tables, exceptions.today, exceptions.approval_from), exceptions.file
    )
    return Report(
        command="routes",
        version=version,
        findings=tuple(kept),
        statuses=(_status(routes, endpoints, reader, count), read),
    )


def _once(routes: Sequence[Route]) -> Iterator[Route]:
    """Each path and method once: the first is the one that answers."""
    seen: set[str] = set()
    for one in routes:
        if one.name not in seen:
            seen.add(one.name)
            yield one


def _judge(endpoints: Sequence[Endpoint], app: Application, reader: Reader) -> Iterator[Finding]:
    incoming, seen = Incoming(reader), set[Code]()
    posts = frozenset(one.path for one in endpoints if not one.methods <= SAFE)
    for one in sorted(endpoints, key=lambda one: asks_who(one, app)):
        yield from incoming(one, open_to_all=not asks_who(one, app))
    for one in endpoints:
        yield from payload(one)
        yield from answers(one)
        yield from effects(one, posts)
        yield from csrf(one, app)
        yield from flows(one)
        yield from blocking(one, seen)
    yield from authentication(endpoints, app)
    yield from limits(endpoints, app)


def _merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for what one line of source does on several routes, or one field in several answers."""
    groups: dict[object, list[Finding]] = {}
    for one in findings:
        where = one.location
        line = (where.path, where.line) if where and where.path and one.id != Rule.SECRET_OUT.value.id else None
        whole = line is None and one.id != Rule.SECRET_OUT.value.id
        groups.setdefault((one.id, one.message, line, where.key if whole and where else ""), []).append(one)
    for first, *others in groups.values():
        routes = {one.location.key for one in others if one.location} - {first.location.key if first.location else ""}
        more = f" So do {len(routes)} more routes." if len(routes) > 1 else " So does one more route." if routes else ""
        yield replace(first, message=first.message + more)


def _is_own(own: Own | None, thing: object) -> bool:
    try:
        file = inspect.getsourcefile(thing)  # type: ignore[arg-type]  # raises TypeError for what has no source
    except TypeError:
        return False
    return own is not None and file is not None and own.holds(Path(file))


def _status(routes: Sequence[Route], endpoints: Sequence[Endpoint], reader: Reader, suppressed: int) -> ToolStatus:
    own = sum(one.own for one in endpoints)
    examined = [f"{own} endpoint{'' if own == 1 else 's'} on {len(routes)} routes", f"{len(Rule)} rules"]
    if others := len(endpoints) - own:
        examined.append(f"not those of other packages ({others})")
    if suppressed:
        examined.append(f"{suppressed} suppressed")
    if reader.unread:
        return ToolStatus.incomplete(TOOL, f"could not read {', '.join(reader.unread[:5])}", *examined)
    if routes and not endpoints:
        examined.append("none with a function to look at")
    return ToolStatus.ran(TOOL, *examined)
