"""The writer: several processes, crashes, full disks, new files, and what it says about them."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from garrison.core.clock import SYSTEM
from garrison.events.audit.build import build_audit
from garrison.events.audit.log import origin_of
from garrison.events.audit.segment import segments
from garrison.events.audit.source import parts_of
from garrison.events.bus import Bus
from garrison.events.sqlite import StoreUnusable
from garrison.events.vocabulary import EventName
from garrison.policy.model import Policy
from tests.events.audit.making import SIGNER, Hand, new_log, some_events, verified
from tests.events.making import event, section


def stored(folder: Path) -> list[dict[str, object]]:
    with parts_of(folder) as parts:
        return [json.loads(row.public) for part in parts for row in part.rows]  # type: ignore[union-attr]  # readable


def test_files_are_private_and_a_loose_folder_is_refused(tmp_path: Path) -> None:
    log = new_log(tmp_path / "a" / "audit")
    log.write(some_events(3))
    for path in (tmp_path / "a", tmp_path / "a" / "audit"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (tmp_path / "a" / "audit").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    log.close()
    (tmp_path / "a" / "audit").chmod(0o755)
    with pytest.raises(StoreUnusable):
        new_log(tmp_path / "a" / "audit").open()


def test_chatter_stays_out_unless_it_is_wanted(tmp_path: Path) -> None:
    chatter = event(EventName.BROWSER_REPORT)
    for wanted in (False, True):
        log = new_log(tmp_path / str(wanted), chatter=wanted)
        assert log.write([chatter, *some_events(1)]) == 2
        log.close()
        assert ("browser_report" in [one["name"] for one in stored(tmp_path / str(wanted))]) is wanted


def test_personal_fields_are_not_in_what_is_hashed(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    log.write(
        [event(EventName.AUTHN_LOGIN_FAIL, client="203.0.113.9", principal="ann", path="/ann", details={"x": "ann"})]
    )
    log.close()
    assert not any(word in json.dumps(stored(tmp_path)) for word in ("ann", "203.0.113.9"))


def test_an_idle_log_is_signed_by_the_clock(tmp_path: Path) -> None:
    hand = Hand()
    log = new_log(tmp_path, hand)
    log.write(some_events(5))
    assert verified(tmp_path).covered == 1  # what was there when the first batch came
    assert log.checkpoint()
    assert verified(tmp_path).covered == 6
    assert log.checkpoint() == ""  # nothing new
    log.close()


def test_without_a_key_entries_are_written_and_signed_by_the_next_who_has_one(tmp_path: Path) -> None:
    log = new_log(tmp_path, signer=None, segment=100)
    for first in range(0, 250, 50):
        log.write(some_events(50, first=first))
    log.close()
    log = new_log(tmp_path)
    log.open()
    log.close()
    report = verified(tmp_path)
    assert report.ok
    assert report.covered == report.size == 251


def test_a_node_name_makes_an_origin_without_blanks_or_plus() -> None:
    assert origin_of("web 1+\n\u202e") == "garrison/web-1--x0a-u202e"
    assert origin_of("") == "garrison/node"


WRITER = """
import sys
from pathlib import Path
from tests.events.audit.making import new_log, some_events
from garrison.core.clock import SYSTEM
from garrison.events.audit.log import AuditLog
from garrison.policy.section_audit import AuditSection
from tests.events.audit.making import SIGNER
log = AuditLog(Path(sys.argv[1]), "web1", AuditSection(segment=300), SYSTEM, signer=SIGNER)
for first in range(0, 500, 10):
    log.write(some_events(10, first=first))
log.close()
"""


def run(code: str, *arguments: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root
    )


def test_processes_that_write_at_once_make_one_whole_log(tmp_path: Path) -> None:
    running = [run(WRITER, str(tmp_path / "audit")) for _ in range(3)]
    for each in running:
        _, said = each.communicate(timeout=60)
        assert each.returncode == 0, said
    report = verified(tmp_path / "audit")
    assert report.problems == []
    assert report.size == report.covered == 1501
    assert len(segments(tmp_path / "audit")) > 4


DYING = """
import os, sys
from pathlib import Path
from garrison.core.clock import SYSTEM
from garrison.events.audit.build import build_audit
from garrison.events.bus import Bus
from garrison.policy.model import Policy, EventsSection
policy = Policy(environment="development", state=sys.argv[1], audit={"segment": 1000})
bus = Bus(EventsSection(output="none", store=False), SYSTEM, [], "web1")
bus.attach(build_audit(policy, SYSTEM, [b"s" * 32], bus.emit, "web1"), opened=True)
bus.start()
number = 0
while True:
    bus.emit("authn_login_fail", number=number)
    number += 1
    if number % 50 == 0:
        written = bus.flush()
        print(number, flush=True)
"""


def test_a_killed_process_loses_at_most_what_was_not_written_and_the_next_start_says_so(tmp_path: Path) -> None:
    dying = run(DYING, str(tmp_path))
    assert dying.stdout is not None
    acknowledged = 0
    while acknowledged < 3000:
        acknowledged = int(dying.stdout.readline())
    dying.send_signal(signal.SIGKILL)
    rest, _ = dying.communicate(timeout=30)
    acknowledged = max([acknowledged, *map(int, rest.rpartition("\n")[0].split())])
    hand = Hand()
    hand.clock = SYSTEM
    log = new_log(tmp_path / "audit", hand)
    log.open()
    log.close()
    assert [(name, details["process"]) for name, details in hand.told] == [("audit_unclean", dying.pid)]
    report = verified(tmp_path / "audit")
    assert report.ok
    assert len(stored(tmp_path / "audit")) - 1 >= acknowledged  # whatever flush had confirmed is there
    log.open()
    log.close()
    assert len(hand.told) == 1  # told once; and a start after a proper end says nothing


def test_a_process_that_forks_shares_no_connection_and_leaves_no_false_notice(tmp_path: Path) -> None:
    policy = Policy(environment="development", state=str(tmp_path))
    bus = Bus(section(), SYSTEM, [], "web1")
    bus.attach(build_audit(policy, SYSTEM, [b"s" * 32], bus.emit, "web1"), opened=True)
    bus.start()
    bus.emit(EventName.STARTUP)
    bus.flush()
    child = os.fork()
    if child == 0:
        bus.emit(EventName.AUTHN_LOGIN_FAIL)
        os._exit(0 if bus.close() else 1)
    assert os.waitpid(child, 0)[1] == 0
    bus.emit(EventName.SHUTDOWN)
    assert bus.close()
    names = [one["name"] for one in stored(tmp_path / "audit")]
    assert names == ["audit_started", "sys_startup", "authn_login_fail", "sys_shutdown"]
    assert verified(tmp_path / "audit", keys=[SIGNER.public]).ok


FULL = """
import json, resource, signal, sys
from pathlib import Path
from tests.events.audit.making import new_log, some_events
from garrison.events.bus import Bus
from garrison.core.clock import SYSTEM
from garrison.policy.model import EventsSection

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = new_log(Path(sys.argv[1]), segment=100_000)
alarms = []
bus = Bus(EventsSection(queue=5000), SYSTEM, [log], "web1", alarm=alarms.append)
bus.emit("sys_startup")
bus.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for number in range(int(sys.argv[2])):
    bus.emit("authn_login_fail", number=number)
    if number % 1000 == 0:
        bus.flush()
full = bus.flush()
was_failing = log.failing
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
again = bus.flush(20)
bus.flush()
lost = [one.lost for one in bus.stats().writers]
bus.close()
print(json.dumps([full, was_failing, len(alarms), again, log.failing, lost]))
"""


@pytest.mark.parametrize(("count", "loses"), [(3000, False), (9000, True)])
def test_a_full_disk_is_alarmed_and_nothing_is_lost_up_to_the_bound_and_told_beyond(
    tmp_path: Path, count: int, loses: bool
) -> None:
    done = run(FULL, str(tmp_path / "audit"), str(count))
    said, errors = done.communicate(timeout=110)
    assert done.returncode == 0, errors
    full, was_failing, alarms, again, failing, lost = json.loads(said)
    assert (full, was_failing, again, failing) == (False, True, True, False)
    assert alarms >= 1
    assert verified(tmp_path / "audit").ok
    there = stored(tmp_path / "audit")
    names = [one["name"] for one in there]
    assert count - lost[0] <= names.count("authn_login_fail") <= count
    assert (lost[0] > 0) is loses
    assert ("events_dropped" in names) is loses
    assert "service_degraded" in names
    assert "service_recovered" in names
