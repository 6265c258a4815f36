"""The layers of one route class, flattened to tuples at build time so that the request path only walks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar, cast

from .errors import OperatorError
from .headers import RawHeaders, merge_vary
from .layer import Amend, AskPeek, Decide, Layer, Release, Toll, Watch
from .names import METHODS
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

Ask = TypeVar("Ask", Decide, Toll)
Run: TypeAlias = tuple[tuple[Decide, ...], tuple[Toll, ...]]
"""Steps in a row: some decides, and the tolls that follow them."""


class Steps(tuple[Step, ...]):
    """What a request is asked, in order. `runs` are the same questions for the request path: functions and no more.

    Nearly every layer has nothing to say: its name and mode are looked up only where it has, see `told`.
    """

    runs: tuple[Run, ...]
    _places: dict[int, int]

    def __new__(cls, steps: Iterable[Step] = ()) -> Steps:
        made = super().__new__(cls, steps)
        made._places = {}
        runs: list[tuple[list[Decide], list[Toll]]] = []
        for place, (_, _, decide, toll) in enumerate(made, 1):
            if not runs or (decide is not None and runs[-1][1]):
                runs.append(([], []))
            if decide is not None:
                runs[-1][0].append(made._placed(decide, place))
            elif toll is not None:
                runs[-1][1].append(made._placed(toll, place))
        made.runs = tuple((tuple(decides), tuple(tolls)) for decides, tolls in runs)
        return made

    def _placed(self, ask: Ask, place: int) -> Ask:
        """`ask` as one that tells its place: two layers may have been given the same function."""
        if id(ask) in self._places:
            ask = cast("Ask", partial(ask))
        self._places[id(ask)] = place
        return ask

    def told(self, ask: Decide | Toll) -> tuple[Step, Iterator[Step]]:
        """The step that `ask`, a function of `runs`, belongs to, and those that follow it."""
        place = self._places[id(ask)]
        return self[place - 1], iter(self[place:])


@dataclass(frozen=True, slots=True)
class Stack:
    """What the onion walks for a route class.

    `gates` is `gate` for an HTTP request of each of the usual methods, without the layers that spare it.
    `ending` is what nearly every answer ends with: `sets`, and the `Vary` line of `varies` if there is one.
    """

    layers: tuple[Layer, ...] = ()
    gate: Steps = field(default_factory=Steps)
    gates: Mapping[str, Steps] = field(default_factory=dict)
    admits: Steps = field(default_factory=Steps)
    peeks: tuple[tuple[str, Mode, AskPeek], ...] = ()
    watches: tuple[tuple[str, Mode, Watch], ...] = ()
    amends: tuple[tuple[str, Amend], ...] = ()
    releases: tuple[tuple[str, Release], ...] = ()
    owned: frozenset[bytes] = frozenset()
    sets: RawHeaders = field(default_factory=list)
    varies: tuple[bytes, ...] = ()
    ending: RawHeaders = field(default_factory=list)
    off: frozenset[str] = frozenset()

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
            gates={method: _gate(active, method) for method in METHODS},
            admits=Steps([(a.name, a.mode, None, a.admit) for a in active if a.admit is not None]),
            peeks=tuple((a.name, a.mode, a.peek) for a in active if a.peek is not None),
            watches=tuple((a.name, a.mode, a.watch) for a in active if a.watch is not None),
            amends=tuple((a.name, a.amend) for a in reversed(active) if a.amend is not None),
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


def _gate(layers: Sequence[Layer], method: str | None = None) -> Steps:
    return Steps(
        [
            (layer.name, layer.mode, decide, toll)
            for layer in layers
            for decide, toll in ((layer.decide if method not in layer.spares else None, None), (None, layer.toll))
            if decide is not None or toll is not None
        ]
    )


def _check_claims(layers: Sequence[Layer]) -> None:
    owners: dict[bytes, str] = {}
    for layer in layers:
        for header in layer.claims:
            if (first := owners.setdefault(header, layer.name)) != layer.name:
                raise ClaimedTwice(header.decode("latin-1"), first, layer.name)
        for header in (*layer.drops, *(pair[0] for pair in layer.sets)):
            if header not in layer.claims:
                raise ClaimMissing(header.decode("latin-1"), layer.name)
