"""Whose network an address is in: the number of its autonomous system, where the operator gives a source.

Threat: guessing spread over the addresses and networks of one hosting provider, each of which is seen once. Off by
default, since Garrison brings no table. Two sources: a header that a trusted proxy sets (and nobody else is believed),
or a file of networks and numbers. Detection alone uses it: what is found is stamped on what rules look at, and stands
in no log but as the `who` of an alert.

Assumption: the proxy sets the header on every request, or takes away what clients sent under that name.
Lets pass: addresses that the table does not have; a table that is old.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from ..core.errors import OperatorError
from ..core.facts import Facts
from ..events.event import Event

MOST: Final = 1_500_000
"""Networks of a table: the whole of the routing table fits (about 150 bytes each)."""
_LEARNED: Final = 50_000
_CACHED: Final = 20_000
_NUMBER: Final = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_SPLIT: Final = re.compile(r"[\s,;]+")
_LARGEST: Final = 2**32 - 1


class AsnTableWrong(OperatorError):
    """The table can't be used. `file` and `line` are where."""

    def __init__(self, file: str, line: int, why: str) -> None:
        place = f"{file}, line {line}," if line else file
        super().__init__(
            f"The table of networks {place} can't be used: {why}.",
            remedy="Each line is a network and its number, like `203.0.113.0/24 64500`.",
            reference="docs/detection/index.md",
        )
        self.file, self.line = file, line


def parse_asn(text: str) -> str:
    """The number in `text` (`64500`, `AS64500`) as digits; empty for anything else and for 0, which is nobody's."""
    found = _NUMBER.fullmatch(text.strip())
    number = int(found[1]) if found else 0
    return str(number) if 0 < number <= _LARGEST else ""


class AsnTable:
    """Networks by family and length: the longest that holds an address decides (RFC 4632, section 5.1)."""

    def __init__(self, lines: Iterable[str], file: str = "table") -> None:
        self._networks: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
        for number, line in enumerate(lines, 1):
            if number > MOST:
                raise AsnTableWrong(file, number, f"it has more than {MOST} lines")
            if (bare := line.partition("#")[0].strip()) != "":
                self._add(bare, file, number)
        if not any(self._networks.values()):
            raise AsnTableWrong(file, 0, "it is empty")
        self._lengths = {family: sorted(found, reverse=True) for family, found in self._networks.items()}

    def _add(self, line: str, file: str, number: int) -> None:
        words = _SPLIT.split(line)
        try:
            network = ip_network(words[0])
        except ValueError as error:
            raise AsnTableWrong(file, number, str(error)) from None
        if len(words) < 2 or (not (asn := parse_asn(words[1])) and words[1] not in ("0", "AS0")):
            raise AsnTableWrong(file, number, "a network and a number are needed")
        shift = network.max_prefixlen - network.prefixlen
        family = self._networks[network.version].setdefault(network.prefixlen, {})
        family[int(network.network_address) >> shift] = asn

    def find(self, client: str) -> str:
        """The number of the network that the address `client` is in; empty where none is known."""
        try:
            address = ip_address(client)
        except ValueError:  # a redacted or missing address
            return ""
        whole, bits = int(address), address.max_prefixlen
        for length in self._lengths[address.version]:
            found = self._networks[address.version][length].get(whole >> (bits - length))
            if found is not None:
                return found
        return ""


def read_table(path: str) -> AsnTable:
    """The table in the file `path`. Raises `AsnTableWrong`."""
    try:
        with Path(path).open(encoding="ascii") as lines:
            return AsnTable(lines, path)
    except (OSError, UnicodeDecodeError) as error:
        raise AsnTableWrong(path, 0, type(error).__name__) from None


class Asns:
    """What is known about addresses: from the table, and what the proxy said, which goes before it.

    header  name of the header that trusted proxies set; empty: there is none
    """

    def __init__(self, header: str = "", table: AsnTable | None = None) -> None:
        self._header = header.lower().encode("ascii")
        self._said: OrderedDict[str, str] = OrderedDict()
        self._find = lru_cache(_CACHED)(table.find) if table is not None else _unknown
        self.on = bool(header) or table is not None

    def learn(self, facts: Facts) -> None:
        """Take from a request what a trusted proxy says; anything else is left alone."""
        if not self._header or not facts.client.proxied or facts.client.address is None:
            return
        value = facts.headers.get(self._header)
        if value is None or self._header in facts.duplicates or not (asn := parse_asn(value.decode("latin-1"))):
            return
        self._said[str(facts.client.address)] = asn
        if len(self._said) > _LEARNED:
            self._said.popitem(last=False)

    def of(self, client: str) -> str:
        """The number for an address as events write it; empty where none is known."""
        return self._said.get(client) or self._find(client)

    def stamp(self, events: list[Event]) -> list[Event]:
        """`events`, with `details.asn` where it is known."""
        return [self._stamped(event) if event.client else event for event in events] if self.on else events

    def _stamped(self, event: Event) -> Event:
        asn = self.of(event.client)
        return replace(event, details={**event.details, "asn": asn}) if asn else event


def _unknown(client: str) -> str:
    return ""
