"""The secrets that the policy itself refers to, and the room that each is for.

Threat: a room that talks to the outside (events, alerts, a store) can read whatever the policy refers to, and a hole in
it is a hole in everything. So who may read what is written here once: for the rooms' views, for `garrison secrets who`,
`policy` and `doctor`, and for the check on one secret under several names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .model import Policy
from .reference import is_reference
from .store_address import references_in_store


@dataclass(frozen=True, slots=True)
class OwnReference:
    """`room` of Garrison may read `reference`, which stands at the policy's `key`."""

    room: str
    key: str
    reference: str


def own_references(policy: Policy) -> tuple[OwnReference, ...]:
    """Every one of them. One that two rooms use stands twice."""
    return tuple(one for one in _candidates(policy) if is_reference(one.reference))


def _candidates(policy: Policy) -> Iterator[OwnReference]:
    yield OwnReference("keyring", "key", policy.key)
    for key, reference in references_in_store(policy.store):
        yield OwnReference("stores", key, reference)
        if policy.detection.enabled and policy.detection.shared:
            yield OwnReference("detection", key, reference)
    for index, table in enumerate(policy.events.exports):
        yield OwnReference("events", f"events.exports.{index}.to", table.to)
    for index, receiver in enumerate(policy.alerts.receivers):
        yield OwnReference("reactions", f"alerts.receivers.{index}.to", receiver.to)
    yield OwnReference("serve", "acme.eab_key", policy.acme.eab_key)
    yield OwnReference("secrets", "secrets.identity", policy.secrets.identity)
    for name in ("token", "role_id", "secret_id", "jwt"):
        yield OwnReference("secrets", f"vault.{name}", getattr(policy.vault, name))
    for name in ("access_key", "secret_key"):
        yield OwnReference("secrets", f"aws.{name}", getattr(policy.aws, name))
