"""Errors of issuing. What the authority refuses is the operator's to mend; that it does not answer is not."""

from __future__ import annotations

from ...core.errors import DependencyError, OperatorError


class DomainRefused(OperatorError):
    """A name that no public authority can issue for over HTTP. `domain` is that name."""

    def __init__(self, domain: str, why: str, remedy: str = "") -> None:
        super().__init__(
            f"No certificate can be had for {domain!r}: {why}.",
            remedy=remedy or "Use --domain with a public DNS name that leads to this machine.",
            reference="docs/serve/certificates.md",
        )
        self.domain = domain


class IssueRefused(OperatorError):
    """The authority did not issue. `why` is its reason, on one line."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(
            f"The authority issued no certificate: {_sentence(why)}",
            remedy=remedy or "Each name must lead here, and port 80 of this machine must be reachable from outside.",
            reference="docs/serve/certificates.md",
        )
        self.why = why


class RenewalFailed(OperatorError):
    """Asked for, and not had: another process tried and said why, or there is nothing to renew."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why, remedy=remedy, reference="docs/serve/expired.md")


class AuthorityAway(DependencyError):
    """The authority can't be reached, or does not answer as RFC 8555 says. `why` is what happened."""

    def __init__(self, directory: str, why: str) -> None:
        super().__init__(
            f"The ACME authority {directory} does not answer: {_sentence(why)}",
            remedy="Check the address in acme.directory, the way out of this machine, and acme.ca_file.",
        )
        self.why = why


class StateBroken(OperatorError):
    """A file of the certificate state can't be understood. `path` is that file."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path} can't be used: {why}.", remedy=f"Move {path} away; a new one is made.")
        self.path = path


def _sentence(why: str) -> str:
    """`why` with an end, since a remedy may follow on the same line."""
    return why if why.endswith((".", "!", "?", "…")) else f"{why}."
