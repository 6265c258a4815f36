"""The audit log behind a hardened application: what it writes, when it stops writes, and what leaves the machine."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from garrison import Policy, harden
from garrison.core.errors import OperatorError
from garrison.events.audit.build import build_audit, place_of, signers
from garrison.events.audit.log import AuditLog
from garrison.events.audit.note import parse_notes
from garrison.events.audit.ship import Shipper
from garrison.events.links import BadLink, parse_link
from garrison.events.vocabulary import EventName
from tests.events.audit.making import Hand, new_log, some_events, verified


async def answer(request: object) -> PlainTextResponse:
    return PlainTextResponse("fine")


def app(folder: Path, **audit: Any) -> Any:
    policy = Policy(
        preset="api", environment="development", hosts=["localhost"], state=str(folder), audit=audit,
        events={"output": "none"},
    )  # fmt: skip
    return harden(Starlette(routes=[Route("/", answer, methods=["GET", "POST"])]), policy)


def names(folder: Path) -> list[str]:
    from tests.events.audit.test_log import stored

    return [str(one["name"]) for one in stored(folder)]


def test_one_line_gives_an_application_a_log_that_verifies(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with TestClient(app(state), base_url="https://localhost") as client:
        assert client.get("/").status_code == 200
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    wanted = ["audit_started", "policy_loaded", "sys_startup", "host_refused", "sys_shutdown"]
    assert [name for name in names(state / "audit") if name in wanted] == wanted


@pytest.mark.parametrize("on_failure", ["refuse", "buffer"])
def test_while_the_disk_is_full_writes_are_refused_or_go_on_as_the_policy_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_failure: str
) -> None:
    hardened = app(tmp_path / "state", on_failure=on_failure)
    with TestClient(hardened, base_url="https://localhost") as client:
        assert client.post("/", json={}).status_code == 200
        # SQLite itself says that there is no room: every file of this connection is at its limit.
        real = AuditLog._ready

        def no_room(log: AuditLog) -> Any:
            segment = real(log)
            segment.connection.execute("PRAGMA max_page_count = 1")
            return segment

        monkeypatch.setattr(AuditLog, "_ready", no_room)
        for number in range(400):
            client.get("/", headers={"host": f"evil{number}.example"})
        time.sleep(0.5)
        refused = client.post("/", json={})
        assert refused.status_code == (503 if on_failure == "refuse" else 200)
        assert ("audit-away" in refused.text) is (on_failure == "refuse")
        assert client.get("/").status_code == 200
        monkeypatch.setattr(AuditLog, "_ready", real)
        deadline = time.monotonic() + 10
        while client.post("/", json={}).status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert client.post("/", json={}).status_code == 200
    written = names(tmp_path / "state" / "audit")
    assert written.count("host_refused") == 400
    assert "service_degraded" in written
    assert "service_recovered" in written


def test_a_log_that_can_not_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "audit").write_text("in the way")
    with pytest.raises(OperatorError):
        app(tmp_path / "state")
    app(tmp_path / "state", enabled=False)  # the control


@contextmanager
def receiver(status: list[int]) -> Iterator[tuple[str, list[str]]]:
    got: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if status[0] == 200:
                got.append(body)
            self.send_response(status[0])
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/log", got
    finally:
        server.shutdown()
        server.server_close()


def test_checkpoints_leave_the_machine_by_file_and_http_and_find_what_the_file_alone_hides(tmp_path: Path) -> None:
    with receiver([200]) as (url, got):
        policy = Policy(environment="development", state=str(tmp_path), audit={"ship": [url, str(tmp_path / "kept")]})
        hand = Hand()
        log = build_audit(policy, hand.clock, [b"s" * 32], hand.emit, "web1")
        log.open()
        log.write(some_events(20))
        log.close()
    keys = [one.public for one in signers([b"s" * 32], "web1")]
    kept = parse_notes((tmp_path / "kept").read_text())
    assert [one.size for one in parse_notes("\n".join(got))][-1] == kept[-1].size == 21
    assert verified(tmp_path / "audit", keys=keys, known=kept).ok
    assert all(one.signed_by(keys) for one in kept)


@pytest.mark.parametrize("status", [500, 302, 403])
def test_a_receiver_that_refuses_or_redirects_is_told_once_and_gets_the_newest_when_it_is_back(status: int) -> None:
    answers = [status]
    with receiver(answers) as (url, got):
        hand = Hand()
        shipper = Shipper([place_of(parse_link(url))], hand.emit, 60, lambda: None)
        for number in range(3):
            shipper.offer(f"note {number}")
            shipper.deliver()
        assert [name for name, _ in hand.told] == [EventName.DEGRADED]
        assert shipper.failing
        answers[0] = 200
        shipper.deliver()
        assert got == ["note 2"]
        assert [name for name, _ in hand.told] == [EventName.DEGRADED, EventName.RECOVERED]


def test_a_receiver_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        hand = Hand()
        log = new_log(tmp_path, hand)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        log.ship_with(Shipper([place_of(parse_link(url))], hand.emit, 60, lambda: None))
        began = time.monotonic()
        for first in range(0, 300, 10):
            hand.now += 60
            log.write(some_events(10, first=first))
        assert time.monotonic() - began < 30  # seconds; each of the 30 checkpoints would have waited five
        log.close()
        assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "text", ["kept", "ftp://a/b", "https://", "https://u:p@a/b", "https://a/\nb", "http://a:99999/", ""]
)
def test_a_place_that_can_not_be_read_is_refused_at_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadLink) as caught:
        app(tmp_path / "state", ship=[text])
    assert "u:p" not in str(caught.value)


def test_two_places_on_one_host_both_get_every_checkpoint_once() -> None:
    with receiver([200]) as (url, got):
        shipper = Shipper([place_of(parse_link(f"{url}/{name}")) for name in "ab"], Hand().emit, 60, lambda: None)
        shipper.offer("note 1")
        shipper.deliver()
        shipper.deliver()
    assert got == ["note 1", "note 1"]
