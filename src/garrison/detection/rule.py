"""One rule: what it looks at, when it speaks, what it means, and the cases that prove it. Read from TOML, checked.

A rule about what other sites can cause (CSRF, CORS, reports of browsers) can't name a reaction: it would let any page
have its visitors banned.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from ..core.errors import OperatorError
from ..events.terms import Category, Severity
from ..events.vocabulary import TERMS
from ..policy.section import Frozen
from ..policy.units import Seconds
from .match import Match, reader
from .playbooks import names as playbooks

Confidence = Literal["low", "medium", "high"]
Reaction = Literal["log-more", "slow", "step-up", "revoke", "ban"]
AGAINST: Final[Mapping[Reaction, frozenset[str]]] = {
    "log-more": frozenset({"client", "principal", "session"}),
    "slow": frozenset({"client"}),
    "step-up": frozenset({"principal", "session"}),
    "revoke": frozenset({"principal", "session"}),
    "ban": frozenset({"client"}),
}
"""Whom a rule must be about for a reaction to follow. What is about a session is against its user."""
_TECHNIQUE: Final = r"^T[0-9]{4}(\.[0-9]{3})?$"
READING: Final = "docs/detection/index.md#what-an-alert-says"
"""How an alert is read, whatever its rule: where one leads whose rule has no runbook."""


class RuleWrong(OperatorError):
    """A rule can't be used. `file` is where it stands."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"The detection rule {file} can't be used: {why}.",
            remedy="Compare it with a rule that ships with Garrison.",
            reference="docs/detection/index.md",
        )
        self.file = file


class Case(Frozen):
    """Events, and how many alerts they must raise."""

    says: str
    """What happens, in words."""
    alerts: Annotated[int, Field(ge=0)]
    events: tuple[Mapping[str, Any], ...]
    """Fields of events; `repeat` and `every` (seconds) make more of one, `{n}` in a text is its number."""


class Rule(Frozen):
    """See the module. Which keys count depends on `kind`.

    count     `at_least` events (or distinct values of `distinct`, or the sum of `weight`) within `window`
    ratio     of at least `at_least` events within `window`, a `share` are `hits` (with `distinct`: of `various` values)
              An event may stand for many: `weight` for all, `hit_weight` for the hits among them
    sequence  `at_least` events, and then one of `then`, within `window`
    absence   an event, and none of `then` within `window` after it; `again`: the wait begins anew with each event
    rise      the mean (sum of `measure` by sum of `weight`) within `window` is `rise` above the median of the `past`
              windows before it, and at least `least`; a window counts from `at_least` values on
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,47}$")]
    title: str
    means: str
    next: str
    playbook: str = ""
    """Which of the playbooks that ship is about it; "" for none."""
    runbook: Annotated[str, Field(min_length=1)] = READING
    """Where to read what to do: an address (`https://…`), or a file, from the folder of the rule on."""
    severity: Severity
    confidence: Confidence
    attack: tuple[Annotated[str, Field(pattern=_TECHNIQUE)], ...] = ()
    cwe: tuple[int, ...] = ()
    kind: Literal["count", "ratio", "sequence", "absence", "rise"] = "count"
    match: Match
    hits: Match | None = None
    then: Match | None = None
    by: str = "client"
    window: Annotated[Seconds, Field(gt=0)] = 600.0
    at_least: Annotated[int, Field(ge=1)] = 1
    distinct: str = ""
    various: Annotated[int, Field(ge=1, le=100)] = 1
    weight: str = ""
    hit_weight: str = ""
    measure: str = ""
    rise: Annotated[float, Field(ge=0)] = 0.0
    past: Annotated[int, Field(ge=3, le=100)] = 15
    least: float = 0.0
    again: bool = False
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    cooldown: Annotated[Seconds, Field(gt=0)] = 900.0
    react: tuple[Reaction, ...] = ()
    cases: tuple[Case, ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for by in filter(None, (self.by, self.distinct, self.weight, self.hit_weight, self.measure)):
            reader(by)
        if (self.kind == "rise") != bool(self.measure and self.rise) or (self.measure and not self.weight):
            raise ValueError("a rise, and nothing else, has measure and rise, and a weight")
        if (self.hits is not None) != (self.kind == "ratio"):
            raise ValueError("a ratio, and nothing else, has hits")
        if (self.then is not None) != (self.kind in ("sequence", "absence")):
            raise ValueError("sequence and absence, and nothing else, have then")
        if self.kind == "count" and self.distinct and not 2 <= self.at_least <= 100:
            raise ValueError("between 2 and 100 distinct values can be counted")
        if self.playbook and self.playbook not in playbooks():
            raise ValueError(f"no playbook goes by {self.playbook!r}; there are {', '.join(playbooks())}")
        if {case.alerts > 0 for case in self.cases} != {True, False}:
            raise ValueError("it needs a case that raises an alert and one that does not")
        self._refuse_remote_reactions()
        return self

    def _refuse_remote_reactions(self) -> None:
        if not self.react:
            return
        remote = [name for one in self.matches for name in one.names if TERMS[name].category is Category.CROSS_SITE]
        if remote:
            raise ValueError(f"other sites can cause {remote[0]}: no reaction may follow")
        for kind in self.react:
            if self.by not in AGAINST[kind]:
                raise ValueError(f"{kind} is against {' or '.join(sorted(AGAINST[kind]))}, and this is by {self.by}")
        if self.confidence == "low" and {*self.react} - {"log-more"}:
            raise ValueError("no reaction but log-more may follow from low confidence")

    @property
    def matches(self) -> tuple[Match, ...]:
        """All its matches."""
        return tuple(one for one in (self.match, self.hits, self.then) if one is not None)


def parse_rule(text: str, file: str) -> Rule:
    """The rule that `text` (TOML) says. Raises `RuleWrong`."""
    try:
        return Rule.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RuleWrong(file, str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RuleWrong(file, f"{'.'.join(map(str, first['loc']))}: {first['msg']}".lstrip(": ")) from None
    except OperatorError as error:
        raise RuleWrong(file, error.message) from None


def shipped_rules() -> list[Rule]:
    """The rules that come with Garrison, by id."""
    folder = files(__package__).joinpath("rules")
    found = [one for one in folder.iterdir() if one.name.endswith(".toml")]
    rules = _in_order((parse_rule(one.read_text("utf-8"), one.name), one.name) for one in found)
    return [rule.model_copy(update={"runbook": page_of(rule)}) for rule in rules]


def page_of(rule: Rule) -> str:
    """Where the documentation tells of a shipped rule."""
    return f"docs/detection/rules.md#{rule.id}"


def rules_of(folders: Sequence[str], off: Sequence[str]) -> list[Rule]:
    """The shipped rules and those in `folders` (one of the same id takes a shipped one's place), without `off`.

    Raises `RuleWrong` for a rule that can't be read, and for a name in `off` that no rule has.
    """
    rules = {rule.id: rule for rule in shipped_rules()}
    rules |= {rule.id: rule for rule in own_rules(folders)}
    for name in off:
        if name not in rules:
            raise RuleWrong(name, "detection.off names it, and there is no such rule")
    return [rules[name] for name in sorted(rules) if name not in off]


def own_rules(folders: Sequence[str]) -> list[Rule]:
    """The rules in `folders`; of two of one id, the later. Raises `RuleWrong`."""
    rules: dict[str, Rule] = {}
    for folder in folders:
        path = Path(folder)
        if not path.is_dir():
            raise RuleWrong(folder, "there is no such folder")
        own = [(_read(file), file.name) for file in sorted(path.glob("*.toml"))]
        if not own:
            raise RuleWrong(folder, "no rule (*.toml) lies in this folder")
        rules |= {rule.id: rule for rule in _in_order(own)}
    return list(rules.values())


def _read(file: Path) -> Rule:
    try:
        rule = parse_rule(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise RuleWrong(str(file), type(error).__name__) from None
    return rule.model_copy(update={"runbook": _found(rule.runbook, file)})


def _found(runbook: str, file: Path) -> str:
    """What an alert says of `runbook`, which the rule in `file` names: never a link to nowhere."""
    if runbook == READING:
        return runbook
    if runbook.startswith(("https://", "http://")):
        if not _is_address(runbook):
            raise RuleWrong(str(file), "runbook: this is no address")
        return runbook
    if not (file.parent / runbook).is_file():
        raise RuleWrong(str(file), f"runbook: there is no file {file.parent / runbook}, and it is no https:// address")
    return str(file.parent / runbook)


def _is_address(text: str) -> bool:
    try:
        return bool(urlsplit(text).hostname) and text.isprintable() and " " not in text
    except ValueError:
        return False


def _in_order(rules: Iterable[tuple[Rule, str]]) -> list[Rule]:
    found: dict[str, Rule] = {}
    for rule, name in rules:
        if f"{rule.id}.toml" != name:
            raise RuleWrong(name, f"its id is {rule.id!r}, so the file must be called {rule.id}.toml")
        found[rule.id] = rule
    return [found[name] for name in sorted(found)]
