"""Tokens that nobody has a reason to use: what is planted, and how it is recognised in a request.

Threat: a configuration, a backup, a mailbox or a table was copied, and nobody knows. Whoever copied it tries what it
holds; a credential, key or record id that was put there for them gives them away (MITRE Engage, EAC0005 and EAC0007).
The policy keeps a digest: tokens are drawn with 119 bits and more, so whoever reads the policy learns none of them.

Lets pass: a token that is sent encoded (but for percent encoding and Basic), cut, or with letters and digits directly
around it; what stands in a body behind its first 64 KB, or in one that is neither a form nor JSON.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import string
import uuid
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import unquote_to_bytes

from ..core.errors import OperatorError
from ..core.facts import Facts
from ..events.origin import DIRECT, origin_of

Kind = Literal["key", "password", "id"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SHORTEST: Final = 16
LONGEST: Final = 128
_RUN: Final = re.compile(rb"[A-Za-z0-9_-]{%d,%d}" % (SHORTEST, LONGEST))
_FITS: Final = re.compile(_RUN.pattern.decode())
_LETTERS: Final = string.ascii_letters + string.digits
_PASSWORD: Final = 20
_SECRET: Final = 32
_BROWSERS_OWN: Final = frozenset({b"cookie", b"referer"})
"""Headers in which a link or a page of another site can have a browser send what it likes."""


class NoHoneyToken(OperatorError):
    """A text can't be planted."""

    def __init__(self) -> None:
        super().__init__(
            f"That can't be planted: {SHORTEST} to {LONGEST} letters, digits, `-` and `_` are recognised.",
            remedy="Leave --value out, and one is drawn.",
            reference="docs/detection/honey.md",
        )


class Planted(NamedTuple):
    """A planted token: what the operator calls it, and what it pretends to be."""

    name: str
    kind: Kind


class Found(NamedTuple):
    """A planted token in a request. `certain`: no link and no page of another site can have put it there."""

    planted: Planted
    place: str
    certain: bool


def draw(kind: Kind, prefix: str = "sk") -> str:
    """A new token that looks like what it pretends to be."""
    if kind == "id":
        return str(uuid.uuid4())
    text = "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD if kind == "password" else _SECRET))
    return text if kind == "password" else f"{prefix}_{text}"


def entry_of(kind: Kind, token: str) -> str:
    """What the policy keeps of `token`: kind, length, digest. Raises `NoHoneyToken`."""
    if not _FITS.fullmatch(token):
        raise NoHoneyToken
    return f"{kind}:{len(token)}:{_digest(token.encode())}"


class Honey:
    """The planted tokens of a policy: names, and entries of `entry_of`."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        parts = {name: entry.split(":") for name, entry in entries.items()}
        self._known = {digest: Planted(name, _kind(kind)) for name, (kind, _, digest) in parts.items()}
        self._lengths = frozenset(int(length) for _, length, _ in parts.values())

    def __bool__(self) -> bool:
        return bool(self._known)

    def search(self, text: bytes) -> Iterator[Planted]:
        """The planted tokens in `text`. One pass; only what is as long as a planted one is hashed."""
        for run in _RUN.findall(text):
            if len(run) in self._lengths and (planted := self._known.get(_digest(run))) is not None:
                yield planted

    def in_head(self, facts: Facts) -> list[Found]:
        """Those in path, query and headers."""
        if not any(self.search(b"\n".join(text for _, text in _places(facts)))):
            return []
        found: dict[str, Found] = {}
        for place, text in _places(facts):
            for planted in self.search(text):
                found.setdefault(planted.name, Found(planted, place, _certain(facts, place, planted.kind)))
        return list(found.values())

    def in_body(self, facts: Facts, text: bytes) -> list[Found]:
        """Those in (the beginning of) a body or message."""
        text = unquote_to_bytes(text) if b"%" in text else text
        return [Found(one, "body", _certain(facts, "body", one.kind)) for one in dict.fromkeys(self.search(text))]


def _kind(text: str) -> Kind:
    return next(kind for kind in KINDS if kind == text)


def _digest(token: bytes) -> str:
    return hashlib.blake2b(token, digest_size=16, person=b"garrison.honey").hexdigest()


def _places(facts: Facts) -> Iterator[tuple[str, bytes]]:
    yield "path", _plain(facts.raw_path)
    yield "query", _plain(facts.query)
    for name in facts.headers:
        for value in facts.values(name):
            yield f"header {name.decode('latin-1')}", _basic(value) if name == b"authorization" else value


def _plain(text: bytes) -> bytes:
    return unquote_to_bytes(text) if b"%" in text else text


def _basic(value: bytes) -> bytes:
    """A password behind Basic (RFC 7617), readable; anything else as it is."""
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"basic":
        return value
    try:
        return base64.b64decode(rest.strip())
    except (binascii.Error, ValueError):  # not Basic after all
        return value


def _certain(facts: Facts, place: str, kind: Kind) -> bool:
    """Whether the client itself chose to send it there.

    A program does. In a browser, a link of any site or mail chooses path and query, and a page of ours may put those
    into a form; but no link writes a header, and none a password.
    """
    site = facts.headers.get(b"sec-fetch-site", b"")
    secure = facts.scheme in ("https", "wss")
    if not site:
        return origin_of(b"", facts.headers.get(b"user-agent", b""), secure=secure) == DIRECT
    if site not in (b"none", b"same-origin"):
        return False
    if place.startswith("header "):
        return place.removeprefix("header ").encode("latin-1") not in _BROWSERS_OWN
    return place == "body" and kind == "password"
