"""Checks on where state is kept: links that can be read on the way, and workers that would not share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..core.errors import OperatorError
from ..findings.severity import Severity
from .checks import Objection, Subject, check
from .store_address import StoreAddress, resolve_store

WORKERS: Final = "WEB_CONCURRENCY"
"""Where gunicorn, uvicorn and most platforms read how many worker processes to start."""


@check(
    "P033", "Unencrypted link to the store", Severity.HIGH,
    consequence="Whoever is on the network path reads sessions and the store's password, and can change limits.",
    remedy='Write rediss://, or name it where the network itself is trusted: allow_insecure_link = ["store"].',
    reference="OWASP ASVS 5.0 V12.3; docs/stores.md", production_only=True, cwe=(319,),
)  # fmt: skip
def plaintext_store(subject: Subject) -> Iterator[Objection]:
    address = _address(subject)
    if address is None or subject.policy.development or "store" in subject.policy.allow_insecure_link:
        return
    if address.exposed:
        yield Objection("store", f"{', '.join(address.exposed)} without TLS.")


@check(
    "P034", "Insecure link allowed", Severity.MEDIUM,
    consequence="What goes over this link can be read and changed on the way.",
    remedy="Encrypt the link and take it out of the list.",
    reference="docs/stores.md", production_only=True, cwe=(319,),
)  # fmt: skip
def insecure_link(subject: Subject) -> Iterator[Objection]:
    for index, name in enumerate(subject.policy.allow_insecure_link):
        yield Objection(f"allow_insecure_link.{index}", f"{name} may be unencrypted or unverified.")


@check(
    "P035", "More workers than processes", Severity.MEDIUM,
    consequence="Where workers count apart, all of them together let through a multiple of every limit.",
    remedy=f"Set processes to the number of workers; a shared store counts across them. {WORKERS} says how many.",
    reference="docs/stores.md",
    cwe=(770,),
)  # fmt: skip
def uncounted_workers(subject: Subject) -> Iterator[Objection]:
    workers = subject.environ.get(WORKERS, "").strip()
    if not (workers.isascii() and workers.isdecimal() and len(workers) < 6):
        return
    if int(workers) > subject.policy.processes:
        yield Objection("processes", f"{subject.policy.processes}, and {WORKERS} starts {int(workers)} workers.")


@check(
    "P036", "Several workers with sessions of their own", Severity.MEDIUM,
    consequence="A session that one worker began is unknown to the others: people are logged out at random.",
    remedy='Write store = "embedded" for one machine, or the address of a shared store.',
    reference="docs/stores.md", production_only=True,
)  # fmt: skip
def sessions_apart(subject: Subject) -> Iterator[Objection]:
    if subject.policy.store == "memory" and subject.policy.processes > 1:
        yield Objection("store", f"memory, with {subject.policy.processes} processes.")


@check(
    "P055", "Several machines without a shared store", Severity.HIGH,
    consequence="Each machine counts limits for itself and knows neither the sessions nor the bans of the others.",
    remedy="Write the address of a shared store, or machines = 1 where there is only one.",
    reference="docs/stores.md", production_only=True,
    cwe=(770,),
)  # fmt: skip
def machines_apart(subject: Subject) -> Iterator[Objection]:
    if subject.policy.store in ("embedded", "memory") and subject.policy.machines > 1:
        yield Objection("store", f"{subject.policy.store}, with {subject.policy.machines} machines.")


def _address(subject: Subject) -> StoreAddress | None:
    """The store's address; None when a reference can't be looked up, which the start itself objects to."""
    try:
        return resolve_store(subject.policy.store, subject.revealed)
    except OperatorError:
        return None
