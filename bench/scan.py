"""How long a static scan of 50,000 lines takes, all scanners side by side, against the same ones run one after another.

The project is made of Garrison's own source, again and again under other names. Scanners that are not installed
(`garrison scan tools install`) are left out and not named in the result. What is merged afterwards counts for the scan,
not for the tools by hand. The two take turns (A B B A, after a warm-up), for the first run of each tool reads it from
disk: measured once and first, side by side looked slower than it is. Memory is the most that all processes of the scan
held at one moment, sampled; shared pages count in each.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from garrison.scan import toolbox
from garrison.scan.adapter import Adapter, Limits
from garrison.scan.project import Project, read_project
from garrison.scan.run import scan
from garrison.scan.tool_bandit import bandit
from garrison.scan.tool_code import CodeScan
from garrison.scan.tool_ruff import ruff
from garrison.scan.tool_secrets import detect_secrets

from .harness import Result, Size, result

_SOURCE = Path(__file__).resolve().parents[1] / "src" / "garrison"
_LIMITS = Limits(seconds=300)
_EVERY = 0.1
_MEGA = 1024**2


def measure(size: Size) -> list[Result]:
    """Seconds, their ratio to one after another, and megabytes."""
    chosen: list[Adapter] = [CodeScan(), *(one for one in (bandit(), ruff(), detect_secrets()) if _usable(one.name))]
    names = ", ".join(one.name for one in chosen)
    with TemporaryDirectory(prefix="garrison-bench-") as name, TemporaryDirectory(prefix="garrison-bench-") as small:
        lines = _write(Path(name), size.of(50_000, 1000))
        _write(Path(small), 1000)
        project, warm = read_project(Path(name)), read_project(Path(small))

        def together() -> float:
            return _timed(lambda: scan(project, chosen, _LIMITS))

        def by_hand() -> float:
            return _timed(lambda: _one_after_another(project, chosen))

        _one_after_another(warm, chosen)
        with Sampler() as beside:
            first = together()
        with Sampler() as single:
            hand = by_hand()
        hand += by_hand()
        both = first + together()
    return [
        result("scan.seconds", both / 2, "s", must="<= 60", versus=f"{names}; {lines:,} lines"),
        result("scan.together", both / hand, "x", must="<= 1", versus=f"one after another, {hand / 2:.3g} s"),
        result("scan.memory", beside.most / _MEGA, "MB", versus=f"one after another, {single.most / _MEGA:.0f} MB"),
    ]


class Sampler:
    """The most memory that the processes below this one held at one moment. `most` in bytes."""

    def __init__(self) -> None:
        self.most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_EVERY):
            self.most = max(self.most, _below(os.getpid()))


def _below(top: int) -> int:
    """Resident bytes of all descendants, by /proc."""
    parents: dict[int, int] = {}
    held: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        parents[int(place.name)], held[int(place.name)] = int(fields[1]), int(fields[21]) * os.sysconf("SC_PAGESIZE")
    ours, grown = {top}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in ours} - ours
        ours |= more
        grown = bool(more)
    return sum(held.get(one, 0) for one in ours - {top})


def _one_after_another(project: Project, chosen: list[Adapter]) -> None:
    for one in chosen:
        one.run(project, _LIMITS)


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
