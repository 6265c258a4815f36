"""Rules on cryptography, secrets and tokens: the other part of G2xx."""

from __future__ import annotations

from typing import Final

from ..findings.severity import Severity
from .routes_catalogue import Text

_HIGH, _MEDIUM = Severity.HIGH, Severity.MEDIUM

WEAK_HASH: Final = Text(
    "G211", "Broken hash", _MEDIUM, "Collisions are made in seconds.",
    "SHA-256 or BLAKE2; usedforsecurity=False where it is no matter of security.", (328,),
)  # fmt: skip
FAST_HASH: Final = Text(
    "G212", "Password hashed with a fast function", _HIGH, "A leaked table is guessed in hours.",
    "garrison.accounts hashes passwords with argon2id.", (916,),
)  # fmt: skip
CIPHER: Final = Text(
    "G213", "Broken cipher or mode", _HIGH, "Patterns or plaintext show.",
    "AESGCM or ChaCha20Poly1305 of cryptography.", (327,),
)  # fmt: skip
NONCE: Final = Text(
    "G214", "Nonce that is always the same", _HIGH, "Two messages give both away.",
    "os.urandom(12) for each message.", (323, 329),
)  # fmt: skip
RANDOM: Final = Text(
    "G215", "Secret from a guessable source", _HIGH, "The next value can be computed.",
    "The module secrets.", (338, 330),
)  # fmt: skip
TLS: Final = Text(
    "G216", "Certificate not verified", _HIGH, "Whoever stands between reads and writes.",
    "Leave verification on; name a CA file for private ones.", (295,),
)  # fmt: skip
KEY_SIZE: Final = Text(
    "G217", "Key too short", _HIGH, "The private key can be computed.",
    "RSA and DSA from 2048 (better 3072) bits, or Ed25519.", (326,),
)  # fmt: skip
PLAIN: Final = Text(
    "G218", "Protocol without encryption", _MEDIUM, "Passwords and data are read on the way.",
    "FTP_TLS or SFTP, SSH, SMTP with starttls, IMAP4_SSL.", (319,),
)  # fmt: skip
JWT_CHECK: Final = Text(
    "G219", "Token accepted without its signature", _HIGH, "Anybody is anybody.",
    "jwt.decode with key, algorithms and audience; garrison.accounts verifies bearer tokens.", (347,),
)  # fmt: skip
JWT_END: Final = Text(
    "G220", "Token that never ends", _MEDIUM, "A stolen token works for ever.",
    "An `exp` of minutes, and a way to revoke.", (613,),
)  # fmt: skip
SECRET: Final = Text(
    "G221", "Secret in the source", _HIGH, "Whoever reads the source has it, and its history.",
    "Take it out of the environment or a vault (garrison secrets), and change it now.", (798,),
)  # fmt: skip
TIMING: Final = Text(
    "G222", "Secret compared step by step", _MEDIUM, "The time tells how much was right.",
    "hmac.compare_digest or secrets.compare_digest.", (208,),
)  # fmt: skip
LOGGED: Final = Text(
    "G224", "Secret in a log", _HIGH, "Who reads logs has the secret.",
    "Leave it out; log who and what, not with which secret.", (532,),
)  # fmt: skip
