"""How many steps a whole stack adds to a request: executed bytecodes and called Python functions.

Nearly the same in every run: a change of a few percent drowns in the noise of times, and shows here. Counted by
tracing, over the same applications and requests as `overhead`; of several requests the one with the fewest steps
counts (others meet a timer). The totals stand against those of the five packages, and Garrison's own by module.
Nothing was promised for any of them.

What this does not show: work inside C (hashing, joining, making objects), and what waiting for memory costs.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import garrison as package

from .contenders import bare, garrison, glued, whole
from .harness import Batch, Result, Size, result

_HOME = str(Path(package.__file__).parent)
_WARM = 64
_REQUESTS = 20


@dataclass(slots=True)
class Steps:
    """Of one request: bytecodes by code object, and calls of Python functions."""

    codes: Counter[CodeType] = field(default_factory=Counter)
    calls: int = 0

    @property
    def bytecodes(self) -> int:
        return self.codes.total()

    def by_module(self) -> Counter[str]:
        """Bytecodes of Garrison's own modules, as `layers/rate`."""
        modules: Counter[str] = Counter()
        for code, number in self.codes.items():
            if code.co_filename.startswith(_HOME):
                modules[code.co_filename.removeprefix(_HOME)[1:].removesuffix(".py")] += number
        return modules


def measure(size: Size) -> list[Result]:
    """Totals for GET and POST, and the modules that have a part in them."""
    loop = asyncio.new_event_loop()
    try:
        contenders = [make(loop) for make in (bare, glued, garrison, whole)]
        counted = {
            method: {each.name: count(each.driver.batch(getattr(each, method))) for each in contenders}
            for method in ("get", "post")
        }
    finally:
        loop.close()
    return [one for method, steps in counted.items() for one in _results(method, steps)]


def count(batch: Batch) -> Steps:
    """The steps of one request of `batch`, once its caches are warm."""
    batch(_WARM)
    return min((_trace(batch) for _ in range(_REQUESTS)), key=lambda steps: steps.bytecodes)


def _trace(batch: Batch) -> Steps:
    steps = Steps()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            steps.calls += 1
        elif event == "opcode":
            steps.codes[frame.f_code] += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        batch(1)
    finally:
        sys.settrace(before)
    return steps


def _results(method: str, steps: dict[str, Steps]) -> list[Result]:
    alone, theirs = steps["bare"], steps["glued"].bytecodes - steps["bare"].bytecodes
    results = []
    for name in ("garrison", "whole"):
        added = steps[name].bytecodes - alone.bytecodes
        calls = steps[name].calls - alone.calls
        how = f"{added:,.0f} bytecodes and {calls} calls added, against {theirs:,.0f} bytecodes of the glued stack"
        results.append(result(f"steps.{method}.{name}.vs_glued", added / theirs, "x", versus=how))
    modules = steps["whole"].by_module().most_common()
    return results + [
        result(f"steps.{method}.{module}", number, "bytecodes", versus="of Garrison's own")
        for module, number in modules
    ]
