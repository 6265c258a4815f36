"""From references to secrets: each asked of the source that its scheme names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ..core.errors import GarrisonError
from ..policy.model import Policy
from ..policy.reference import parse_reference
from .aws import Aws
from .secret import Secret
from .source import Source
from .source_aws import ParameterStoreSource, SecretsManagerSource
from .source_env import EnvSource
from .source_file import FileSource
from .source_keyring import KeyringSource
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

    @classmethod
    def from_policy(cls, policy: Policy, environ: Mapping[str, str], vault: Vault | None = None) -> Resolver:
        """Every source that `policy` sets up. `vault` is used as well when it is logged in to the same server in the
        same way: one log-in is enough."""
        plain: list[Source] = [EnvSource(environ), FileSource(), MountedSource(), KeyringSource()]
        first = cls([*plain, SealedSource(policy.secrets, plain, Path(policy.state))])
        if vault is None or vault.section != policy.vault:
            vault = Vault(policy.vault, first.read)
        aws = Aws(policy.aws, first.read)
        remote: list[Source] = [VaultSource(vault), SecretsManagerSource(aws), ParameterStoreSource(aws)]
        return cls([*first._sources.values(), *remote], vault, aws)

    def source(self, scheme: str) -> Source:
        """The source of `scheme`. Raises KeyError."""
        return self._sources[scheme]

    def close(self) -> None:
        """End what was begun: a log-in's token is revoked. Blocks; never raises."""
        if self.vault is not None:
            self.vault.close()

    def read(self, reference: str) -> Secret[str]:
        """The secret now. Blocks. Raises `SecretError`, `SourceAway`, and ValueError for what is no reference."""
        parsed = parse_reference(reference)
        return self._sources[parsed.scheme].read(parsed)

    def read_all(self, references: Mapping[str, str]) -> tuple[dict[str, Secret[str]], dict[str, GarrisonError]]:
        """The secrets of `references` (name to reference), and for each that can't be had, why. Blocks."""
        found: dict[str, Secret[str]] = {}
        failed: dict[str, GarrisonError] = {}
        if not references:
            return found, failed
        with ThreadPoolExecutor(min(_AT_ONCE, len(references)), "garrison-secrets") as pool:
            for name, answer in zip(references, pool.map(self._try, references.values()), strict=True):
                if isinstance(answer, Secret):
                    found[name] = answer
                else:
                    failed[name] = answer
        return found, failed

    def _try(self, reference: str) -> Secret[str] | GarrisonError:
        try:
            return self.read(reference)
        except GarrisonError as error:
            return error
