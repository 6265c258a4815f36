"""Keys: one root key, and from it a key of its own for every purpose."""

from .errors import KeyFileRefused, KeyMissing, KeyReferenceMalformed, KeyWeak
from .keyring import Keyring, Signer
from .sealing import SealBroken, Sealer
from .secret import Secret

__all__ = [
    "KeyFileRefused",
    "KeyMissing",
    "KeyReferenceMalformed",
    "KeyWeak",
    "Keyring",
    "SealBroken",
    "Sealer",
    "Secret",
    "Signer",
]
