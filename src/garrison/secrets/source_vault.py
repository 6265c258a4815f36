"""Secrets in Vault or OpenBao: `vault://MOUNT/PATH#FIELD`, key-value engine version 2."""

from __future__ import annotations

from ..policy.reference import Reference, split_vault
from .errors import SecretMissing, SecretRefused
from .secret import Secret
from .source import as_secret
from .vault import Vault


class VaultSource:
    """`vault://kv/app/db#password`."""

    scheme = "vault"

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`."""
        mount, path, field = split_vault(reference)
        place = f"the server's vault://{mount}/{path}, field {field}"
        if not self.vault.section.address:
            raise SecretMissing(place, "Write [vault] address and a log-in into the policy.")
        how_to_set = f"Write it: `bao kv patch -mount={mount} {path} {field}=-`."
        value = self.vault.read(mount, path).get(field)
        if value is None:
            raise SecretMissing(place, how_to_set)
        if not isinstance(value, str):
            raise SecretRefused(place, "it is not text", "Write it as a text.")
        return as_secret(value, place, how_to_set)
