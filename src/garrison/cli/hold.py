"""What `garrison serve` does with secrets before it serves: hidden, and read before rights are dropped."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .options import load_policy

if TYPE_CHECKING:
    from ..policy.model import Policy

OWN_PROCESS = False
"""Whether this process was started for this command, and may start itself anew; not so inside of a test."""


def keep_to_itself() -> None:
    """No core dumps, and no secrets in the environment. May start this process anew."""
    from ..serve.compartment import hide_environment, refuse_dumps

    if OWN_PROCESS:
        hide_environment(load_policy(None).policy)
        refuse_dumps()


def become_with_secrets(user: str, folders: Iterable[Path], policy: Policy) -> None:
    """Become `user`, and keep what that user can't read: secrets in files of the superuser's.

    What the new user can read itself is read as it is then, and rotates without a restart. Raises what `become` raises;
    what can't be read at all is the workers' to say.
    """
    from ..policy.held import hold_reference
    from ..serve.privileges import become, check_reads_python

    check_reads_python(user)
    before = _readable(policy)
    become(user, folders)
    after = _readable(policy)
    for reference, text in before.items():
        if reference not in after:
            hold_reference(reference, text)


def open_first_secret(policy: Policy) -> None:
    """Open the wrapping token that logs in to Vault, for this process and its workers. Raises `WrappingRefused`, and an
    event says so although no application runs yet; and what the server and the state folder raise."""
    from ..core.clock import SYSTEM
    from ..events.build import build_bus
    from ..policy.held import environment
    from ..secrets.resolver import Resolver

    vault = Resolver.from_policy(policy, environment(), opens=True).vault
    if vault is None or vault.unwrapping is None:
        return
    bus = build_bus(policy, SYSTEM)
    try:
        vault.unwrapping.attach(bus.emit)
        vault.unwrapping.open()
    finally:
        bus.close()


def _readable(policy: Policy) -> dict[str, str]:
    from ..policy.held import references_in
    from ..policy.reference import parse_reference
    from ..secrets.errors import SecretError
    from ..secrets.source import Source
    from ..secrets.source_file import FileSource
    from ..secrets.source_mounted import MountedSource

    sources: dict[str, Source] = {"file": FileSource(), "mounted": MountedSource()}
    found = {}
    for reference in (parse_reference(text) for text in references_in(policy)):
        if reference.scheme in sources:
            try:
                found[str(reference)] = sources[reference.scheme].read(reference).reveal()
            except SecretError:  # missing, or not for this user: who needs it says so
                continue
    return found
