"""What a project's policy says about the scan: `[scan]` and `[[suppressions]]`, of garrison.toml, of pyproject.toml
(`[tool.garrison]`), or of another file.

Only these tables are read: a policy that is wrong elsewhere is a finding of `garrison check`, not the end of a scan.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..core.errors import OperatorError
from ..policy.files import FILE_NAME, PolicyFileUnreadable, find_file, read_file
from ..policy.section_scan import ScanSection
from ..policy.section_suppressions import SuppressionTable


class SuppressionsUnusable(OperatorError):
    """The suppressions can't be read: none of them may hold."""

    exit_code = 2


def policy_file(root: Path) -> Path | None:
    """Where the project has its policy, whatever the environment names: that is of another application."""
    return find_file({}, root)


def read_suppressions(root: Path, named: Path | None = None) -> list[SuppressionTable]:
    """`[[suppressions]]` of the project's policy, or of the file `named`. Raises `SuppressionsUnusable`."""
    file, data = _read(root, named)
    try:
        return [SuppressionTable.model_validate(one) for one in data.get("suppressions", [])]
    except (ValidationError, TypeError) as error:
        raise _unusable("suppressions", file, error, "See docs/routes.md.") from None


def read_section(root: Path, named: Path | None = None) -> ScanSection:
    """`[scan]` of the same file. Raises `SuppressionsUnusable`."""
    file, data = _read(root, named)
    try:
        return ScanSection.model_validate(data.get("scan", {}))
    except (ValidationError, TypeError) as error:
        raise _unusable("[scan]", file, error, "See docs/policy.md.") from None


def _read(root: Path, named: Path | None) -> tuple[Path, dict[str, Any]]:
    file = named or policy_file(root)
    if file is None:
        return root / FILE_NAME, {}
    try:
        return file, read_file(file)[0]
    except PolicyFileUnreadable as error:
        raise SuppressionsUnusable(error.message, remedy=error.remedy or "Is it TOML?") from None


def _unusable(what: str, file: Path, error: Exception, remedy: str) -> SuppressionsUnusable:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        said = f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()
    else:
        said = " ".join(str(error).split())
    return SuppressionsUnusable(f"The {what} in {file.name} can't be read: {said[:300]}", remedy=remedy)
