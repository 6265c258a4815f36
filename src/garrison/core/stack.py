"""The layers of one route class, flattened to tuples at build time so that the request path only walks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from . import row
from .errors import OperatorError
from .exchange import Exchange
from .facts import Facts
from .headers import Edit, RawHeaders, merge_vary
from .layer import AskPeek, Decide, Layer, Release, Toll, Watch
from .memo import remember
from .names import METHODS
from .recognise import recognise
from .verdict import Mode


class ClaimedTwice(OperatorError):
    """Two layers want to own one response header."""

    def __init__(self, header: str, first: str, second: str) -> None:
        super().__init__(
            f"The layers {first!r} and {second!r} both claim the response header {header!r}.",
            remedy="Give the header one owner: turn one of the layers off or take the header out of its section.",
        )
        self.header = header
        self.first = first
        self.second = second


class ClaimMissing(OperatorError):
    """A layer writes a response header that it has not claimed."""

    def __init__(self, header: str, layer: str) -> None:
        super().__init__(
            f"The layer {layer!r} sets or drops the response header {header!r} without claiming it.",
            remedy="Add the header to the layer's claims.",
        )
        self.header = header
        self.layer = layer


Step: TypeAlias = tuple[str, Mode, Decide | None, Toll | None]
"""One question asked of a request: the layer's name, its mode, and exactly one of `decide` and `toll`."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Some of the steps, in a row. `ask(facts, exchange)` is what `row.asking` made of them."""

    places: tuple[int, ...]
    ask: Callable[[Facts, Exchange], tuple[int, Any] | None]

    def broken_at(self, error: BaseException) -> int:
        """The place of the step that raised `error`."""
        return self.places[row.broken_at(self.ask, error)] if self.places else 0


class Steps:
    """What a request is asked, in order, laid out for the request path.

    `whole` asks all of it, `plain` what is asked of a request without any header of `unless`. Nearly every layer has
    nothing to say: its name and mode are looked up in `steps` only where it has.
    """

    __slots__ = ("plain", "steps", "unless", "whole")

    def __init__(self, steps: Iterable[Step] = (), spared: Mapping[str, frozenset[bytes]] | None = None) -> None:
        """`spared` are layers, by name, whose decide is asked only where one of the headers came."""
        spared = spared or {}
        self.steps = made = tuple(steps)
        self.whole = _walk(made, range(len(made)))
        plain = [place for place, (name, _, decide, _) in enumerate(made) if decide is None or name not in spared]
        self.plain = _walk(made, plain) if spared else self.whole
        self.unless = frozenset[bytes]().union(*spared.values())

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, place: int) -> Step:
        return self.steps[place]


def _walk(steps: Sequence[Step], places: Iterable[int]) -> Walk:
    asks: list[tuple[int, bool, row.Ask]] = []
    for place in places:
        _, _, decide, toll = steps[place]
        if decide is not None:
            asks.append((place, True, decide))
        elif toll is not None:
            asks.append((place, False, toll))
    return Walk(tuple(place for place, _, _ in asks), row.asking(asks))


def _nothing(exchange: Exchange, edit: Edit) -> None:
    """What is amended where no layer amends."""


_NOBODY: Final[Mapping[str, frozenset[bytes]]] = MappingProxyType({})
_REMEMBERED: Final = 256
_LONGEST: Final = 1024
"""Bytes of the names of an answer's headers that are remembered."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What the onion walks for a route class.

    `gate` is all that is asked before the body: decides and tolls, who is asking, admits. `gates` is the same for an
    HTTP request of each of the usual methods, without the decides of layers that spare it.
    `amend` lets all layers amend an answer; `amenders` are their names, in that order.
    `ending` is what nearly every answer ends with: `sets`, and the `Vary` line of `varies` if there is one.
    """

    layers: tuple[Layer, ...] = ()
    gate: Steps = field(default_factory=Steps)
    gates: Mapping[str, Steps] = field(default_factory=dict)
    peeks: tuple[tuple[str, Mode, AskPeek], ...] = ()
    watches: tuple[tuple[str, Mode, Watch], ...] = ()
    amend: Callable[[Exchange, Edit], None] = _nothing
    amenders: tuple[str, ...] = ()
    releases: tuple[tuple[str, Release], ...] = ()
    owned: frozenset[bytes] = frozenset()
    sets: RawHeaders = field(default_factory=list)
    varies: tuple[bytes, ...] = ()
    ending: RawHeaders = field(default_factory=list)
    off: frozenset[str] = frozenset()
    left: dict[tuple[bytes, ...], bool] = field(default_factory=dict, compare=False, repr=False)
    """`leaves` by names: an application's answers are of few kinds."""

    def leaves(self, names: tuple[bytes, ...]) -> bool:
        """Whether an answer with headers of these names goes on as it is: all lower-case, none that a layer owns."""
        joined = b"".join(names)
        leaves = joined.islower() and self.owned.isdisjoint(names)
        if len(joined) <= _LONGEST:
            remember(self.left, names, leaves, _REMEMBERED)
        return leaves

    @classmethod
    def build(cls, layers: Sequence[Layer]) -> Stack:
        """Flatten `layers` (in request order). Amends run in reverse. Raises `ClaimedTwice`, `ClaimMissing`."""
        active = tuple(layer for layer in layers if layer.mode is not Mode.OFF)
        _check_claims(active)
        sets = [pair for a in active for pair in a.sets]
        varies = tuple(dict.fromkeys(token for a in active for token in a.varies))
        return cls(
            layers=active,
            gate=_gate(active),
            gates=_gates(active),
            peeks=tuple((a.name, a.mode, a.peek) for a in active if a.peek is not None),
            watches=tuple((a.name, a.mode, a.watch) for a in active if a.watch is not None),
            amend=row.telling([a.amend for a in reversed(active) if a.amend is not None]),
            amenders=tuple(a.name for a in reversed(active) if a.amend is not None),
            releases=tuple((a.name, a.release) for a in reversed(active) if a.release is not None),
            owned=frozenset(name for a in active for name in (*a.drops, *(pair[0] for pair in a.sets))),
            sets=sets,
            varies=varies,
            ending=merge_vary(sets, varies),
            off=frozenset(layer.name for layer in layers if layer.mode is Mode.OFF),
        )

    def find(self, name: str) -> Layer | None:
        """The active layer called `name`, or None."""
        return next((layer for layer in self.layers if layer.name == name), None)


def _gates(layers: Sequence[Layer]) -> dict[str, Steps]:
    """Methods that the same layers spare share their steps."""
    made: dict[tuple[str, ...], Steps] = {}
    gates: dict[str, Steps] = {}
    for method in METHODS:
        spared = {layer.name: layer.unless for layer in layers if method in layer.spares}
        names = tuple(spared)
        if names not in made:
            made[names] = _gate(layers, spared)
        gates[method] = made[names]
    return gates


def _gate(layers: Sequence[Layer], spared: Mapping[str, frozenset[bytes]] = _NOBODY) -> Steps:
    steps: list[Step] = [
        (layer.name, layer.mode, decide, toll)
        for layer in layers
        for decide, toll in (
            (layer.decide if spared.get(layer.name) != frozenset() else None, None),
            (None, layer.toll),
        )
        if decide is not None or toll is not None
    ]
    steps.append(("principal", Mode.ENFORCE, None, recognise))
    steps += [(layer.name, layer.mode, None, layer.admit) for layer in layers if layer.admit is not None]
    return Steps(steps, spared)


def _check_claims(layers: Sequence[Layer]) -> None:
    owners: dict[bytes, str] = {}
    for layer in layers:
        for header in layer.claims:
            if (first := owners.setdefault(header, layer.name)) != layer.name:
                raise ClaimedTwice(header.decode("latin-1"), first, layer.name)
        for header in (*layer.drops, *(pair[0] for pair in layer.sets)):
            if header not in layer.claims:
                raise ClaimMissing(header.decode("latin-1"), layer.name)
