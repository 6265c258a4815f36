"""The error tree, by whose fault it is.

`OperatorError`: the policy, a file or a command is wrong; the message says what, the remedy says what to do.
`DependencyError`: something Garrison needs (a store, a library, a disk) is absent or failed.
A client's fault is never an exception: it is a `Refuse` verdict.
"""

from __future__ import annotations


class GarrisonError(Exception):
    """Base of all errors raised by Garrison.

    `remedy` is one sentence on what to do, `reference` a documentation page or standard section (both may be empty).
    """

    def __init__(self, message: str, *, remedy: str = "", reference: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.reference = reference

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class OperatorError(GarrisonError):
    """Something the operator or developer configured or typed is wrong."""


class DependencyError(GarrisonError):
    """A component Garrison depends on is missing or does not answer."""
