"""What a password hash costs: named and dated profiles of argon2id.

A profile's name without its date means the newest date; with it (`interactive-2026-11`) the profile stays as it is.
When a profile changes, hashes made with the old one still verify and are renewed at the next log-in.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from ..core.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Profile:
    """Parameters of argon2id (RFC 9106, section 3.1). `memory` in KiB, `salt` and `tag` in bytes."""

    name: str
    date: str
    summary: str
    source: str
    passes: int
    memory: int
    lanes: int
    salt: int = 16
    tag: int = 32

    @property
    def pinned(self) -> str:
        return f"{self.name}-{self.date}"


class UnknownProfile(OperatorError):
    """`passwords.profile` names nothing we have."""

    def __init__(self, name: str) -> None:
        near = difflib.get_close_matches(name, PROFILES, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Choose one of: " + ", ".join(_LATEST) + "."
        super().__init__(f"There is no password profile {name!r}.", remedy=hint)
        self.name = name


class ProfileRefused(OperatorError):
    """The `testing` profile in production: its hashes fall to a laptop within seconds."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The password profile {name!r} is for test suites and protects nothing.",
            remedy='Set passwords.profile = "interactive".',
            reference="RFC 9106 section 4",
        )
        self.name = name


_ALL = (
    Profile(
        "interactive", "2026-11", "64 MiB and about 0.1 s: for people who wait for a page",
        "RFC 9106 section 4, second recommended option", passes=3, memory=64 * 1024, lanes=4,
    ),
    Profile(
        "modest", "2026-11", "19 MiB: the least OWASP accepts, for machines with little memory",
        "OWASP Password Storage Cheat Sheet, Argon2id", passes=2, memory=19 * 1024, lanes=1,
    ),
    Profile(
        "strong", "2026-11", "2 GiB a hash: for few, precious accounts",
        "RFC 9106 section 4, first recommended option", passes=1, memory=2 * 1024**2, lanes=4,
    ),
    Profile(
        "testing", "2026-11", "for test suites; refused in production",
        "none: it protects nothing", passes=1, memory=64, lanes=1,
    ),
)  # fmt: skip
_LATEST: Mapping[str, Profile] = {profile.name: profile for profile in _ALL}
PROFILES: Mapping[str, Profile] = {**_LATEST, **{profile.pinned: profile for profile in _ALL}}


def profile(name: str, *, development: bool = False) -> Profile:
    """The profile called `name`, dated or not. Raises `UnknownProfile`, and `ProfileRefused` outside development."""
    found = PROFILES.get(name)
    if found is None:
        raise UnknownProfile(name)
    if found.name == "testing" and not development:
        raise ProfileRefused(name)
    return found
