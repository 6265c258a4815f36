"""Keys and secrets: a key of its own for every purpose, and the application's secrets by name and by need."""

from .errors import (
    KeyFileRefused,
    KeyMissing,
    KeyReferenceMalformed,
    KeyWeak,
    SecretDenied,
    SecretError,
    SecretMissing,
    SecretRefused,
    SecretsUnresolved,
    SecretUnknown,
    SourceAway,
    TransitBroken,
    TransitRefused,
)
from .keyring import Keyring, Signer
from .named import Secrets, View, open_secrets
from .sealing import SealBroken, Sealer
from .secret import Secret
from .transit import KeyFacts, TransitKey

__all__ = [
    "KeyFacts",
    "KeyFileRefused",
    "KeyMissing",
    "KeyReferenceMalformed",
    "KeyWeak",
    "Keyring",
    "SealBroken",
    "Sealer",
    "Secret",
    "SecretDenied",
    "SecretError",
    "SecretMissing",
    "SecretRefused",
    "SecretUnknown",
    "Secrets",
    "SecretsUnresolved",
    "Signer",
    "SourceAway",
    "TransitBroken",
    "TransitKey",
    "TransitRefused",
    "View",
    "open_secrets",
]
