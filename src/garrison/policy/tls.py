"""What TLS is made of, for Garrison's own server and for the proxies it writes the configuration of.

Source: Mozilla's server-side TLS guidelines 5.7, "intermediate" without its two finite-field suites, and "modern".
Suites of TLS 1.3 are not chosen: all of OpenSSL's are AEAD with forward secrecy.
"""

from __future__ import annotations

from typing import Final

CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
GROUPS: Final = ("X25519MLKEM768", "X25519", "P-256", "P-384")
"""Mozilla's guidelines, with the hybrid group (draft-ietf-tls-ecdhe-mlkem) first where the TLS library has it."""
