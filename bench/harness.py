"""Take times so that two of them can be compared.

How: contenders take turns in slices of some milliseconds (A B C, B C A, C A B, …), so that whatever else the machine
does hits all of them alike. What is compared is taken within one round, and the median over the rounds is the answer.
Times are CPU times of this process, all its threads included: a neighbour that takes the processor away does not
count, a contender's own background thread does. Garbage is collected between slices, never within one.

What this does not show: caches are warm, so a request in production, between other work, costs about twice as much;
the ratios are steadier than the microseconds.
"""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

Batch = Callable[[int], object]
"""Does the work the given number of times."""


@dataclass(frozen=True, slots=True)
class Size:
    """How long to measure: `rounds` of slices of about `slice_seconds` each; `scale` shrinks fixed amounts of work."""

    rounds: int = 40
    slice_seconds: float = 0.02
    scale: float = 1.0

    def of(self, amount: int, least: int = 10) -> int:
        """`amount` of work at this scale."""
        return max(least, int(amount * self.scale))


FULL = Size()
TINY = Size(rounds=2, slice_seconds=0.0, scale=0.001)
"""For the test that the benchmarks run at all. Its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. `must` is "<= 0.2" or ">= 5000", or None where nothing was promised; `spread` the middle half."""

    name: str
    value: float
    unit: str
    must: str | None
    ok: bool
    versus: str
    machine: str
    spread: str = ""

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def result(
    name: str, value: float, unit: str, *, must: str | None = None, versus: str = "", spread: str = ""
) -> Result:
    """A `Result` of this machine, judged."""
    return Result(name, _rounded(value), unit, must, _holds(value, must), versus, machine(), spread)


def _holds(value: float, must: str | None) -> bool:
    if must is None:
        return True
    sign, number = must.split()
    return value <= float(number) if sign == "<=" else value >= float(number)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


class Samples:
    """Seconds per repetition of each contender, one per round."""

    def __init__(self, seconds: Mapping[str, Sequence[float]]) -> None:
        self.seconds = seconds

    def microseconds(self, name: str) -> float:
        """The median."""
        return median(self.seconds[name]) * 1e6

    def spread(self, name: str) -> str:
        return middle_half([second * 1e6 for second in self.seconds[name]])

    def each(self, figure: Callable[..., float], *names: str) -> list[float]:
        """`figure(a, b, …)` of the contenders' seconds, round by round."""
        return [figure(*values) for values in zip(*(self.seconds[name] for name in names), strict=True)]


def middle_half(values: Sequence[float]) -> str:
    """The range that half of the values are in."""
    if len(values) < 4:
        return f"{min(values):.3g}…{max(values):.3g}"
    low, _, high = quantiles(values, n=4)
    return f"{low:.3g}…{high:.3g}"


def interleave(contenders: Mapping[str, Batch], size: Size) -> Samples:
    """Let the contenders take turns. Each is warmed up, and its slice is given so many repetitions as fill it."""
    gc.collect()
    gc.freeze()  # what exists by now is kept out of the collections between slices, which would take longer than these
    counts = {name: _calibrate(batch, size) for name, batch in contenders.items()}
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(size.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            seconds[name].append(timed(contenders[name], counts[name]) / counts[name])
    return Samples(seconds)


def timed(batch: Batch, count: int) -> float:
    """CPU seconds of one slice."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        batch(count)
        return time.process_time() - start
    finally:
        gc.enable()


def _calibrate(batch: Batch, size: Size) -> int:
    """Repetitions that fill a slice. The doubling is the warm-up."""
    count = size.of(64, least=4)
    while (taken := timed(batch, count)) < size.slice_seconds:
        count = max(count * 2, int(count * min(size.slice_seconds / max(taken, 1e-4), 16)))
    return count


_machine: list[str] = []


def machine() -> str:
    """What the figures were taken on, without its name."""
    if not _machine:
        system = f"{platform.system()} {platform.machine()}"
        _machine.append(
            f"{os.cpu_count()} x {_processor()}, {system}, {platform.python_implementation()} "
            f"{platform.python_version()}"
        )
    return _machine[0]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.processor() or "unknown processor"
