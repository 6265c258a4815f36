"""Why a start is refused over its root key. No message ever holds any part of a key."""

from __future__ import annotations

from typing import Final

from ..core.errors import OperatorError

HOW_TO_MAKE: Final = (
    "Make one with `garrison secrets key` "
    'or `python -c "import secrets; print(secrets.token_urlsafe(32))"`, and set it as GARRISON_KEY.'
)
_REFERENCE: Final = "NIST SP 800-57 Part 1, section 5.6; OWASP ASVS 5.0, section 11.2"


class KeyMissing(OperatorError):
    """There is no root key where one must be. `place` is where it was looked for."""

    def __init__(self, place: str) -> None:
        super().__init__(f"There is no root key in {place}.", remedy=HOW_TO_MAKE, reference=_REFERENCE)
        self.place = place


class KeyWeak(OperatorError):
    """A root key could be guessed. `why` says in what way, `position` counts from 1 when several were given."""

    def __init__(self, place: str, position: int, why: str) -> None:
        super().__init__(f"Root key {position} in {place} is weak: {why}.", remedy=HOW_TO_MAKE, reference=_REFERENCE)
        self.place = place
        self.position = position
        self.why = why


class KeyReferenceMalformed(OperatorError):
    """`key` in the policy is not a reference. What it holds is not repeated: it may be the key itself."""

    def __init__(self) -> None:
        super().__init__(
            "The policy's `key` is not a reference to a root key.",
            remedy="Write `env:NAME` or `file:/absolute/path`; the key itself has no place in a policy file.",
        )


class KeyFileRefused(OperatorError):
    """A key file, or its folder, is not safe to use. `path` names it."""

    def __init__(self, path: str, why: str, remedy: str) -> None:
        super().__init__(f"The key file {path} is refused: {why}.", remedy=remedy)
        self.path = path
        self.why = why
