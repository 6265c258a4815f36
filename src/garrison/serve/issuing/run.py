"""From names to a file that always holds a good certificate: port 80, the first issue, and the issuer behind it."""

from __future__ import annotations

import importlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...core.address import compile_client
from ...core.errors import OperatorError
from ...core.host import compile_hosts, host_name
from ...core.ports import Emit
from ...policy.model import Policy
from ...secrets.resolver import Resolver
from ..clients import Clients
from ..errors import ExtraMissingError
from ..listen import open_listeners, public_addresses
from .errors import DomainRefused, RenewalFailed
from .issuer import Issuer, Sources
from .port80 import Port80
from .state import Accounts, Set, Sets
from .vault_pki import Show, vault_sources

PATIENCE: Final = 180.0
"""Seconds to wait for another process that is issuing already."""
_EACH: Final = 32
_LOOPBACK: Final = ("localhost", ".localhost")


@dataclass(frozen=True, slots=True)
class Wish:
    """Certificates for `names`; redirects lead to `https_port`.

    Port 80 is listened to at `addresses`, or is what `listeners` listen to already.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    https_port: int
    listeners: tuple[socket.socket, ...] = ()


def domains(names: Sequence[str], *, public: bool = True) -> tuple[str, ...]:
    """Names as certificates have them, each once; those of a `public` authority, or of one of our own. Raises
    `DomainRefused`."""
    return tuple(dict.fromkeys(_domain(name, public=public) for name in names))


def _domain(text: str, *, public: bool) -> str:
    if "*" in text:
        raise DomainRefused(text, "a wildcard is no name of this machine, and can't be proven over HTTP")
    try:
        host = host_name(text)
    except ValueError as error:
        raise DomainRefused(text, str(error)) from None
    if host.ip:
        raise DomainRefused(text, "it is an address, not a name")
    if public and ("." not in host.name or host.name.endswith(_LOOPBACK)):
        raise DomainRefused(text, "it is no public name")
    return host.name


def acme_folder(policy: Policy) -> Path:
    """Where accounts and certificates are kept; those of Vault's PKI apart, so that another authority is asked anew."""
    if policy.acme.folder and not policy.vault.pki:
        return Path(policy.acme.folder).absolute()
    state = Path(policy.state).absolute()
    return state.with_name(f"{state.name}-{'pki' if policy.vault.pki else 'acme'}")


def told_authority(policy: Policy) -> str:
    """Where certificates come from, for whoever starts the server."""
    if policy.vault.pki:
        return f"Certificates come from {policy.vault.pki} of {policy.vault.address}."
    return f"Certificates come from {policy.acme.directory}, whose terms you agree to by asking."


@contextmanager
def authority(policy: Policy, wish: Wish, environ: Mapping[str, str]) -> Iterator[tuple[Sources, Show]]:
    """Who signs for `policy`, ready to be asked: with port 80 open where names have to be proven there."""
    if policy.vault.pki:
        with vault_sources(policy, environ) as sources:
            yield sources, lambda token, answer: None
        return
    sources = build_sources(policy, acme_folder(policy), environ)
    port80 = open_port80(policy, wish)
    port80.start()
    try:
        yield sources, port80.show
    finally:
        port80.stop()


def build_sources(policy: Policy, folder: Path, environ: Mapping[str, str]) -> Sources:
    """The authorities of `policy`. Raises `ExtraMissingError`, `OperatorError` for a binding, and `SourceAway`."""
    for package in ("acme", "josepy"):
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package:
                raise
            raise ExtraMissingError("acme", package) from error
    from .authority import Authority, Binding, Contact

    acme, accounts = policy.acme, Accounts(folder)
    if bool(acme.eab_id) != bool(acme.eab_key):
        raise OperatorError("acme.eab_id and acme.eab_key go together.", remedy="Set both, or neither.")
    binding = Binding(acme.eab_id, _eab_key(policy, environ)) if acme.eab_id else None
    main = Authority(Contact(acme.directory, acme.contact, binding, acme.ca_file), accounts)
    if not acme.staging or acme.staging == acme.directory:
        return Sources(main)
    return Sources(main, Authority(Contact(acme.staging, acme.contact, binding, acme.ca_file), accounts))


def _eab_key(policy: Policy, environ: Mapping[str, str]) -> str:
    resolver = Resolver.from_policy(policy, environ, opens=True)
    try:
        return resolver.read(policy.acme.eab_key).reveal().strip()
    finally:
        resolver.close()


def open_port80(policy: Policy, wish: Wish) -> Port80:
    """The listener for challenges and redirects, listening but not started. Raises `PortUnavailableError`."""
    listeners = list(wish.listeners) or open_listeners(wish.addresses, policy.acme.http_port, "acme.http_port")
    finder = compile_client(policy.proxies, policy.client.header, policy.client.ipv6_prefix)
    known = compile_hosts((*policy.hosts, *wish.names))
    return Port80(listeners, Clients(_EACH, finder, policy.client.ipv6_prefix), known, wish.https_port)


@contextmanager
def issued(policy: Policy, wish: Wish, emit: Emit, environ: Mapping[str, str]) -> Iterator[Path]:
    """A file with key, certificate and chain for `wish.names`, kept good until the end of the block.

    Raises `IssueRefused`, `RenewalFailed` and `AuthorityAway` when there is none and none can be had,
    `PortUnavailableError`, `FileRefusedError`, and what `build_sources` raises.
    """
    answers = compile_hosts(policy.hosts)
    for name in wish.names:
        if not answers(host_name(name)):
            why = "the application would not answer to it: it is not in the policy's hosts"
            raise DomainRefused(name, why, "Add it to `hosts` in the policy, or leave it out.")
    sets = Sets(acme_folder(policy), wish.names[0]).open()
    with authority(policy, wish, environ) as (sources, show):
        issuer = Issuer(wish.names, sets, sources, show, emit)
        first(issuer, sets)
        issuer.start()
        try:
            yield sets.live
        finally:
            issuer.stop()


def renew_now(policy: Policy, sets: Sets, emit: Emit, environ: Mapping[str, str], *, patience: float = PATIENCE) -> Set:
    """Renew one set, by the server that looks after it, or by this process where none does. The new set.

    Raises `IssueRefused`, `RenewalFailed` and `AuthorityAway`, and what `issued` raises.
    """
    before = sets.read()
    if before is None:
        raise RenewalFailed(
            f"There is no certificate for {sets.name} to renew.", "garrison serve --domain asks for one."
        )
    names = (sets.name, *sorted(before.names - {sets.name}))
    with sets.only_one() as ours:
        if ours:
            wish = Wish(names, public_addresses("*"), 443)
            with authority(policy, wish, environ) as (sources, show):
                error = Issuer(names, sets, sources, show, emit).attempt(sets.progress())
            if error is not None:
                raise error
    if not ours:
        _by_the_server(sets, before, patience)
    return sets.read() or before


def _by_the_server(sets: Sets, before: Set, patience: float) -> None:
    failures = sets.progress().failures
    sets.ask()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found, progress = sets.read(), sets.progress()
        if found is not None and found.pem != before.pem:
            return
        if progress.failures > failures:
            raise RenewalFailed(progress.error)
        time.sleep(0.2)
    raise RenewalFailed("The server that looks after it did not answer.", "Its log says more.")


def first(issuer: Issuer, sets: Sets) -> None:
    """Have something to serve. A set that is expired or for other names will do until the issuer has a better one."""
    deadline = time.monotonic() + PATIENCE
    while issuer.kept() is None:
        with sets.only_one() as ours:
            if ours and issuer.kept() is None:
                error = issuer.attempt(sets.progress())
                if error is not None:
                    raise error
                return
        if time.monotonic() > deadline:
            raise RenewalFailed("Another process has been issuing for minutes.", "Its log says more.")
        time.sleep(0.5)
