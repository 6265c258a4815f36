"""What is kept survives being killed at any point; what is broken is replaced."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from garrison.policy.model import Policy
from garrison.secrets.errors import LockHeld
from garrison.serve.certificates import new_key
from garrison.serve.errors import FileRefusedError
from garrison.serve.issuing.errors import AuthorityAway, RenewalFailed, StateBroken
from garrison.serve.issuing.issuer import Issuer, Sources
from garrison.serve.issuing.run import renew_now
from garrison.serve.issuing.state import KEPT, Progress, Sets
from tests.serve.authority import Authority

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    return Sets(tmp_path / "state", "localhost").open()


@pytest.fixture
def made(tmp_path: Path) -> bytes:
    certificate, key = Authority(tmp_path / "authority", "Authority").make("a")
    return key + certificate


KILLED = """
import os, sys
from pathlib import Path
from garrison.secrets import private_files
from garrison.serve.issuing.state import Sets

sets, call, at = Sets(Path(sys.argv[1]), "localhost"), sys.argv[2], int(sys.argv[3])
seen = 0
def trace(frame, event, argument):
    global seen
    if frame.f_code.co_filename == private_files.__file__ and event == "line":
        seen += 1
        if seen == at:
            os.kill(os.getpid(), 9)
    return trace
sys.settrace(trace)
with sets.only_one():
    sets.write(b"-----BEGIN CERTIFICATE-----" * 1000 if call == "large" else Path(call).read_bytes())
sys.settrace(None)
print("done")
"""


def test_killed_at_any_line_of_a_save_it_has_the_old_set_or_the_new_one(
    tmp_path: Path, sets: Sets, made: bytes
) -> None:
    fresh = tmp_path / "fresh.pem"
    certificate, key = Authority(tmp_path / "authority", "Authority").make("b")
    fresh.write_bytes(key + certificate)
    seen: set[bytes] = set()
    for at in range(1, 200, 3):
        sets.write(made)
        done = _run(sets, str(fresh), at)
        found = sets.read()
        assert found is not None
        assert found.pem in {made, fresh.read_bytes()}
        seen.add(found.pem)
        if done:
            break
    assert done, "the save was never left to finish"
    assert len(seen) == 2
    with sets.only_one() as ours:
        assert ours  # a dead process holds no lock
    assert sorted(path.name for path in sets.folder.iterdir()) == ["live.pem", "lock"]  # nothing half-written is left


def _run(sets: Sets, call: str, at: int) -> bool:
    state = sets.folder.parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", dedent(KILLED), str(state), call, str(at)], capture_output=True, check=False
    )
    assert ran.returncode in {0, -signal.SIGKILL}, ran.stderr
    return ran.returncode == 0


def test_a_set_that_holds_no_certificate_is_told_and_asked_for_anew(sets: Sets) -> None:
    sets.write(b"nonsense")
    with pytest.raises(StateBroken):
        sets.read()
    issuer = Issuer(("localhost",), sets, Sources(Never()), lambda token, text: None, lambda *_, **__: None)
    assert issuer.kept() is None
    assert issuer.due(None, Progress(), NOW)


def test_a_file_that_others_can_read_is_refused(sets: Sets, made: bytes) -> None:
    sets.write(made)
    sets.live.chmod(0o644)
    with pytest.raises(FileRefusedError):
        sets.read()


def test_one_process_issues_and_the_next_takes_over(sets: Sets) -> None:
    with sets.only_one() as ours, sets.only_one() as others:
        assert (ours, others) == (True, False)
    with sets.only_one() as ours:
        assert ours


def test_where_there_can_be_no_lock_nobody_is_said_to_issue(sets: Sets) -> None:
    (sets.folder / "lock").unlink(missing_ok=True)
    (sets.folder / "lock").symlink_to(sets.folder / "elsewhere")
    with pytest.raises(FileRefusedError) as refused, sets.only_one():
        pass
    assert not isinstance(refused.value, LockHeld)


def test_history_is_bounded_and_bears_broken_lines(sets: Sets) -> None:
    for number in range(KEPT + 20):
        sets.note("failed", NOW, error="x" * 400, number=number)
    assert [entry["number"] for entry in sets.history()] == list(range(20, KEPT + 20))
    (sets.folder / "history").write_bytes(b'{"what": "issued"}\n{"what": \n[]\n')
    (sets.folder / "history").chmod(0o600)
    assert sets.history() == [{"what": "issued"}]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"failures": "many"}', b'{"failures": 2, "more": 1}'])
def test_progress_that_cannot_be_read_stands_in_nobodys_way(sets: Sets, content: bytes) -> None:
    path = sets.folder / "issue.json"
    path.write_bytes(content)
    path.chmod(0o600)
    assert sets.progress() in {Progress(), Progress(failures=2)}


def test_a_set_for_fewer_names_than_are_wanted_is_renewed_at_once(sets: Sets, made: bytes) -> None:
    sets.write(made)
    kept = sets.read()
    assert kept is not None
    now = kept.begins + timedelta(hours=1)
    due = {}
    for names in (("localhost",), ("localhost", "www.localhost"), ("www.localhost",)):
        issuer = Issuer(names, sets, Sources(Never()), lambda token, text: None, lambda *_, **__: None)
        due[names] = issuer.due(kept, Progress(), now)
    assert list(due.values()) == [False, True, True]


class Never:
    """An authority that must not be asked."""

    def issue(self, names: tuple[str, ...], show: object, /) -> bytes:
        raise AssertionError("asked")

    def suggestion(self, pem: bytes, /) -> tuple[datetime | None, datetime]:
        return None, NOW + timedelta(days=1)


class Failing(Never):
    """One that breaks in a way nobody foresaw."""

    asked = 0

    def issue(self, names: tuple[str, ...], show: object, /) -> bytes:
        self.asked += 1
        raise RuntimeError("out of order")


def test_after_a_failure_it_waits_and_then_asks_again(sets: Sets, made: bytes) -> None:
    sets.write(made)
    now = [datetime.now(UTC) + timedelta(days=9.5)]  # of ten days
    events: list[str] = []
    source = Failing()
    issuer = Issuer(
        ("localhost",), sets, Sources(source), lambda token, text: None,
        lambda name, *_, **__: events.append(str(name)), lambda: now[0],
    )  # fmt: skip
    assert not issuer.turn()
    assert not issuer.turn()
    assert source.asked == 1
    now[0] += timedelta(minutes=2)
    assert not issuer.turn()
    assert source.asked == 2
    assert sets.progress().failures == 2
    assert events == ["certificate_renewal_failed"] * 2
    assert sets.read() is not None
    now[0] -= timedelta(hours=24)  # the clock was put right: the next try is not a day away
    issuer.turn()
    assert source.asked == 3
    sets.ask()
    issuer.turn()
    assert source.asked == 4
    assert new_key() is not None


def test_asked_to_renew_the_server_s_own_reason_is_told_as_it_is(
    sets: Sets, made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = Policy(acme={"folder": str(sets.folder.parent.parent)})

    def renew() -> str:
        with pytest.raises(RenewalFailed) as told:
            renew_now(policy, sets, lambda *_, **__: None, {})
        return str(told.value)

    assert renew() == "There is no certificate for localhost to renew. garrison serve --domain asks for one."
    why = str(AuthorityAway("https://ca.test/dir", "Connection refused"))
    monkeypatch.setattr(Sets, "ask", lambda self: self.write_progress(Progress(failures=1, error=why)))
    with sets.only_one():
        sets.write(made)
        assert renew() == why
