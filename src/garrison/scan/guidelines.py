"""Which guideline of `docs/guidelines/` explains which rule: the way from a finding to what to write instead.

Every rule of the built-in scan, of `garrison routes` and of the gate stands here once; the pages name the same rules,
and show each one wrong and right (`tests/promises/test_guidelines.py` scans both).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GUIDELINES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "injection": {
        "sql": ("G101", "R011"),
        "commands": ("G102", "G202"),
        "code": ("G103", "G203", "G114"),
        "templates": ("G104",),
        "html": ("G105", "G223"),
        "queries": ("G109", "G110", "G117"),
        "patterns": ("G111",),
        "lines": ("G112", "G113"),
        "objects": ("G115", "G201"),
        "xml": ("G210",),
    },
    "outside": {
        "paths": ("G106", "R012"),
        "uploads": ("G119",),
        "archives": ("G205",),
        "modes": ("G206", "G229"),
        "fetching": ("G107",),
        "redirects": ("G108", "R010"),
    },
    "endpoints": {
        "models": ("R001", "R002", "G116"),
        "bounds": ("R003", "R004"),
        "answers": ("R005", "R006"),
        "reading": ("R007",),
        "rights": ("R008", "G118", "G228"),
        "other-sites": ("R009", "G207"),
        "cookies": ("G209",),
        "limits": ("R013",),
        "waiting": ("R014",),
        "graphql": ("R015",),
    },
    "cryptography": {
        "hashes": ("G211",),
        "passwords": ("G212",),
        "encryption": ("G213", "G214", "G217"),
        "chance": ("G215",),
        "links": ("G216", "G218"),
        "tokens": ("G219", "G220"),
        "comparing": ("G222",),
        "secrets": ("G221",),
    },
    "deployment": {
        "containers": ("D101", "D102", "D103", "D109", "D110", "D111", "D112", "D113", "D114", "D115"),
        "users": ("G303",),
        "tags": ("D105", "D106"),
        "ports": ("D107", "D108"),
        "handed-over": ("D104", "D202"),
        "units": ("D201", "D203", "D204", "D205", "D206", "D207", "D208", "D209"),
    },
    "failures": {
        "detail": ("G208", "G227"),
        "logs": ("G224",),
        "closed": ("G225", "G226"),
    },
    "supply": {
        "packages": ("G301", "G204"),
        "images": ("G302",),
        "exceptions": ("G001", "G002", "G003", "G004", "R000"),
    },
}
"""Page, section on the page, rules."""

_PLACE: Final = {
    rule: f"docs/guidelines/{page}.md#{section}"
    for page, sections in GUIDELINES.items()
    for section, rules in sections.items()
    for rule in rules
}


def guideline_of(rule: str) -> str:
    """Page and section that explain a rule (`docs/guidelines/injection.md#sql`). Raises KeyError for an unknown one."""
    return _PLACE[rule]
