"""How versions compare: PEP 440 for PyPI, Semantic Versioning 2.0.0 for npm."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Any, Final

_SEMVER: Final = re.compile(
    r"v?(\d{1,18})\.(\d{1,18})\.(\d{1,18})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)


@total_ordering
@dataclass(frozen=True, slots=True)
class SemVer:
    """A version of Semantic Versioning; what stands after `+` does not count (section 10)."""

    release: tuple[int, int, int]
    pre: tuple[tuple[int, int, str], ...] | None

    @property
    def is_prerelease(self) -> bool:
        """Whether something stands after a `-`."""
        return self.pre is not None

    @property
    def major(self) -> int:
        """The first number."""
        return self.release[0]

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, SemVer):
            return NotImplemented
        # Section 11: a release is above its pre-releases.
        return (self.release, self.pre is None, self.pre or ()) < (other.release, other.pre is None, other.pre or ())


def parse(text: str, ecosystem: str) -> Any:
    """A version that compares with others of its ecosystem. Raises ValueError for what is none."""
    if ecosystem == "npm":
        match = _SEMVER.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:60]!r} is no version")
        pre = tuple(_part(part) for part in match[4].split(".")) if match[4] else None
        return SemVer((int(match[1]), int(match[2]), int(match[3])), pre)
    from packaging.version import Version

    return Version(text)  # InvalidVersion is a ValueError


def line_of(version: Any) -> tuple[int, ...]:
    """What does not change while nothing is meant to break: the first number, and in npm below 1.0.0 the second."""
    if isinstance(version, SemVer) and not version.major:
        return version.release[:2]
    return (version.major,)


def lowest(ecosystem: str) -> Any:
    """What comes before every version: the `0` of OSV records."""
    return parse("0.0.0-0" if ecosystem == "npm" else "0.dev0", ecosystem)


def _part(part: str) -> tuple[int, int, str]:
    """Numbers before words, numbers by their value (section 11.4)."""
    return (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part)
