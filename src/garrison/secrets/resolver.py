"""From references to secrets: each asked of the source that its scheme names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ..core.errors import GarrisonError
from ..core.ports import Emit
from ..policy.model import Policy
from ..policy.reference import parse_reference
from .aws import Aws
from .errors import SourceAway
from .leases import Leases
from .secret import Secret
from .source import Source
from .source_aws import ParameterStoreSource, SecretsManagerSource
from .source_env import EnvSource
from .source_file import FileSource
from .source_keyring import KeyringSource
from .source_lease import LeaseSource
from .source_mounted import MountedSource
from .source_sealed import SealedSource
from .source_vault import VaultSource
from .vault import Vault

_AT_ONCE: Final = 16
"""References read at the same time: enough that a remote source's latency is not paid for each."""


class Resolver:
    """The sources, by scheme."""

    def __init__(self, sources: Sequence[Source], vault: Vault | None = None, aws: Aws | None = None) -> None:
        self.vault = vault
        self.aws = aws
        self._sources = {source.scheme: source for source in sources}
        leased = self._sources.get("lease")
        self.leases: Leases | None = leased.leases if isinstance(leased, LeaseSource) else None

    @classmethod
    def from_policy(
        cls, policy: Policy, environ: Mapping[str, str], vault: Vault | None = None, *, opens: bool = False
    ) -> Resolver:
        """Every source that `policy` sets up. `vault` is used as well when it is logged in to the same server in the
        same way: one log-in is enough. `opens` says that this is the application, which may open a wrapping token."""
        plain: list[Source] = [EnvSource(environ), FileSource(), MountedSource(), KeyringSource()]
        first = cls([*plain, SealedSource(policy.secrets, plain, Path(policy.state))])
        if vault is None or vault.section != policy.vault:
            vault = Vault(policy.vault, first.read)
            vault.open_with(Path(policy.state), opens=opens)
        aws = Aws(policy.aws, first.read)
        remote: list[Source] = [VaultSource(vault), SecretsManagerSource(aws), ParameterStoreSource(aws)]
        return cls([*first._sources.values(), *remote, LeaseSource(Leases(vault))], vault, aws)

    def source(self, scheme: str) -> Source:
        """The source of `scheme`. Raises KeyError."""
        return self._sources[scheme]

    def beside(self) -> Resolver:
        """The same sources and log-in, and leases of its own: nobody replaces what somebody else uses."""
        plain = [source for source in self._sources.values() if not isinstance(source, LeaseSource)]
        return Resolver([*plain, *([LeaseSource(Leases(self.vault))] if self.vault else [])], self.vault, self.aws)

    def close(self) -> None:
        """End what was begun: leases are given back, a log-in's token is revoked. Blocks; never raises."""
        if self.leases is not None:
            self.leases.close()
        if self.vault is not None:
            self.vault.close()

    def attach(self, emit: Emit) -> None:
        """Record events with `emit` from now on."""
        if self.leases is not None:
            self.leases.attach(emit)
        if self.vault is not None and self.vault.unwrapping is not None:
            self.vault.unwrapping.attach(emit)

    def due(self) -> float:
        """Seconds until everything has to be read again because a lease wants it; infinite for never."""
        return float("inf") if self.leases is None else self.leases.due()

    def told(self, busy: Callable[[], bool] = lambda: False) -> None:
        """Users of what the last reading replaced have been told, and may still be `busy` with it."""
        if self.leases is not None:
            self.leases.told(busy)

    def read(self, reference: str) -> Secret[str]:
        """The secret now. Blocks. Raises `SecretError`, `SourceAway`, and ValueError for what is no reference."""
        return self._read(reference, self._sources)

    @staticmethod
    def _read(reference: str, sources: Mapping[str, Source]) -> Secret[str]:
        parsed = parse_reference(reference)
        try:
            return sources[parsed.scheme].read(parsed)
        except GarrisonError:
            raise
        except Exception as error:  # noqa: BLE001 - one source's mistake must not keep the others from being read
            # Its kind only: the text of an exception may hold what was read.
            raise SourceAway(
                f"the source of {parsed.scheme}:", f"it failed ({type(error).__name__})", "Mend it, or report it."
            ) from None

    def read_all(self, references: Mapping[str, str]) -> tuple[dict[str, Secret[str]], dict[str, GarrisonError]]:
        """The secrets of `references` (name to reference), and for each that can't be had, why. Blocks.

        Fields of one lease fit each other, and leases that were let go of are given back.
        """
        found: dict[str, Secret[str]] = {}
        failed: dict[str, GarrisonError] = {}
        if not references:
            return found, failed
        sources = dict(self._sources)
        if isinstance(leased := sources.get("lease"), LeaseSource):
            sources["lease"] = leased.one_reading()

        def attempt(reference: str) -> Secret[str] | GarrisonError:
            try:
                return self._read(reference, sources)
            except GarrisonError as error:
                return error

        with ThreadPoolExecutor(min(_AT_ONCE, len(references)), "garrison-secrets") as pool:
            for name, answer in zip(references, pool.map(attempt, references.values()), strict=True):
                if isinstance(answer, Secret):
                    found[name] = answer
                else:
                    failed[name] = answer
        if self.leases is not None:
            self.leases.give_back()
        return found, failed
