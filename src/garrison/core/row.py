"""Functions in a row, called one after the other without a loop: `dataclasses` makes `__init__` in the same way.

Why: a loop calls all of them from one place, and the interpreter learns nothing about any (PEP 659). Written out, each
call has a place of its own, and takes half the steps. The text that is compiled consists of this module's own words
and of numbers; the functions are its globals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any, Final

Ask = Callable[..., Any]
_HEADER_LINES: Final = 1


def asking(asks: Sequence[tuple[int, bool, Ask]]) -> Callable[[Any, Any], tuple[int, Any] | None]:
    """`walk(facts, exchange)`: the place and the word of the first that says anything; None where nobody does.

    `asks` are places, whether the function is asked for the facts alone, and the functions.
    """
    lines = ["def walk(facts, exchange):"]
    for number, (place, pure, _) in enumerate(asks):
        given = "facts" if pure else "facts, exchange"
        lines.append(f"    if (said := ask{number}({given})) is not None: return {int(place)}, said")
    return _made([*lines, "    return None"], [ask for _, _, ask in asks])


def telling(amends: Sequence[Ask]) -> Callable[[Any, Any], None]:
    """`walk(exchange, edit)`: all of them, in order."""
    lines = ["def walk(exchange, edit):", *(f"    ask{number}(exchange, edit)" for number in range(len(amends)))]
    return _made([*lines, "    return None"], amends)


def broken_at(walk: Callable[..., Any], error: BaseException) -> int:
    """Which function of the row raised `error`, counted from 0; the first where that can't be told."""
    code: CodeType = walk.__code__
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code is code:
            return step.tb_lineno - _HEADER_LINES - 1
        step = step.tb_next
    return 0


def _made(lines: Sequence[str], functions: Sequence[Ask]) -> Callable[..., Any]:
    space: dict[str, Any] = {f"ask{number}": function for number, function in enumerate(functions)}
    exec(compile("\n".join(lines), "<row>", "exec"), space)  # noqa: S102  # see the module
    walk: Callable[..., Any] = space["walk"]
    return walk
