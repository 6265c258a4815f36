"""The first secret in a wrapping token: opened once at the start; who else opened it or wrapped it anew is found."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hvac  # type: ignore[import-untyped]  # it tells no types
import pytest

from garrison import harden
from garrison.cli.hold import open_first_secret
from garrison.policy import held
from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.secrets import SecretRefused, SecretsUnresolved, SourceAway, open_secrets
from garrison.secrets.errors import FileRefusedError, WrappingKept, WrappingRefused
from garrison.secrets.own import room_view
from garrison.secrets.resolver import Resolver
from garrison.secrets.vault import read_line
from tests.cli.conftest import here as here
from tests.cli.running import KEY, Here
from tests.support.bao import MOUNT, Bao

CANARY = "canary-77b01c"
DB = f"vault://{MOUNT}/wrapped/db#password"
PATH = "auth/approle/role/wrapped/secret-id"

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]


@dataclass
class Handed:
    """An application whose secret id is handed over in a wrapping token. `folder` is its state folder."""

    bao: Bao
    folder: Path
    section: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bao.put("wrapped/db", password=CANARY)
        role, _ = self.bao.role("wrapped", read_line(MOUNT, "wrapped/db"))
        self.environ = {"ROLE": role, "HANDED": self.wrap()}
        self.section = {
            "address": self.bao.url, "ca": str(self.bao.ca), "role_id": "env:ROLE", "secret_id": "env:HANDED",
            "unwrap": PATH, "timeout": 3, **self.section,
        }  # fmt: skip

    def wrap(self, ttl: str = "60s") -> str:
        made = self.bao.root.auth.approle.generate_secret_id("wrapped", wrap_ttl=ttl)
        return str(made["wrap_info"]["token"])

    @property
    def policy(self) -> Policy:
        events = {"output": str(self.folder / "events.jsonl"), "store": False}
        return Policy(
            hosts=["shop.example.com"], key="env:KEY", state=str(self.folder / "state"), vault=self.section,
            secrets={"named": {"db": DB}}, events=events,
        )  # fmt: skip

    def start(self) -> str:
        """What an application reads when it starts."""
        secrets = open_secrets(self.policy, self.environ)
        try:
            return secrets.get("db").reveal()
        finally:
            secrets.close()

    def refused(self) -> WrappingRefused:
        with pytest.raises(SecretsUnresolved) as caught:
            self.start()
        (error,) = caught.value.failures.values()
        assert isinstance(error, WrappingRefused), error
        return error

    def thief(self, token: str) -> hvac.Client:
        return hvac.Client(self.bao.url, token=token, verify=str(self.bao.ca), timeout=10)

    def told(self) -> list[dict[str, Any]]:
        """The events about wrapping tokens that were written."""
        path = self.folder / "events.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [one for one in lines if one["name"] == "wrapping_refused"]

    def new_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From here on as in a process that holds nothing."""
        monkeypatch.setattr(held, "_references", {})


@pytest.fixture
def handed(bao: Bao, tmp_path: Path) -> Handed:
    return Handed(bao, tmp_path)


def test_it_is_opened_once_for_all_that_log_in_and_for_workers(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [handed.start() for _ in range(2)] == [CANARY] * 2
    for_workers = held.packed()
    handed.new_process(monkeypatch)
    held.hold(for_workers)  # as `garrison serve` hands it on, by a pipe
    assert handed.start() == CANARY
    handed.environ["HANDED"] = ""  # used up, it was taken away
    assert handed.start() == CANARY
    assert handed.told() == []


def test_what_somebody_else_opened_stops_the_start_with_an_event(handed: Handed) -> None:
    stolen = handed.thief(handed.environ["HANDED"]).sys.unwrap()["data"]["secret_id"]
    error = handed.refused()
    assert "opened already" in error.why
    assert "Somebody else may have read" in error.remedy
    assert stolen not in f"{error}{error.__context__}"
    assert handed.bao.root.auth.approle.login(handed.environ["ROLE"], stolen, use_token=False)  # the thief is in


@pytest.mark.parametrize("unwrap", [PATH, ""])
def test_what_somebody_opened_and_wrapped_anew_is_refused_unopened(handed: Handed, unwrap: str) -> None:
    inside = handed.thief(handed.environ["HANDED"]).sys.unwrap()["data"]
    anew = handed.bao.root.sys.wrap(payload=inside, ttl=60)["wrap_info"]["token"]
    handed.environ["HANDED"] = anew
    if unwrap:
        assert "wrapped it anew" in handed.refused().why
        assert handed.thief(anew).sys.unwrap()["data"] == inside  # it was not opened
    else:  # the control: to whoever opens without a look, it is as good as the first
        handed.environ["HANDED"] = handed.thief(anew).sys.unwrap()["data"]["secret_id"]
        handed.section["unwrap"] = ""
        assert handed.start() == CANARY


def test_one_of_another_role_is_refused(handed: Handed) -> None:
    handed.bao.role("someone", read_line(MOUNT, "wrapped/db"))
    other = handed.bao.root.auth.approle.generate_secret_id("someone", wrap_ttl="60s")
    handed.environ["HANDED"] = other["wrap_info"]["token"]
    assert f"not made by {PATH}" in handed.refused().why


def test_one_whose_time_is_over_is_refused(handed: Handed) -> None:
    handed.environ["HANDED"] = handed.wrap("1s")
    time.sleep(1.2)  # the server's clock
    assert "its time is over" in handed.refused().why


def test_a_restart_with_the_same_token_is_no_alarm(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    handed.start()
    handed.new_process(monkeypatch)
    with pytest.raises(SecretsUnresolved, match=r"opened here before, at .*Z.*new one for each start") as caught:
        handed.start()
    assert not any(isinstance(error, WrappingRefused) for error in caught.value.failures.values())
    handed.environ["HANDED"] = handed.wrap()
    assert handed.start() == CANARY


class TestEvent:
    async def app(self, scope: Any, receive: Any, send: Any) -> None: ...

    def steal(self, handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
        handed.thief(handed.environ["HANDED"]).sys.unwrap()
        for name, value in {**handed.environ, "KEY": KEY}.items():
            monkeypatch.setenv(name, value)

    def test_harden_writes_it_before_the_start_is_refused(
        self, handed: Handed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.steal(handed, monkeypatch)
        with pytest.raises(SecretsUnresolved):
            harden(self.app, handed.policy)
        (event,) = handed.told()
        assert event["severity"] == "critical"
        assert "opened already" in event["details"]["error"]
        assert handed.environ["HANDED"] not in (handed.folder / "events.jsonl").read_text()

    def test_serve_writes_it_before_the_application_is_loaded(
        self, handed: Handed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.steal(handed, monkeypatch)
        with pytest.raises(WrappingRefused):
            open_first_secret(handed.policy)
        assert len(handed.told()) == 1

    def test_what_was_refused_before_there_were_events_is_written_once_with_the_next_start(
        self, handed: Handed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.steal(handed, monkeypatch)
        handed.refused()
        assert handed.told() == []
        monkeypatch.setenv("HANDED", handed.wrap())
        with room_view(handed.policy, handed.environ, "stores"):
            pass  # a command in between, which nobody listens to
        for _ in range(2):
            harden(self.app, handed.policy)
        deadline = time.monotonic() + 20
        while not handed.told() and time.monotonic() < deadline:
            time.sleep(0.02)
        (event,) = handed.told()
        assert event["details"]["at"].endswith("Z")


class TestLooking:
    def test_commands_look_at_it_and_leave_it_for_the_application(self, handed: Handed) -> None:
        looking = Resolver.from_policy(handed.policy, handed.environ)
        with pytest.raises(WrappingKept):
            looking.read(DB)
        assert handed.start() == CANARY

    def test_doctor_and_check_leave_it_and_find_a_stolen_one(self, here: Here, handed: Handed) -> None:
        here.write(
            "garrison.toml",
            f"""
            hosts = ["shop.example.com"]
            [vault]
            address = "{handed.bao.url}"
            ca = "{handed.bao.ca}"
            role_id = "env:ROLE"
            secret_id = "env:HANDED"
            unwrap = "{PATH}"
            [secrets.named]
            db = "{DB}"
            """,
        )
        environ = {**handed.environ, "GARRISON_KEY": KEY}
        ran = here.run("secrets", "doctor", **environ)
        assert ran.code == 0, ran.out
        assert "not tried: the log-in" in ran.flat
        assert "wrapping" not in here.run("check", **environ).flat
        handed.thief(handed.environ["HANDED"]).sys.unwrap()  # it was there until now
        ran = here.run("secrets", "doctor", **environ)
        assert ran.code == 1
        assert "opened already" in ran.flat
        assert "opened already" in here.run("check", **environ).flat


class TestFailures:
    def test_a_server_that_is_away_is_no_alarm_and_costs_no_token(self, handed: Handed) -> None:
        address, handed.section["address"] = handed.section["address"], "https://localhost:1"
        with pytest.raises(SecretsUnresolved) as caught:
            handed.start()
        assert isinstance(caught.value.failures["secrets.named.db"], SourceAway)
        handed.section["address"] = address
        assert handed.start() == CANARY

    def test_a_state_folder_that_others_may_write_stops_the_start_before_anything_is_opened(
        self, handed: Handed
    ) -> None:
        folder = handed.folder / "state" / "wrapping"
        folder.mkdir(parents=True)
        handed.folder.joinpath("state").chmod(0o700)
        folder.chmod(0o777)
        with pytest.raises((SecretsUnresolved, FileRefusedError)):
            handed.start()
        assert handed.thief(handed.environ["HANDED"]).sys.unwrap()["data"]["secret_id"]

    def test_what_holds_something_else_is_refused(self, handed: Handed) -> None:
        handed.environ["HANDED"] = handed.bao.root.auth.token.create(wrap_ttl="60s")["wrap_info"]["token"]
        assert "not made by" in handed.refused().why

    def test_a_damaged_memory_makes_no_interception_a_restart(
        self, handed: Handed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handed.start()
        path = handed.folder / "state" / "wrapping" / "tokens.json"
        assert handed.environ["HANDED"] not in path.read_text()
        path.write_text('{"opened": 3}')
        handed.new_process(monkeypatch)
        handed.refused()


def test_a_token_is_unwrapped_too(bao: Bao, tmp_path: Path) -> None:
    bao.put("wrapped/db", password=CANARY)
    bao.root.sys.create_or_update_policy("wrapped-token", read_line(MOUNT, "wrapped/db"))
    wrapped = bao.root.auth.token.create(policies=["wrapped-token"], ttl="1h", wrap_ttl="60s")["wrap_info"]["token"]
    section = {
        "address": bao.url, "ca": str(bao.ca), "auth": "token", "token": "env:T", "unwrap": "auth/token/create",
    }  # fmt: skip
    policy = Policy(vault=section, state=str(tmp_path / "state"))
    assert Resolver.from_policy(policy, {"T": wrapped}, opens=True).read(DB).reveal() == CANARY
    with pytest.raises(SecretRefused):  # the control: unopened it is no log-in
        Resolver.from_policy(Policy(vault={**section, "unwrap": ""}), {"T": wrapped}).read(DB)


@pytest.mark.parametrize(
    ("auth", "path"),
    [
        ("approle", "sys/wrapping/wrap"), ("approle", "cubbyhole/x"), ("approle", "auth/token/create"),
        ("approle", "auth/approle/role/shop/secret-id/../x"), ("token", "auth/approle/role/shop/secret-id"),
        ("jwt", "auth/token/create"),
    ],
)  # fmt: skip
def test_a_path_that_anybody_has_or_that_fits_no_log_in_is_no_policy(auth: str, path: str) -> None:
    given = {"role_id": "env:A", "secret_id": "env:B", "token": "env:T", "role": "x", "jwt": "env:J"}
    with pytest.raises(PolicyInvalid):
        Policy(vault={"address": "https://v.example.com", "auth": auth, "unwrap": path, **given})
