"""What can go wrong with a store, by whose fault it is."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import DependencyError, OperatorError


class StoreLibraryMissing(OperatorError):
    """`store` names a shared store, and the library that speaks to it is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The policy's `store` is a shared one, and the library for it is not installed.",
            remedy='Install it with pip install "garrison[redis]".',
            reference="docs/stores.md",
        )


class StoreFileRefused(OperatorError):
    """The file of the embedded store, or its folder, can't be used safely. `path` names it."""

    def __init__(self, path: Path, why: str, remedy: str) -> None:
        super().__init__(
            f"The store {path} {why}.",
            remedy=f'{remedy} Or set `state` to another folder, or `store = "memory"` to keep nothing.',
            reference="docs/stores.md",
        )
        self.path = path


class StoreAway(DependencyError):
    """The store did not answer in time, or refused. `store` names it without user and password, `why` says how."""

    def __init__(self, store: str, why: str) -> None:
        super().__init__(f"The store {store} does not answer: {why}.")
        self.store = store
        self.why = why


class StoreFull(DependencyError):
    """A bounded store takes no further record."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The store holds {limit} records and takes no more.",
            remedy="Shorten how long records live, or give the store more room.",
        )
        self.limit = limit


class StoreMoved(OperatorError):
    """What `store` refers to is another kind of store now, which a running process can't go over to."""

    def __init__(self) -> None:
        super().__init__(
            "The address of the store has another kind, database or namespace than at the start.",
            remedy="Restart the processes; a running one takes a new user, password and host.",
            reference="docs/stores.md",
        )
