"""Processes that fork or end: every event is written once, by the process it happened in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from garrison.events.query import tail

RUN = """
import os, sys, time
from pathlib import Path
from garrison.core.clock import SYSTEM
from garrison.events.bus import Bus
from garrison.events.sqlite import SqliteWriter
from garrison.events.writers import FileWriter
from garrison.policy.model import EventsSection

folder = Path(sys.argv[1])
writers = [SqliteWriter(folder / "state" / "events.db", 1000), FileWriter(folder / "log")]
bus = Bus(EventsSection(), SYSTEM, writers, "n")
bus.start()
"""


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", RUN + code, str(folder)],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONDEVMODE": "1"},
    )  # fmt: skip


def stored(folder: Path) -> list[dict[str, Any]]:
    return [one.event.to_dict() for one in tail(folder / "state" / "events.db", 10_000)]


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def test_a_normal_end_writes_what_waits(tmp_path: Path) -> None:
    done = run(tmp_path, "bus.emit('sys_startup'); bus.emit('sys_shutdown')")
    assert (done.returncode, done.stderr) == (0, "")
    assert [one["name"] for one in stored(tmp_path)] == ["sys_startup", "sys_shutdown"]
    assert logged(tmp_path) == stored(tmp_path)


def test_a_killed_process_loses_only_what_waited(tmp_path: Path) -> None:
    code = "bus.emit('sys_startup'); bus.flush(); bus.emit('sys_shutdown'); os.kill(os.getpid(), 9)"
    assert run(tmp_path, code).returncode == -9
    assert [one["name"] for one in stored(tmp_path)] == ["sys_startup"]


FORK = """
bus.emit("sys_startup")  # waits while the process forks: it is the parent's
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        for _ in range(50):
            bus.emit("authn_login_fail", child=number)
            time.sleep(0.001)
        time.sleep(0.3)  # its own thread must do it, not the end of the process
        os._exit(0 if bus.settled else 7)
    children.append(child)
for _ in range(50):
    bus.emit("authn_login_fail", child=99)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
bus.close()
sys.exit(max(codes))
"""


def test_forked_children_write_their_own_events_with_their_own_thread(tmp_path: Path) -> None:
    done = run(tmp_path, FORK)
    assert (done.returncode, done.stderr) == (0, "")
    for events in (stored(tmp_path), logged(tmp_path)):
        assert [one["name"] for one in events].count("sys_startup") == 1
        fails = [one for one in events if one["name"] == "authn_login_fail"]
        assert len(fails) == 200
        assert len({(one["run"], one["seq"]) for one in fails}) == 200
        runs = {one["details"]["child"]: one["run"] for one in fails}
        assert len(set(runs.values())) == 4
        assert len({one["pid"] for one in fails}) == 4
