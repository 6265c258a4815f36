"""Several workers that open one new file at the same moment."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path


def failures(open_file: Callable[[Path], object], folder: Path, *, files: int, workers: int = 6) -> list[sqlite3.Error]:
    """What `open_file` raised, of `workers` threads that opened each of `files` new files together."""
    failed: list[sqlite3.Error] = []

    def worker(file: Path, together: threading.Barrier) -> None:
        together.wait(20)
        try:
            open_file(file)
        except sqlite3.Error as error:
            failed.append(error)

    for number in range(files):
        file, together = folder / f"{number}.db", threading.Barrier(workers)
        file.touch(0o600)
        threads = [threading.Thread(target=worker, args=(file, together)) for _ in range(workers)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(20)
    return failed
