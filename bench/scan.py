"""How long a static scan of 50,000 lines takes, all scanners side by side, against the same ones run one after another.

The project is made of Garrison's own source, again and again under other names. Scanners that are not installed
(`garrison scan tools install`) are left out and not named in the result. Memory is that of the largest process.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from garrison.scan import toolbox
from garrison.scan.adapter import Adapter, Limits
from garrison.scan.project import read_project
from garrison.scan.run import scan
from garrison.scan.tool_bandit import bandit
from garrison.scan.tool_code import CodeScan
from garrison.scan.tool_ruff import ruff
from garrison.scan.tool_secrets import detect_secrets

from .harness import Result, Size, result

_SOURCE = Path(__file__).resolve().parents[1] / "src" / "garrison"
_LIMITS = Limits(seconds=300)


def measure(size: Size) -> list[Result]:
    """Seconds, their ratio to one after another, and megabytes."""
    chosen: list[Adapter] = [CodeScan(), *(one for one in (bandit(), ruff(), detect_secrets()) if _usable(one.name))]
    names = ", ".join(one.name for one in chosen)
    with TemporaryDirectory(prefix="garrison-bench-") as name:
        lines = _write(Path(name), size.of(50_000, 1000))
        project = read_project(Path(name))
        together = _timed(lambda: scan(project, chosen, _LIMITS))
        alone = _timed(lambda: [one.run(project, _LIMITS) for one in chosen])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        result("scan.seconds", together, "s", must="<= 60", versus=f"{names}; {lines:,} lines"),
        result("scan.together", together / alone, "x", versus=f"one after another, {alone:.3g} s"),
        result("scan.memory", peak, "MB", versus="the largest process"),
    ]


def _usable(name: str) -> bool:
    return not toolbox.state(toolbox.tool(name))


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _write(folder: Path, wanted: int) -> int:
    """Copies of the source with at least so many lines; how many there are."""
    lines = 0
    for number, path in enumerate(cycle(sorted(_SOURCE.rglob("*.py")))):
        if lines >= wanted:
            break
        text = path.read_text(encoding="utf-8")
        (folder / f"{path.stem}_{number}.py").write_text(text, encoding="utf-8")
        lines += text.count("\n")
    return lines
