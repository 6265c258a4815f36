"""The layers of one route class, flattened to tuples at build time so that the request path only walks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from .errors import OperatorError
from .headers import RawHeaders, merge_vary
from .layer import Amend, AskPeek, Decide, Layer, Release, Toll, Watch
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

Ask: TypeAlias = Callable[..., Any]
Run: TypeAlias = tuple[tuple[Ask, ...], tuple[Ask, ...]]
"""Steps in a row: some decides, and the tolls that follow them."""


class Steps(tuple[Step, ...]):
    """What a request is asked, in order, laid out for the request path: functions and no more.

    `runs` are all of the questions, `plain` those for a request without any header of `unless`. Nearly every layer has
    nothing to say: its name and mode are looked up only where it has, see `told`.
    """

    runs: tuple[Run, ...]
    plain: tuple[Run, ...]
    unless: frozenset[bytes]
    _places: dict[int, int]

    def __new__(cls, steps: Iterable[Step] = (), spared: Mapping[str, frozenset[bytes]] | None = None) -> Steps:
        """`spared` are layers, by name, whose decide is asked only where one of the headers came."""
        made = super().__new__(cls, steps)
        made._places = {}
        asks = [
            (decide is not None, name, made._placed(decide or toll, place))
            for place, (name, _, decide, toll) in enumerate(made)
        ]
        spared = spared or {}
        made.runs = _runs((pure, ask) for pure, _, ask in asks)
        made.plain = _runs((pure, ask) for pure, name, ask in asks if not pure or name not in spared)
        made.unless = frozenset[bytes]().union(*spared.values())
        return made

    def _placed(self, ask: Any, place: int) -> Ask:
        """`ask` as a function that tells its place: two layers may have been given the same one."""
        own: Ask = partial(ask) if id(ask) in self._places else ask
        self._places[id(own)] = place
        return own

    def told(self, ask: Ask) -> tuple[Step, Iterator[Step]]:
        """The step that `ask`, a function of `runs`, belongs to, and those that follow it."""
        place = self._places[id(ask)]
        return self[place], iter(self[place + 1 :])


def _runs(asks: Iterable[tuple[bool, Ask]]) -> tuple[Run, ...]:
    runs: list[tuple[list[Ask], list[Ask]]] = []
    for pure, ask in asks:
        if not runs or (pure and runs[-1][1]):
            runs.append(([], []))
        runs[-1][0 if pure else 1].append(ask)
    return tuple((tuple(decides), tuple(tolls)) for decides, tolls in runs)


_REMEMBERED: Final = 256
_LONGEST: Final = 1024
"""Bytes of the names of an answer's headers that are remembered."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What the onion walks for a route class.

    `gate` is all that is asked before the body: decides and tolls, who is asking, admits. `gates` is the same for an
    HTTP request of each of the usual methods, without the decides of layers that spare it.
    `amenders` are the names of the layers that `amends` belong to.
    `ending` is what nearly every answer ends with: `sets`, and the `Vary` line of `varies` if there is one.
    """

    layers: tuple[Layer, ...] = ()
    gate: Steps = field(default_factory=Steps)
    gates: Mapping[str, Steps] = field(default_factory=dict)
    peeks: tuple[tuple[str, Mode, AskPeek], ...] = ()
    watches: tuple[tuple[str, Mode, Watch], ...] = ()
    amends: tuple[Amend, ...] = ()
    amenders: tuple[str, ...] = ()
    releases: tuple[tuple[str, Release], ...] = ()
    owned: frozenset[bytes] = frozenset()
    sets: RawHeaders = field(default_factory=list)
    varies: tuple[bytes, ...] = ()
    ending: RawHeaders = field(default_factory=list)
    off: frozenset[str] = frozenset()
    _left: dict[tuple[bytes, ...], bool] = field(default_factory=dict, compare=False, repr=False)

    def leaves(self, names: tuple[bytes, ...]) -> bool:
        """Whether an answer with headers of these names goes on as it is: all lower-case, none that a layer owns.

        Remembered by all of its names: an application's answers are of few kinds.
        """
        left = self._left.get(names)
        if left is None:
            joined = b"".join(names)
            left = joined.islower() and self.owned.isdisjoint(names)
            if len(self._left) >= _REMEMBERED:
                self._left.clear()
            if len(joined) <= _LONGEST:
                self._left[names] = left
        return left

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
            peeks=tuple((a.name, a.mode, a.peek) for a in active if a.peek is not None),
            watches=tuple((a.name, a.mode, a.watch) for a in active if a.watch is not None),
            amends=tuple(a.amend for a in reversed(active) if a.amend is not None),
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


def _gate(layers: Sequence[Layer], method: str | None = None) -> Steps:
    spared = {layer.name: layer.unless for layer in layers if method in layer.spares}
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
