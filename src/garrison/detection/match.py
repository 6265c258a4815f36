"""Which events a rule looks at, and what it groups them by.

Text of clients meets patterns here: globs become one regular expression without nested repetition, and what it is
matched against is bounded by the event (1,024 characters).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from ipaddress import ip_network
from operator import attrgetter
from typing import Final, TypeAlias

from pydantic import Field

from ..core.names import SAFE_METHODS
from ..events.event import Event
from ..events.filter import FIELDS, compile_filter
from ..events.origin import DIRECT
from ..events.vocabulary import EventName
from ..policy.section import Frozen, Names

Test: TypeAlias = Callable[[Event], bool]
Read: TypeAlias = Callable[[Event], str]

_READERS: Final[Mapping[str, Read]] = {
    "client": attrgetter("client_key"),
    "account": lambda event: str(event.details.get("account", "")),
    "asn": lambda event: str(event.details.get("asn", "")),
    "network": lambda event: network_of(event.client),
    "global": lambda event: "all",
}


class Match(Frozen):
    """Events by name, and what else must hold of them: all of what is given."""

    names: tuple[EventName, ...] = Field(min_length=1)
    """Names of the vocabulary."""
    where: str = ""
    """A filter, as `garrison events query` takes it."""
    paths: Names = ()
    """The path is like one of these, whatever the case; `*` stands for any text."""
    agents: Names = ()
    """The User-Agent holds one of these as a whole word, whatever the case."""

    def compile(self) -> Test:
        """The test, names left out: the engine has looked them up. Raises `FilterWrong`."""
        tests = [compile_filter(self.where)] if self.where else []
        if self.paths:
            tests.append(_searching(attrgetter("path"), "|".join(map(translate, self.paths)), whole=True))
        if self.agents:
            tests.append(_searching(attrgetter("agent"), rf"\b(?:{'|'.join(map(re.escape, self.agents))})\b"))
        if not tests:
            return lambda event: True
        first, *more = tests
        return (lambda event: first(event) and all(test(event) for test in more)) if more else first


def _searching(read: Read, pattern: str, *, whole: bool = False) -> Test:
    expression = re.compile(pattern, re.IGNORECASE)
    look = expression.match if whole else expression.search
    return lambda event: look(read(event)) is not None


def reader(by: str) -> Read:
    """How the value of `by` is found in an event; empty where it has none. Raises ValueError for an unknown one."""
    if by in _READERS:
        return _READERS[by]
    if by.startswith("details."):
        name = by.removeprefix("details.")
        return lambda event: str(event.details.get(name, ""))
    if by not in FIELDS:
        raise ValueError(f"events have no field {by!r}")
    field = attrgetter(by)
    return lambda event: str(field(event))


def network_of(client: str) -> str:
    """The wider network of an address: /24 for IPv4, /48 for IPv6; empty for what is no address."""
    if not client:
        return ""
    try:
        return str(ip_network(f"{client.partition('/')[0]}/{48 if ':' in client else 24}", strict=False))
    except ValueError:  # a redacted or missing address
        return ""


def held_against(event: Event) -> bool:
    """Whether the client itself sent this: no other site's page, and no image in a page of ours, made it do so."""
    return event.origin == DIRECT or (event.origin == "same-origin" and event.method not in SAFE_METHODS)
