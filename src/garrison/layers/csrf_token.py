"""CSRF tokens: a random value and a coarse time, authenticated together with the session they belong to.

`random(22) minutes(8) "." tag`, where the tag covers the length-prefixed session id and everything before the dot, so
that no two inputs share an encoding (OWASP CSRF Prevention Cheat Sheet, "Signed Double-Submit Cookie"). The text
itself is signed, not what it decodes to: no second spelling of a token is valid.

Threat: a token that was forged, guessed, taken from another session, or kept for long.
Lets pass: a replay within the token's life in the same session. Tokens are not one-time: several tabs share one.
"""

from __future__ import annotations

import secrets

from ..core.clock import Clock
from ..core.ports import Sign

_RANDOM_CHARACTERS = 22  # 16 bytes in base64url
_HEAD_CHARACTERS = _RANDOM_CHARACTERS + 8
_LONGEST = 512
_NEVER = float("inf")
_MINUTE = 60.0
_REMEMBERED = 1024


class Tokens:
    """Makes and checks tokens. `lifetime` is in seconds; issue times are rounded down to the minute."""

    __slots__ = ("_lifetime", "_sign", "_verified", "_verify", "_wall")

    def __init__(self, sign: Sign, clock: Clock, lifetime: float) -> None:
        self._sign = sign.sign
        self._verify = sign.verify
        self._wall = clock.wall
        self._lifetime = lifetime
        self._verified: dict[tuple[str | None, bytes], float] = {}

    def make(self, session: str | None) -> str:
        """A new token for `session`; None is everybody without one."""
        head = f"{secrets.token_urlsafe(16)}{int(self._wall() // _MINUTE):08x}"
        return f"{head}.{self._sign(_bind(session, head))}"

    def until(self, session: str | None, token: bytes) -> float:
        """The wall time until which `token` is good in `session`; long ago when it was not made for it.

        Never raises on what a client sent.
        """
        made = self._verified.get((session, token))
        if made is None:
            if token[_HEAD_CHARACTERS : _HEAD_CHARACTERS + 1] != b"." or len(token) > _LONGEST or not token.isascii():
                return -_NEVER
            made = self._made(session, token.decode("ascii"))
        return made + self._lifetime

    def holds(self, session: str | None, token: bytes) -> bool:
        """Whether `token` was made for `session` and is in its lifetime."""
        return self._wall() <= self.until(session, token)

    def fresh(self, session: str | None, token: bytes) -> bool:
        """Whether `token` holds and has more than half of its lifetime left: good enough to be handed out again."""
        return self._wall() <= self.until(session, token) - self._lifetime / 2

    def _made(self, session: str | None, token: str) -> float:
        """When `token` was made for `session`; never, which is long ago, when it was not.

        What verified is kept, since that can't change; what did not is not: clients can make as much as they like.
        """
        head = token[:_HEAD_CHARACTERS]
        if not self._verify(_bind(session, head), token[_HEAD_CHARACTERS + 1 :]):
            return -_NEVER
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        made = self._verified[session, token.encode("ascii")] = int(head[_RANDOM_CHARACTERS:], 16) * _MINUTE
        return made


def _bind(session: str | None, head: str) -> bytes:
    """What is signed. A session is told apart from having none by the first word, whatever its id."""
    if session is None:
        return f"nobody,{head}".encode("ascii")
    return f"session,{len(session)}:{session},{head}".encode("utf-8", "surrogatepass")
