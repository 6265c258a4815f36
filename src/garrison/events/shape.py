"""From what was put into the queue to an `Event`: redacted, printable, bounded. Runs in the background thread only.

Details that say something every event can say become its fields: `reason`, `layer`, `mode`, `route`, `status`,
`principal`, `session`, `device`, `outcome`, `severity`, `request_id`. The rest stay details.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from ..core.drill import is_drill
from ..core.ports import Detail
from ..core.verdict import Mode, Reason
from .event import Event
from .origin import origin_of
from .patterns import MARK
from .raw import LONGEST_AGENT, Raw, Where
from .redaction import Redactor
from .terms import Outcome, Severity
from .text import clean, clip, clip_head
from .trace import Trace, parse_traceparent
from .vocabulary import TERMS, EventName

LONGEST_WORD: Final = 64
LONGEST_TEXT: Final = 1024
LONGEST_TRACE: Final = 3072
MOST_DETAILS: Final = 24
_LARGE: Final = 2**63
_AGENTS: Final = 1000
_FIELDS: Final = frozenset(
    {
        "reason",
        "layer",
        "mode",
        "route",
        "status",
        "principal",
        "session",
        "outcome",
        "severity",
        "request_id",
        "device",
        "drill",
    }
)
_MARKED: Final = frozenset(
    {
        EventName.ALERT_RAISED,
        EventName.ALERT_DELIVERED,
        EventName.ALERT_ESCALATED,
        EventName.REACTION_WITHHELD,
        EventName.INCIDENT_OPENED,
        EventName.INCIDENT_CHANGED,
    }
)
"""Events that belong to a drill without being of its requests; of all others, only the request's own mark counts."""
_REFUSALS: Final = frozenset(map(str, Reason))
_Word = TypeVar("_Word", bound=StrEnum)


class Shaper:
    """Makes events. `run` names the life of this process, `node` the machine, `routes` the route classes by index."""

    __slots__ = ("_agents", "_node", "_pid", "_redactor", "_routes", "run")

    def __init__(self, redactor: Redactor, node: str, run: str, routes: Sequence[str]) -> None:
        self._redactor = redactor
        self._agents: dict[bytes, str] = {}
        self._node = clip(clean(node), LONGEST_WORD)
        self._pid = os.getpid()
        self._routes = tuple(routes)
        self.run = run

    def shape(self, raw: Raw) -> Event:
        """The event of `raw`."""
        seq, when, name, located, given = raw
        term = TERMS.get(name)
        if term is None:
            given, term = {**given, "name": name}, TERMS[EventName.EVENT_UNKNOWN]
        mode = _word(given.get("mode"))
        where = _nowhere if located is None else self._where(located)
        return Event(
            when=when,
            name=EventName(term.name),
            severity=_member(Severity, given.get("severity"), term.severity),
            outcome=_member(Outcome, given.get("outcome"), _outcome(term.outcome, given, mode)),
            run=self.run,
            seq=seq,
            node=self._node,
            pid=self._pid,
            mode=mode,
            reason=_word(given.get("reason")),
            layer=_word(given.get("layer")),
            status=_status(given.get("status")),
            principal=self._text("principal", _string(given.get("principal")), 128),
            session=fingerprint(_string(given.get("session"))),
            device=fingerprint(_string(given.get("device"))),
            details={**_drill(located, name, given), **self._details(given)},
            **{**where, **_overrides(given)},
        )

    def _where(self, where: Where) -> dict[str, str]:
        client, host, kind, method, path, route, request_id, agent, parent, site, secure, _ = where
        trace = parse_traceparent(parent) if parent else Trace()
        return {
            "client": self._text("client", "" if client.address is None else str(client.address), LONGEST_WORD),
            "client_key": self._text("client", client.key, LONGEST_WORD),
            "kind": kind,
            "method": clip(clean(method), LONGEST_WORD),
            "host": self._text("host", "" if host is None else host.name, 253),
            "path": self._text("path", path, LONGEST_TEXT),
            "agent": self._agent(agent),
            "origin": origin_of(site, agent, secure=secure),
            "route": self._routes[route] if 0 <= route < len(self._routes) else "",
            "request_id": clip(clean(request_id), LONGEST_WORD),
            "trace_id": trace.trace_id,
            "span_id": trace.span_id,
        }

    def _agent(self, agent: bytes) -> str:
        """Few programs speak to one server: their names are judged once."""
        known = self._agents.get(agent)
        if known is None:
            if len(self._agents) >= _AGENTS:
                self._agents.clear()
            known = self._text("agent", agent.decode("utf-8", "backslashreplace"), LONGEST_AGENT)
            self._agents[agent] = known
        return known

    def _details(self, given: Mapping[str, Detail]) -> dict[str, Detail]:
        rest = [(name, value) for name, value in given.items() if name not in _FIELDS and value not in ("", None)]
        return {clip(clean(name), LONGEST_WORD): self._detail(name, value) for name, value in rest[:MOST_DETAILS]}

    def _detail(self, name: str, value: Detail) -> Detail:
        value = self._redactor.value(name, value)
        if isinstance(value, str):
            text = clean(str.__str__(value))
            return clip_head(text, LONGEST_TRACE) if name == "trace" else clip(text, LONGEST_TEXT)
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        if isinstance(value, int) and not -_LARGE <= value < _LARGE:
            return "[large number]"  # many readers of JSON hold 64 bits
        return value

    def _text(self, name: str, text: str, limit: int) -> str:
        if not text:
            return ""
        return MARK if self._redactor.hides(name) else clip(clean(self._redactor.text(text)), limit)


_nowhere: Final[Mapping[str, str]] = {}


def _drill(located: Where | None, name: str, given: Mapping[str, Detail]) -> dict[str, Detail]:
    """The mark of a drill: nobody who emits can give it to a request that has none, or take it away."""
    told = located[-1] if located is not None else _string(given.get("drill")) if name in _MARKED else ""
    return {"drill": told} if told and is_drill(told) else {}


def fingerprint(secret: str) -> str:
    """A short name for a secret of high entropy (a session id): 48 bits, enough to tell sessions apart in a log."""
    if not secret:
        return ""
    return hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=6, person=b"garrison.log").hexdigest()


def _outcome(usual: Outcome, given: Mapping[str, Detail], mode: str) -> Outcome:
    if given.get("reason") not in _REFUSALS:
        return usual
    return Outcome.WOULD_REFUSE if mode == Mode.MONITOR else Outcome.REFUSED


def _overrides(given: Mapping[str, Detail]) -> dict[str, str]:
    return {name: word for name in ("route", "request_id") if (word := _word(given.get(name)))}


def _string(value: Detail) -> str:
    return str.__str__(value) if isinstance(value, str) else "" if value is None else str(value)


def _word(value: Detail) -> str:
    return clip(clean(_string(value)), LONGEST_WORD)


def _status(value: Detail) -> int:
    return value if isinstance(value, int) and 100 <= value <= 599 else 0


def _member(kind: type[_Word], value: Detail, usual: _Word) -> _Word:
    try:
        return kind(value) if isinstance(value, str) else usual
    except ValueError:
        return usual
