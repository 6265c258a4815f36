"""`python -m bench [NAME] [--quick]`: run the benchmarks, print a table, write `bench/results.json`.

Ends with 1 when a figure misses what it must reach, with 2 for a name that is no benchmark.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence

from rich.console import Console

from .harness import FULL, TINY, Result, Size
from .report import RESULTS, save, show

NAMES = (
    "overhead",
    "steps",
    "layers",
    "new_clients",
    "rate_memory",
    "rate_shared",
    "events",
    "audit",
    "detection",
    "inputs",
    "uploads",
    "scan",
    "websocket_message",
    "secrets",
    "serve",
)


def run(names: Sequence[str], size: Size, console: Console) -> list[Result]:
    """The results of the benchmarks called `names`, in order."""
    results: list[Result] = []
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # what the contenders say about the refusals that their checks provoke
    try:
        for name in names:
            console.print(f"[dim]{name} …[/dim]")
            results += importlib.import_module(f"{__package__}.{name}").measure(size)
    finally:
        logging.disable(disabled)
    return results


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What Garrison costs.")
    parser.add_argument("name", nargs="?", choices=NAMES, help="one benchmark; all of them when left out")
    parser.add_argument("--quick", action="store_true", help="only see that they run; nothing is written")
    chosen = parser.parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console.width = 160
    results = run([chosen.name] if chosen.name else NAMES, TINY if chosen.quick else FULL, console)
    show(results, console)
    if chosen.quick:
        return 0
    save(results)
    console.print(f"[dim]written to {RESULTS.relative_to(RESULTS.parents[1])}[/dim]")
    return 0 if all(one.ok for one in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
