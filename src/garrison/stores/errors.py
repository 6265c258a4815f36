"""What can go wrong with a store, by whose fault it is."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..core.errors import DependencyError, OperatorError


class StoreNotAvailable(OperatorError):
    """`store` names a kind of store that this version does not have."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The store {kind!r} is not available in this version of Garrison.",
            remedy='Set `store = "memory"`, and `processes` to the number of worker processes.',
        )
        self.kind = kind

    @classmethod
    def from_address(cls, address: str) -> StoreNotAvailable:
        """The error for the policy's `store`; shows its scheme only, since an address may carry a password."""
        return cls(urlsplit(address).scheme or address.partition(":")[0])


class StoreFull(DependencyError):
    """A bounded store takes no further record."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The store holds {limit} records and takes no more.",
            remedy="Shorten how long records live, or give the store more room.",
        )
        self.limit = limit
