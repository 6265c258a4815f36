"""An alert: a rule has spoken about somebody."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..core.ports import Detail
from ..events.event import Event
from .playbooks import how_to_read
from .rule import Rule


@dataclass(frozen=True, slots=True)
class Alert:
    """What a rule found.

    who     the value of the rule's `by`: an address, a principal, …
    when    wall time of the event that completed it
    count   how much there was: events, distinct values or bytes
    held    whether the client itself sent all that it took, so that a reaction may follow
    last    the event that completed it
    """

    rule: Rule
    who: str
    when: float
    count: int
    held: bool
    last: Event

    @property
    def id(self) -> str:
        """The same for the same finding, whoever comes to it: of one rule and key, one for each cool-down."""
        stretch = int(self.when // self.rule.cooldown)
        text = f"{self.rule.id}\0{self.who}\0{stretch}{self.drill}"
        return f"a{hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}"

    @property
    def key(self) -> str:
        """What a cool-down is for: the rule and whom it is about."""
        return f"{self.rule.id}|{self.who}{self.drill and f'|{self.drill}'}"

    @property
    def drill(self) -> str:
        """The drill that raised it; "" for what is meant in earnest."""
        return self.last.drill

    def details(self) -> dict[str, Detail]:
        """What the event says about it."""
        rule = self.rule
        return {
            "alert": self.id, "rule": rule.id, "title": rule.title, "confidence": rule.confidence,
            "severity": rule.severity.value, "by": rule.by, "who": self.who, "count": self.count,
            "window": rule.window, "held": self.held, "attack": " ".join(rule.attack),
            "cwe": " ".join(f"CWE-{one}" for one in rule.cwe), "evidence": f"{self.last.run}-{self.last.seq}",
            "runbook": rule.runbook,
            **({"drill": self.drill} if self.drill else {}),
            **({"playbook": how_to_read(rule.playbook)} if rule.playbook else {}),
        }  # fmt: skip
