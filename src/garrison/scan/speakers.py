"""Which scanner says which rule: that an exception fits nothing is only known where that scanner looked.

Lets pass: an exception for a rule that no scanner has, in a scan in which the one that it seems to be of did not run.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_BY_NUMBER: Final = (
    (r"G[1-3]\d\d", ("code",)), (r"D\d{3}", ("compose", "units")), (r"(?:DL|SC)\d+", ("hadolint",)),
    (r"B\d{3}", ("bandit",)), (r"S\d{3}", ("ruff",)), (r"P\d{3}", ("check",)),
    (r"H\d{3}", ("headers",)), (r"L\d{3}", ("licences",)),
)  # fmt: skip
_BY_NAME: Final = {
    "advisory": ("advisories", "pip-audit"), "secret": ("detect-secrets",), "history": ("kingfisher", "gitleaks")
}  # fmt: skip


def speakers_of(rule: str) -> tuple[str, ...]:
    """The scanners that may say a rule; none for a rule that nobody is known to say."""
    family, parted, _ = rule.partition("/")
    if parted:
        return _BY_NAME.get(family, (family,))
    return next((tools for pattern, tools in _BY_NUMBER if re.fullmatch(pattern, rule)), ())


def looked(rule: str, ran: Collection[str]) -> bool:
    """Whether one that may say the rule is among those that fully ran. A rule that nobody says is looked for by all."""
    tools = speakers_of(rule)
    return not tools or any(one in ran for one in tools)
