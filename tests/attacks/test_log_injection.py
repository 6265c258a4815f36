"""Attacks on the log: forging records, driving the reader's terminal, drowning it, and filling its disk.

Quoted rule: "Log data may be injected with CR, LF and delimiter characters … encode data correctly for the output
format" (OWASP Logging Cheat Sheet, "Attacks on logs"; CWE-117, CWE-150, CWE-400).
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from garrison.core.clock import SYSTEM
from garrison.core.facts import Facts
from garrison.events.bus import Bus
from garrison.events.query import tail
from garrison.events.sqlite import SqliteWriter
from garrison.events.vocabulary import EventName
from garrison.events.writers import FileWriter, Writer
from tests.events.making import facts, lines, section

FORGED = '{"name":"authn_login_success","principal":"admin"}'
EVIL = [
    f"x\n{FORGED}\n",
    f"x\r\n{FORGED}",
    f"x\u2028{FORGED}\u2029",
    f"x\x85{FORGED}",
    f'x"}}\n{FORGED}',
    f"x\x0b{FORGED}\x0c{FORGED}\x1c{FORGED}",
    "\x1b[2J\x1b[1;1H\x1b]0;owned\x07all is well",
    "\u202egnp.exe\u2066 \u200b\ufeff\U000e0041",
    "\x00\x7f\x80\x9b31m",
    "\ud800\udfff lone",
    '\\" \\u000a \\n',
]
PLACES = ["path", "agent", "host", "method", "principal", "layer", "route", "detail", "detail name", "event name"]


def hostile(place: str, evil: str) -> tuple[str, Facts, dict[str, Any]]:
    """An emit with `evil` in one place."""
    where, name, details = facts(), str(EventName.AUTHN_LOGIN_FAIL), {}
    if place == "path":
        where = facts(f"/{evil}")
    elif place == "agent":
        where = facts(headers={b"user-agent": evil.encode("utf-8", "surrogatepass")})
    elif place == "host":
        where = facts(host=evil)
    elif place == "method":
        where = facts(method=evil)
    elif place == "detail name":
        details = {evil: "x"}
    elif place == "event name":
        name = evil
    else:
        details = {place: evil}
    return name, where, details


def bus_to(folder: Path) -> Bus:
    writers: list[Writer] = [FileWriter(folder / "log"), SqliteWriter(folder / "state" / "events.db", 1000)]
    return Bus(section(), SYSTEM, writers, "web1")


@pytest.mark.parametrize("evil", EVIL[:6])
def test_control_naive_logging_splits_the_record(tmp_path: Path, evil: str) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        log.write(f'{{"name":"authn_login_fail","path":"{evil}"}}\n')
    assert len((tmp_path / "log").read_text(encoding="utf-8").splitlines()) > 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("evil", EVIL, ids=lambda evil: ascii(evil)[:20])
def test_nothing_a_client_sends_forges_a_record_or_reaches_a_terminal(tmp_path: Path, place: str, evil: str) -> None:
    bus = bus_to(tmp_path)
    name, where, details = hostile(place, evil)
    bus.emit(name, where, **details)
    bus.emit(EventName.SHUTDOWN)
    assert bus.close()
    written = (tmp_path / "log").read_bytes()
    assert written.isascii()
    assert len(written.decode("utf-8").splitlines()) == 2  # splitlines knows eleven kinds of line ends
    assert all(byte >= 0x20 for byte in written.replace(b"\n", b""))
    first, second = lines(tmp_path / "log")
    assert first["name"] in {"authn_login_fail", "event_unknown"}
    assert second["name"] == "sys_shutdown"
    assert [one.event.to_dict() for one in tail(tmp_path / "state" / "events.db")] == [first, second]
    assert all(text.isprintable() for text in _texts(first))  # also after JSON is decoded, for every later reader


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def test_a_flood_leaves_memory_bounded_and_says_what_was_lost(tmp_path: Path) -> None:
    bus = Bus(section(queue=2000), SYSTEM, [SqliteWriter(tmp_path / "state" / "events.db", 5000)], "web1")
    tracemalloc.start()
    for number in range(20_000):
        made = facts("/" + "p" * 8000, headers={b"user-agent": b"%06d" % number * 1000})
        bus.emit(EventName.EXCESS_RATE_LIMIT_EXCEEDED, made, retry_after=3)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    for number in range(180_000):
        if number % 18_000 == 0:
            bus.emit(EventName.AUTHN_LOGIN_FAIL, facts("/login"))
        bus.emit(EventName.EXCESS_RATE_LIMIT_EXCEEDED, made, retry_after=3)
    assert used < 2000 * 4000 + 1_000_000  # bytes: under 4 KB a waiting event, whatever its request weighs
    assert bus.stats().queued == 2000
    assert bus.close(60)
    stored = [one.event for one in tail(tmp_path / "state" / "events.db", 10_000)]
    told = [one.details for one in stored if one.name is EventName.EVENTS_DROPPED]
    assert told == [{"chatter": 200_000 + 10 - 2000, "relevant": 0, "where": "queue"}]
    assert sum(one.name is EventName.AUTHN_LOGIN_FAIL for one in stored) == 10


def test_control_a_list_as_a_queue_keeps_it_all() -> None:
    tracemalloc.start()
    queue = [facts("/" + str(number) + "p" * 8000) for number in range(3000)]
    assert tracemalloc.get_traced_memory()[1] > 3000 * 8000
    tracemalloc.stop()
    assert queue


FULL = """
import json, resource, signal, sys, time
from pathlib import Path
from garrison.core.clock import SYSTEM
from garrison.events.bus import Bus
from garrison.events.sqlite import SqliteWriter
from garrison.events.writers import FileWriter
from garrison.policy.model import EventsSection

folder, limit = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writers = [FileWriter(folder / "log"), SqliteWriter(folder / "state" / "events.db", 100_000)]
bus = Bus(EventsSection(queue=5000), SYSTEM, writers, "n")
bus.start()
bus.emit("sys_startup")
bus.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
slowest = 0.0
for number in range(3000):
    began = time.perf_counter()
    bus.emit("authn_login_fail", number=number)
    slowest = max(slowest, time.perf_counter() - began)
while_full = bus.flush(20)
failing = [one.failing for one in bus.stats().writers]
pending = [one.pending for one in bus.stats().writers]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
after = bus.close(20)
lost = [one.lost for one in bus.stats().writers]
print(json.dumps([while_full, failing, pending, after, lost, slowest]))
"""


def test_a_full_disk_costs_no_request_and_no_event_once_there_is_room_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), "200000"], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    while_full, failing, pending, after, lost, slowest = json.loads(done.stdout)
    assert while_full is False
    assert all(failing)
    assert all(waiting > 1000 for waiting in pending)
    assert after is True
    assert lost == [0, 0]
    assert slowest < 0.5  # seconds; the thread's share of the interpreter, never the disk
    assert 1 <= done.stderr.count("events can't be written to file:log") <= 2
    written = [one["details"].get("number") for one in lines(tmp_path / "log") if one["name"] == "authn_login_fail"]
    stored = [one.event for one in tail(tmp_path / "state" / "events.db", 10_000)]
    assert written == list(range(3000))
    assert [one.details["number"] for one in stored if one.name == "authn_login_fail"] == written


def test_control_appending_without_care_leaves_half_a_line(tmp_path: Path) -> None:
    code = (
        "import resource,signal,sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "log = open(sys.argv[1], 'a', buffering=1)\n"
        "[log.write('{\"number\": %d}\\n' % number) for number in range(200)]"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "log")], capture_output=True, check=False)
    assert done.returncode != 0  # and the request that logs would have failed with it
    with pytest.raises(AssertionError):
        lines(tmp_path / "log")


def test_a_device_that_is_always_full_is_alarmed_and_other_writers_get_everything(tmp_path: Path) -> None:
    alarms = list[str]()
    writers: list[Writer] = [FileWriter(Path("/dev/full")), SqliteWriter(tmp_path / "state" / "events.db", 1000)]
    bus = Bus(section(), SYSTEM, writers, "web1", alarm=alarms.append)
    for _ in range(20):
        bus.emit(EventName.AUTHN_LOGIN_FAIL, facts())
    assert not bus.flush()
    assert len(alarms) == 1
    assert "No space left on device" in alarms[0]
    names = [one.event.name for one in tail(tmp_path / "state" / "events.db")]
    assert names.count(EventName.AUTHN_LOGIN_FAIL) == 20
    assert EventName.DEGRADED in names


def test_a_reader_of_the_log_never_sees_half_a_record_while_it_grows(tmp_path: Path) -> None:
    bus = bus_to(tmp_path)
    seen = io.BytesIO()
    with (tmp_path / "log").open("xb"):
        (tmp_path / "log").chmod(0o600)
    with (tmp_path / "log").open("rb") as reader:
        for _ in range(30):
            for _ in range(20):
                bus.emit(EventName.AUTHN_LOGIN_FAIL, facts("/" + "a" * 500))
            bus.flush()
            seen.write(reader.read())
            assert seen.getvalue().endswith(b"\n")
    assert bus.close()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY  # the limit stayed in its process
