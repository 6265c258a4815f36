"""The first secret in a wrapping token: opened once, by us, or the start is refused and somebody hears of it.

Whoever hands over the secret id (or token) of a log-in hands over a token that opens once and for a short time, and in
it the secret. It may pass through a deployment system, a file, a variable: who reads it there can open it, but then we
can't, and know.

Threat: the token is intercepted and opened by somebody else (then it is used up); or opened, and what was in it wrapped
anew and passed on (then the token was made by another path). So its path is looked at before it is opened, and must be
the one that the policy names. Assumption: nobody else may make wrapping tokens with that path, which has the role's
name in it. Lets pass: who opens it to keep us from starting; who is on this machine as this user.

A server says the same of a token that was opened and of one whose time is over. What was opened here is remembered in
the state folder, so that a restart with the same token is told from an interception.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ..core.ports import Emit, silent
from ..policy.held import held_reference, hold_reference
from ..policy.section_vault import VaultSection
from .errors import SecretError, SecretRefused, WrappingKept, WrappingRefused
from .private_files import locked, private_folder, read_private, write_whole
from .secret import Secret

Credential = Callable[[str], Secret[str]]
_FOLDER: Final = "wrapping"
_FILE: Final = "tokens.json"
_MOST: Final = 64


class Unwrapping:
    """A `credential` whose wrapping token is opened. Called by a log-in, in threads; blocks.

    connect  an hvac client that is not logged in
    ask      `Vault.ask`
    opens    False for commands that only look: opening is the application's
    """

    def __init__(
        self,
        section: VaultSection,
        credential: Credential,
        connect: Callable[[], Any],
        ask: Callable[[str, Callable[[], Any]], Any],
        state: Path,
        *,
        opens: bool,
    ) -> None:
        self._section = section
        self._credential = credential
        self._connect = connect
        self._ask = ask
        self._notes = Notes(state)
        self._opens = opens
        self._reference = section.secret_id if section.auth == "approle" else section.token
        self._place = f"the wrapping token in {self._reference}"
        self._emit: Emit = silent

    def __call__(self, reference: str) -> Secret[str]:
        """What `reference` leads to; what is in it, where it leads to the wrapping token. Raises `WrappingRefused`,
        `WrappingKept`, and what reading, the server and the state folder raise."""
        if reference != self._reference:
            return self._credential(reference)
        try:
            found = self._credential(reference)
        except SecretError:
            if (kept := held_reference(f"unwrapped from {reference}")) is not None:
                return Secret(kept)  # used up, it was taken away
            raise
        name = _name(found)
        with self._notes.exclusive():
            # Several parts of this process, and the workers that it starts, log in: one of them opens it for all.
            if (kept := held_reference(f"unwrapped {name}")) is not None:
                return Secret(kept)
            if not self._opens:
                self._look(found, name)
                raise WrappingKept(self._place)
            return self._open(found, name)

    def attach(self, emit: Emit) -> None:
        """Record events with `emit` from now on, and what was refused before there was one."""
        self._emit = emit
        if emit is silent:  # a command: who hears of it is the application
            return
        with self._notes.exclusive():
            for why, at in self._notes.untold():
                emit("wrapping_refused", place=self._place, error=why, at=at)

    def look(self) -> None:
        """See that the token is good and made where it should be; it stays unopened. Raises as `__call__`."""
        found = self._credential(self._reference)
        with self._notes.exclusive():
            self._look(found, _name(found))

    def open(self) -> None:
        """Open the token now, for all that log in later. Raises as `__call__`."""
        self(self._reference)

    def _look(self, token: Secret[str], name: str) -> Any:
        client = self._connect()
        client.token = token.reveal()
        try:
            made = self._ask(self._place, lambda: client.write("sys/wrapping/lookup", token=client.token)["data"])
        except SecretRefused:
            raise self._spent(name) from None
        if made.get("creation_path") != self._section.unwrap:
            raise self._refused(
                name, f"it was not made by {self._section.unwrap}: somebody may have opened it and wrapped it anew"
            )
        return client

    def _open(self, token: Secret[str], name: str) -> Secret[str]:
        client = self._look(token, name)
        self._notes.opened(name)  # first: what can't be noted is not opened either
        try:
            answer = self._ask(self._place, client.sys.unwrap)
        except SecretRefused:
            self._notes.not_opened(name)
            raise self._refused(name, "it was opened by somebody else a moment ago") from None
        except Exception:
            self._notes.not_opened(name)  # whether it is used up shows at the next try
            raise
        part, field = ("data", "secret_id") if self._section.auth == "approle" else ("auth", "client_token")
        inside = answer.get(part) if isinstance(answer, Mapping) else None
        value = inside.get(field) if isinstance(inside, Mapping) else None
        if not isinstance(value, str) or not value:
            raise self._refused(name, f"there is no {field.replace('_', ' ')} in it")
        hold_reference(f"unwrapped {name}", value)
        hold_reference(f"unwrapped from {self._reference}", value)
        return Secret(value)

    def _spent(self, name: str) -> SecretRefused:
        if at := self._notes.opened_at(name):
            return SecretRefused(
                self._place, f"it was opened here before, at {at}", "Hand over a new one for each start."
            )
        return self._refused(name, "it was opened already, or its time is over")

    def _refused(self, name: str, why: str) -> WrappingRefused:
        if self._opens and self._notes.refused(name, why, told=self._emit is not silent):
            self._emit("wrapping_refused", place=self._place, error=why)
        return WrappingRefused(self._place, why, self._section.unwrap)


class Notes:
    """What was opened and what was refused here: names (hashes) of tokens and times, the newest `_MOST`.

    Every method but `exclusive` is called inside of it. All raise `FileRefusedError`.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / _FOLDER

    def exclusive(self) -> AbstractContextManager[None]:
        """A context in which nobody else reads or writes; other processes wait."""
        private_folder(self._folder)
        return locked(self._folder)

    def opened_at(self, name: str) -> str:
        """When the token was opened here; empty for never."""
        return str(self._read()["opened"].get(name, ""))

    def opened(self, name: str) -> None:
        found = self._read()
        found["opened"][name] = _now()
        self._write(found)

    def not_opened(self, name: str) -> None:
        found = self._read()
        found["opened"].pop(name, None)
        self._write(found)

    def refused(self, name: str, why: str, *, told: bool) -> bool:
        """Note it; whether it is new."""
        found = self._read()
        is_new = name not in found["refused"]
        if is_new:
            found["refused"][name] = {"why": why, "at": _now(), "told": told}
            self._write(found)
        return is_new

    def untold(self) -> list[tuple[str, str]]:
        """Reason and time of each refusal that is no event yet; they count as told now."""
        found = self._read()
        waiting = [one for one in found["refused"].values() if not one["told"]]
        for one in waiting:
            one["told"] = True
        if waiting:
            self._write(found)
        return [(str(one["why"]), str(one["at"])) for one in waiting]

    def _read(self) -> dict[str, dict[str, Any]]:
        content = read_private(self._folder / _FILE)
        try:
            found = json.loads(content) if content else {}
            return {
                "opened": {str(name): str(at) for name, at in found.get("opened", {}).items()},
                "refused": {
                    str(name): {"why": str(one["why"]), "at": str(one["at"]), "told": bool(one["told"])}
                    for name, one in found.get("refused", {}).items()
                },
            }
        except (ValueError, AttributeError, KeyError, TypeError):
            # Forgetting is the safe side here: what was opened then counts as opened by somebody else.
            return {"opened": {}, "refused": {}}

    def _write(self, found: Mapping[str, dict[str, Any]]) -> None:
        newest = {part: dict(list(names.items())[-_MOST:]) for part, names in found.items()}
        write_whole(self._folder / _FILE, json.dumps(newest).encode())


def _name(token: Secret[str]) -> str:
    return sha256(b"garrison wrapping token" + token.reveal().encode()).hexdigest()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
