"""The bus a policy asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.core.clock import SYSTEM
from garrison.events.audit.build import audit_folder
from garrison.events.build import build_bus, build_writers, store_path
from garrison.events.query import tail
from garrison.events.sqlite import StoreUnusable
from garrison.events.writers import EventsUnwritable
from garrison.policy.model import Policy
from tests.events.making import event, facts, lines


def policy(tmp_path: Path, **events: object) -> Policy:
    return Policy.model_validate(
        {
            "hosts": ["shop.example.com"],
            "state": str(tmp_path / "state"),
            "events": events,
            "routes": [{"name": "login", "paths": ["/login"]}],
        }
    )


def test_the_default_is_standard_error_and_the_store(tmp_path: Path) -> None:
    assert [writer.name for writer in build_writers(policy(tmp_path))] == ["sqlite", "stderr"]
    assert build_writers(policy(tmp_path, output="none", store=False)) == []


def test_a_built_bus_runs_and_knows_the_routes(tmp_path: Path) -> None:
    wanted = policy(tmp_path, output=str(tmp_path / "log"), redact=["agent"])
    bus = build_bus(wanted, SYSTEM, "web1", routes=("default", "login"))
    bus.emit("authn_login_fail", facts(route=1))
    assert bus.close()
    (written,) = lines(tmp_path / "log")
    assert (written["node"], written["route"], written["agent"]) == ("web1", "login", "[redacted]")
    assert tail(store_path(wanted))[0].event.to_dict() == written


def test_a_place_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(EventsUnwritable, match=r"file:log.*Make it writable.*events\.output"):
        build_bus(policy(tmp_path, output=str(tmp_path / "absent" / "log")), SYSTEM)
    (tmp_path / "state").chmod(0o755)
    with pytest.raises(StoreUnusable, match="chmod 700"):
        build_bus(policy(tmp_path, output="none"), SYSTEM)
    (tmp_path / "state").chmod(0o700)
    (tmp_path / "state" / "events.db").write_bytes(b"no database" * 99)
    with pytest.raises(EventsUnwritable, match=r"not a database.*Keep a copy.*events\.db\*"):
        build_bus(policy(tmp_path, output="none"), SYSTEM)


def test_records_stay_where_they_began_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, later = tmp_path / "begin", tmp_path / "later"
    begin.mkdir()
    later.mkdir()
    monkeypatch.chdir(begin)
    wanted = Policy.model_validate(
        {"preset": "testing", "state": "state", "events": {"output": "events.log", "store": True}}
    )
    writers = build_writers(wanted)  # not yet open
    audit = audit_folder(wanted)
    monkeypatch.chdir(later)
    for writer in writers:
        writer.open()
        writer.write([event()])
        writer.close()
    assert list(later.iterdir()) == []
    assert {one.name for one in begin.iterdir()} == {"state", "events.log"}
    assert audit.is_relative_to(begin)
