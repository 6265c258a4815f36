"""Checks on the documentation pages an application serves of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.path import RouteTable
from ..core.verdict import Mode
from ..findings.severity import Severity
from .checks import Objection, Subject, check

_DEPTH = 8


@check(
    "P130", "API documentation that its policy stops", Severity.LOW,
    consequence="The page of `garrison.fastapi.docs` stays empty in every browser: its scripts are not loaded.",
    remedy="Give its paths a route class whose csp.directives let scripts run, as `garrison init` writes one.",
    reference="docs/fastapi.md#api-documentation",
)  # fmt: skip
def stopped(subject: Subject) -> Iterator[Objection]:
    policy, pages = subject.policy, list(documentation_pages(subject.app))
    if not pages:
        return
    try:
        table = RouteTable([(route.paths, route.methods) for route in policy.routes])
    except ValueError:
        return  # a path that is no pattern: P020 says which
    classes = [policy, *map(policy.effective, policy.routes)]
    for path in pages:
        section = classes[table.find(path, "GET")].csp
        sources = section.in_force.get("script-src", section.in_force.get("default-src", ("'self'",)))
        if section.mode is Mode.ENFORCE and set(sources) <= {"'none'"}:
            yield Objection("csp.directives", f"no script runs on the page {path}.")


def documentation_pages(app: Any, prefix: str = "", depth: int = _DEPTH) -> Iterator[str]:
    """Paths at which `garrison.fastapi.docs` serves its page, also below mounts."""
    for route in getattr(app, "routes", None) or ():
        path = prefix + str(getattr(route, "path", ""))
        endpoint = getattr(route, "endpoint", None)
        if getattr(endpoint, "__qualname__", "").startswith("_page."):
            if getattr(endpoint, "__module__", "") == "garrison.fastapi.docs":
                yield path
        elif depth and getattr(route, "app", None) is not None:
            yield from documentation_pages(route.app, path, depth - 1)
