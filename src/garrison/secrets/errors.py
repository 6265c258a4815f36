"""Why a key or a secret can't be had. No message ever holds any part of one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ..core.errors import DependencyError, GarrisonError, OperatorError

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
            remedy="Write `env:NAME`, `file:/absolute/path` or `sealed:NAME`; the key itself has no place in a policy.",
        )


class KeyFileRefused(OperatorError):
    """A key file, or its folder, is not safe to use. `path` names it."""

    def __init__(self, path: str, why: str, remedy: str) -> None:
        super().__init__(f"The key file {path} is refused: {why}.", remedy=remedy)
        self.path = path
        self.why = why


class FileRefusedError(OperatorError):
    """A private file or folder is open to others, a link, or unreadable. `path` is the one refused."""

    def __init__(self, path: Path, message: str, *, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.path = path


class LockHeld(FileRefusedError):
    """Another process works in the folder: nothing is wrong with it."""


class SecretError(OperatorError):
    """A secret can't be had. `place` is where it was looked for; no message holds any part of a secret."""

    def __init__(self, place: str, message: str, *, remedy: str, reference: str = "docs/secrets/index.md") -> None:
        super().__init__(message, remedy=remedy, reference=reference)
        self.place = place


class SecretMissing(SecretError):
    """The source is there, and the secret is not."""

    def __init__(self, place: str, remedy: str) -> None:
        super().__init__(place, f"There is no secret in {place}.", remedy=remedy)


class SecretRefused(SecretError):
    """The secret is there and must not be used: others can reach it, or it can't be a secret. `why` says it."""

    def __init__(self, place: str, why: str, remedy: str) -> None:
        super().__init__(place, f"The secret in {place} is refused: {why}.", remedy=remedy)
        self.why = why


class NotPermitted(SecretRefused):
    """The server says that our log-in may not do this; or that it is no log-in any more."""


class WrappingRefused(SecretRefused):
    """A wrapping token is used up, or was not made where it should be: somebody else may have read what was in it."""

    def __init__(self, place: str, why: str, path: str) -> None:
        remedy = (
            "Somebody else may have read what was in it. Unless it only lay too long, revoke what it held, find out "
            f"who had it in hands, and hand over a new one, made by {path}."
        )
        super().__init__(place, why, remedy)


class WrappingKept(SecretRefused):
    """A wrapping token is good, and was not opened: that can be done once, and is the application's to do."""

    def __init__(self, place: str) -> None:
        super().__init__(place, "it can be opened once, and the application's start needs it", "Start the application.")


class SourceAway(DependencyError):
    """A source of secrets does not answer, or its library is not installed. `place` is the source."""

    def __init__(self, place: str, why: str, remedy: str) -> None:
        super().__init__(
            f"{place} can't be asked for secrets: {why}.", remedy=remedy, reference="docs/secrets/index.md"
        )
        self.place = place


class LeaseAtRisk(SourceAway):
    """A leased secret can be neither renewed nor replaced. `left` is how many seconds the one in use is still good."""

    def __init__(self, place: str, why: str, remedy: str, left: float) -> None:
        good = f"the one in use is good for {left:.0f} s more" if left > 0 else "the one in use has ended"
        super().__init__(place, f"{why}; {good}", remedy)
        self.left = left


class SecretsUnresolved(OperatorError):
    """Secrets of the policy can't be had. `failures` has every one of them: its key, and why."""

    def __init__(self, failures: Mapping[str, GarrisonError]) -> None:
        told = "".join(f"\n- {key}: {error.message} {error.remedy}" for key, error in failures.items())
        super().__init__(
            f"{len(failures)} of the policy's secrets can't be had:{told}", reference="docs/secrets/index.md"
        )
        self.failures = dict(failures)


def without_kept(error: GarrisonError) -> list[GarrisonError]:
    """`error` without the secrets that can't be had because a wrapping token is kept; none when nothing is left."""
    if not isinstance(error, SecretsUnresolved):
        return [error]
    wrong = {key: one for key, one in error.failures.items() if not isinstance(one, WrappingKept)}
    return [SecretsUnresolved(wrong)] if wrong else []


class LinksOpen(OperatorError):
    """Addresses among the secrets lead off this machine in plaintext or unverified. `links` has the link and the reason
    of each."""

    def __init__(self, links: Mapping[str, tuple[str, str]]) -> None:
        told = "".join(f"\n- secrets.named.{name}: the {link} link is {why}." for name, (link, why) in links.items())
        names = ", ".join(f'"{link}"' for link in sorted({link for link, _ in links.values()}))
        super().__init__(
            f"{len(links)} of the policy's secrets are addresses that can be read or changed on the way:{told}",
            remedy=f"Encrypt and verify them, or where the network is trusted: allow_insecure_link = [{names}].",
            reference="OWASP ASVS 5.0 V12.3; docs/secrets/index.md",
        )
        self.links = dict(links)


class SecretUnknown(OperatorError):
    """Code asked for a name that `[secrets.named]` does not have. `name` is that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, list(known), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Add it to [secrets.named]."
        super().__init__(f"There is no secret {name!r} in the policy.", remedy=hint)
        self.name = name


class SecretDenied(OperatorError):
    """A component asked for a secret that is not among its needs."""

    def __init__(self, component: str, name: str) -> None:
        super().__init__(
            f"The component {component!r} may not have the secret {name!r}.",
            remedy=f"If it must, add the name to secrets.needs.{component}; if not, find out why it asked.",
            reference="docs/secrets/index.md",
        )
        self.component = component
        self.name = name


class TransitRefused(OperatorError):
    """The transit engine does not do what was asked with a key. `key` is its name; `why` says it."""

    def __init__(self, key: str, why: str, remedy: str) -> None:
        message = f"The transit key {key!r} is not used: {why}."
        super().__init__(message, remedy=remedy, reference="docs/secrets/transit.md")
        self.key = key
        self.why = why


class TransitBroken(DependencyError):
    """Ciphertexts that don't open: changed, moved to another place, or of a version that is no longer allowed. `at` has
    their positions in what was given, from 0."""

    def __init__(self, key: str, at: tuple[int, ...]) -> None:
        super().__init__(
            f"{len(at)} of the values under the transit key {key!r} don't open: changed, moved, or of another context.",
            remedy="Restore them. If the key's min_decryption_version was raised: older ones needed `rewrap` before.",
            reference="docs/secrets/transit.md",
        )
        self.key = key
        self.at = at
