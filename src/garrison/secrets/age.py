"""Sealing to recipients with age, through the library pyrage (MIT), which is imported when it is used.

Threat: home-made multi-recipient encryption. age's format has a specification, two independent implementations and
command-line tools that open its files without Garrison.
"""

from __future__ import annotations

import base64
import importlib
from binascii import Error as BadBase64
from collections.abc import Sequence
from typing import Any, Final

from .errors import SourceAway

MOST_IDENTITIES: Final = 20


class NotOpened(ValueError):
    """Why something can't be sealed or opened. Never quotes a key or a value."""


def new_identity() -> tuple[str, str]:
    """A fresh X25519 identity (secret) and its recipient (public). Raises `SourceAway` without the library."""
    identity = _library().x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipients_of(identities: str) -> list[str]:
    """The recipients that the identities in a text (one a line, `#` comments) open. Raises `NotOpened`."""
    return [str(identity.to_public()) for identity in _identities(identities)]


def seal(content: bytes, recipients: Sequence[str]) -> str:
    """`content` for `recipients`, in base64. Raises `NotOpened` for a recipient that is none."""
    library = _library()
    known = []
    for recipient in recipients:
        try:
            known.append(library.x25519.Recipient.from_str(recipient))
        except library.RecipientError:
            raise NotOpened("a recipient is not an age recipient (age1…)") from None
    return base64.b64encode(library.encrypt(content, known)).decode("ascii")


def open_sealed(sealed: str, identities: str) -> str:
    """What was sealed, opened by any of `identities`. Raises `NotOpened`."""
    try:
        content = base64.b64decode(sealed, validate=True)
        opened: bytes = _library().decrypt(content, _identities(identities))
        return opened.decode("utf-8", "surrogateescape")
    except (_library().DecryptError, BadBase64, ValueError):
        raise NotOpened("it does not open with this identity, which is none of its recipients") from None


def _identities(text: str) -> list[Any]:
    library = _library()
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not 0 < len(keys) <= MOST_IDENTITIES:
        raise NotOpened("the identity holds no age key (AGE-SECRET-KEY-1…), or too many")
    try:
        return [library.x25519.Identity.from_str(key) for key in keys]
    except library.IdentityError:
        raise NotOpened("the identity is not an age key (AGE-SECRET-KEY-1…)") from None


def _library() -> Any:
    try:
        return importlib.import_module("pyrage")
    except ModuleNotFoundError:
        raise SourceAway(
            "The sealed file",
            "the package 'pyrage' is not installed",
            'Install it with: pip install "garrison[sealed]"',
        ) from None
