"""Encrypting, signing and authenticating with a key that never comes here: Vault's or OpenBao's transit engine.

    notes = secrets.transit("notes")                      # [vault.transit] notes = ["encrypt", "decrypt"]
    row.text = notes.encrypt(text.encode(), place=f"note {row.id}")
    text = notes.decrypt(row.text, place=f"note {row.id}").decode()

Threat: who reads the database, its backups or this machine's disk and memory has the key as well, and can decrypt for
ever; a ciphertext is moved from one row to another. With the engine, whoever takes the machine over can decrypt only
what it asks for, as long as its log-in is good, and every use stands in the server's audit log. `place` binds a value
to where it belongs (AEAD associated data): it opens nowhere else.

Assumption: the engine's default key type (AES-256-GCM) for encryption. Lets pass: whoever has the application's log-in,
as to what [vault.transit] allows; and an older ciphertext put back in its own place. `hmac` and `sign` tell no places
apart: put the place into what is signed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ..core.errors import OperatorError
from ..core.ports import Emit, silent
from ..policy.section_vault import VaultSection
from .errors import SecretDenied, TransitBroken, TransitRefused
from .transit_wire import Item, Transit
from .vault import Vault
from .vault_rights import demand, line_of

MOST: Final = 1000
"""Values at once."""
MAX_BYTES: Final = 4 * 1024 * 1024
"""All values of one call together; a server takes 32 MiB in base64."""
_TEXT: Final = re.compile(r"vault:v([1-9][0-9]{0,8}):[A-Za-z0-9+/_=-]{1,}").fullmatch
_SUPPORTED: Final = {"encrypt": "supports_encryption", "decrypt": "supports_decryption", "sign": "supports_signing"}


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key as the server describes it. `public` has public keys by version, as the server writes them (PEM, or base64
    for Ed25519); empty for a key that has none. `oldest` is the first version that still decrypts and verifies."""

    kind: str
    latest: int
    oldest: int
    derived: bool
    public: Mapping[int, str]


class TransitKey:
    """One key, by what `[vault.transit]` allows to do with it. Get one with `Secrets.transit`.

    Every method that asks the server blocks for up to `vault.timeout`: in a coroutine, call it with
    `asyncio.to_thread`. All raise `TransitRefused` (a right or a key is missing, or is the wrong one), `SourceAway`
    (the server can't be asked), `SecretError` (of the log-in), `SecretDenied` with an event (the policy does not allow
    it), and ValueError for more than `MOST` values or `MAX_BYTES`.
    """

    def __init__(self, vault: Vault, name: str, emit: Emit) -> None:
        """Blocks: a key that is missing, or can't do what the policy allows, is found out here."""
        self.name = name
        self.rights = frozenset(vault.section.transit.get(name, ()))
        if not self.rights:
            raise OperatorError(
                f"The policy allows nothing with the transit key {name!r}.",
                remedy=f'Write [vault.transit] {name} = ["encrypt", "decrypt"], with what the application needs.',
                reference="docs/secrets/transit.md",
            )
        self._emit = emit
        self._wire = Transit(vault, name)
        self.facts = self.look()

    def look(self) -> KeyFacts:
        """The key as it is now, which `facts` is from then on."""
        found = self._wire.describe()
        lacking = [right for right, flag in _SUPPORTED.items() if right in self.rights and not found.get(flag)]
        if lacking:
            why = f"a key of the kind {found.get('type')} can't {lacking[0]}"
            raise TransitRefused(self.name, why, "Make another key, of a kind that can: aes256-gcm96, ed25519.")
        self.facts = _facts(found)
        return self.facts

    def encrypt(self, data: bytes, place: str = "", context: str = "") -> str:
        """`data` as a text (`vault:v1:…`) that opens at this `place` only. `context` chooses the key of a derived one
        (a tenant's), and is refused for any other: it would do nothing."""
        return self.encrypt_all([(data, place)], context)[0]

    def encrypt_all(self, items: Sequence[tuple[bytes, str]], context: str = "") -> list[str]:
        """As `encrypt`, of many (data, place) in one question."""
        self._may("encrypt", (len(data) for data, _ in items), context)
        asked = [_item(context, place, plaintext=_base64(data)) for data, place in items]
        found = self._wire.batch("encrypt", asked) if items else []
        return [self._text(one, "ciphertext") for one in found]

    def decrypt(self, text: str, place: str = "", context: str = "") -> bytes:
        """What was encrypted for this place and context. Raises `TransitBroken` as well, with an event."""
        return self.decrypt_all([(text, place)], context)[0]

    def decrypt_all(self, items: Sequence[tuple[str, str]], context: str = "") -> list[bytes]:
        """As `decrypt`, of many (text, place) in one question. One that is broken is the end of all."""
        self._may("decrypt", (_size(text) for text, _ in items), context)
        self._broken([n for n, (text, _) in enumerate(items) if not _TEXT(text)])
        asked = [_item(context, place, ciphertext=text) for text, place in items]
        found = self._wire.batch("decrypt", asked) if items else []
        self._broken(
            [n for n, one in enumerate(found) if one.get("error") or not isinstance(one.get("plaintext"), str)]
        )
        return [base64.b64decode(one["plaintext"]) for one in found]

    def is_old(self, text: str) -> bool:
        """Whether it is under another version than the latest that `facts` knows."""
        found = _TEXT(text)
        return not found or int(found[1]) < self.facts.latest

    def rewrap(self, text: str, place: str = "", context: str = "") -> str:
        """The same value under the newest version. Without a place the server does it and the value stays there; with
        one it takes `decrypt` and `encrypt`, and passes through this process: the engine rewraps no associated data."""
        if place:
            return self.encrypt(self.decrypt(text, place, context), place, context)
        self._may("rewrap", [_size(text)], context)
        self._broken([] if _TEXT(text) else [0])
        found = self._wire.batch("rewrap", [_item(context, "", ciphertext=text)])
        self._broken([0] if found[0].get("error") else [])
        return self._text(found[0], "ciphertext")

    def sign(self, data: bytes) -> str:
        """A signature (`vault:v1:…`) over `data`."""
        return self._made("sign", "signature", data)

    def verify(self, data: bytes, signature: str) -> bool:
        """Whether `sign` made that signature, with a version that still counts. False for anything malformed."""
        return self._verified("signature", data, signature)

    def hmac(self, data: bytes) -> str:
        """An authentication code (`vault:v1:…`, HMAC with SHA-256) over `data`."""
        return self._made("hmac", "hmac", data)

    def verify_hmac(self, data: bytes, code: str) -> bool:
        """Whether `hmac` made that code. False for anything malformed."""
        return self._verified("hmac", data, code)

    def rotate(self) -> int:
        """Make a new version of the key; its number. What is under older ones still opens."""
        self._may("rotate", ())
        self._wire.rotate()
        return self.look().latest

    def _made(self, operation: str, field: str, data: bytes) -> str:
        self._may(operation, [len(data)])
        return self._text(self._wire.batch(operation, [{"input": _base64(data)}])[0], field)

    def _verified(self, field: str, data: bytes, text: str) -> bool:
        self._may("verify", [len(data)])
        if len(text) > MAX_BYTES or not _TEXT(text):
            return False
        return self._wire.batch("verify", [{"input": _base64(data), field: text}])[0].get("valid") is True

    def _may(self, right: str, sizes: Iterable[int], context: str = "") -> None:
        if right not in self.rights:
            self._emit("secret_denied", component=f"transit.{self.name}", name=right)
            raise SecretDenied(f"transit.{self.name}", right)
        if bool(context) != self.facts.derived and right in ("encrypt", "decrypt", "rewrap"):
            why = "it is derived, and needs a context" if self.facts.derived else "a context does nothing to it"
            raise TransitRefused(self.name, why, "Give a context to keys made with derived=true, and to no other.")
        found = list(sizes)
        if len(found) > MOST or sum(found) > MAX_BYTES:
            raise ValueError(f"at most {MOST} values and {MAX_BYTES} bytes at once")

    def _broken(self, at: Sequence[int]) -> None:
        if at:
            self._emit("crypt_decrypt_fail", key=f"transit.{self.name}", values=len(at))
            raise TransitBroken(self.name, tuple(at))

    def _text(self, found: Mapping[str, Any], field: str) -> str:
        """What the server made, when it is what it should be: nothing else must end up in a database."""
        text = found.get(field)
        if isinstance(text, str) and _TEXT(text) and not found.get("error"):
            return text
        why, remedy = "the engine does not do that with it", "See its kind: a place needs an AEAD one (aes256-gcm96)."
        raise TransitRefused(self.name, why, remedy)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a transit key can't be pickled or copied: it holds a log-in")

    def __repr__(self) -> str:
        return f"TransitKey({self.name!r}, {', '.join(sorted(self.rights))})"


def open_key(vault: Vault | None, name: str, emit: Emit) -> TransitKey:
    """As `Secrets.transit`."""
    if vault is None or not vault.section.address:
        remedy = "Write [vault] address and a log-in into the policy."
        raise TransitRefused(name, "the policy names no server", remedy)
    return TransitKey(vault, name, emit)


class Ed25519:
    """Signing with the bare signature and public key, as other formats than the engine's want them. `ask` is called by
    one thread at a time; everything raises as `TransitKey`."""

    def __init__(self, key: TransitKey) -> None:
        if key.facts.kind != "ed25519":
            raise TransitRefused(key.name, f"it is of the kind {key.facts.kind}", "Make one with type=ed25519.")
        if "sign" not in key.rights:
            remedy = f'Write it: [vault.transit] {key.name} = ["sign"].'
            raise TransitRefused(key.name, "the policy does not allow to sign with it", remedy)
        self._key = key

    def ask(self, data: bytes) -> tuple[bytes, bytes]:
        """The public key that counts now (32 bytes), and its signature over `data`."""
        _, version, signature = self._key.sign(data).split(":")
        number = int(version.removeprefix("v"))
        public = self._key.facts.public.get(number) or self._key.look().public.get(number, "")
        return base64.b64decode(public), base64.b64decode(signature)

    def publics(self) -> list[bytes]:
        """The public keys of all versions that still verify, the newest first."""
        facts = self._key.look()
        return [base64.b64decode(text) for number, text in sorted(facts.public.items(), reverse=True)
                if number >= facts.oldest]  # fmt: skip


def transit_rights(section: VaultSection, name: str) -> list[tuple[str, str]]:
    """What the key takes at the server, by path. No `create`: it would make a key of each misspelt name."""
    mount = section.transit_mount
    paths = (f"keys/{name}/rotate" if one == "rotate" else f"{one}/{name}" for one in sorted(section.transit[name]))
    return [(f"{mount}/keys/{name}", "read"), *((f"{mount}/{path}", "update") for path in paths)]


def all_transit_lines(section: VaultSection) -> list[str]:
    """The lines of a server policy that all keys of the policy take."""
    return [line_of(*one) for name in section.transit for one in transit_rights(section, name)]


def transit_steps(vault: Vault) -> Iterator[tuple[str, Callable[[], object]]]:
    """What has to work for the keys of the policy, as `Vault.steps`."""

    def tried(name: str) -> Callable[[], None]:
        def run() -> None:
            demand(vault, f"the transit key {name}", transit_rights(vault.section, name))
            TransitKey(vault, name, silent)

        return run

    for name, rights in vault.section.transit.items():
        yield f"the transit key {name}: {', '.join(rights)}", tried(name)


def _facts(found: Mapping[str, Any]) -> KeyFacts:
    versions = found.get("keys") or {}
    public = {int(number): one["public_key"] for number, one in versions.items()
              if isinstance(one, Mapping) and one.get("public_key")}  # fmt: skip
    latest, oldest = int(found.get("latest_version", 0)), int(found.get("min_decryption_version", 1))
    return KeyFacts(str(found.get("type", "")), latest, oldest, bool(found.get("derived")), public)


def _size(text: str) -> int:
    """How many bytes a text stands for: base64, without its version, nonce, tag and padding."""
    return max(0, len(text) * 3 // 4 - 48)


def _item(context: str, place: str, **more: str) -> Item:
    bound = {"associated_data": place, "context": context}
    return {**more, **{name: _base64(text.encode("utf-8", "surrogatepass")) for name, text in bound.items() if text}}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
