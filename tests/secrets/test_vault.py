"""Vault and OpenBao: a real server with TLS, log-ins that renew, failures that say what is wrong. And the benchmark's
promise: nothing here is on the path of a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hvac  # type: ignore[import-untyped]  # it tells no types
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from garrison import harden
from garrison.core.errors import GarrisonError
from garrison.policy.model import Policy
from garrison.secrets import SecretMissing, SecretRefused, SecretsUnresolved, SourceAway, open_secrets
from garrison.secrets.resolver import Resolver
from garrison.secrets.secret import Secret
from garrison.secrets.vault import Vault, read_line
from garrison.testing import testing_policy
from tests.cli.conftest import here as here
from tests.cli.running import KEY, Here
from tests.support.bao import MOUNT, Bao

CANARY = "canary-e3c1a7"
READ_APP = read_line(MOUNT, "app/db")
DB = f"vault://{MOUNT}/app/db#password"

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]


@pytest.fixture(autouse=True)
def planted(request: pytest.FixtureRequest) -> None:
    if "bao" in request.fixturenames:
        server: Bao = request.getfixturevalue("bao")
        server.put("app/db", password=CANARY, port=5432)
        server.put("other/db", password="not for the application")


@dataclass
class Watch:
    """Time that moves when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Member:
    """An application that logs in to `bao` with a role of its own."""

    bao: Bao
    name: str
    policy: str = READ_APP
    life: str = "1h"
    longest: str = "2h"
    section: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        role, secret = self.bao.role(self.name, self.policy, self.life, self.longest)
        self.environ = {"ROLE": role, "SECRET_ID": secret}
        self.section = {
            "address": self.bao.url, "ca": str(self.bao.ca), "role_id": "env:ROLE", "secret_id": "env:SECRET_ID",
            **self.section,
        }  # fmt: skip

    def settings(self, **named: str) -> Policy:
        return Policy(vault=self.section, secrets={"named": named})

    def resolver(self) -> Resolver:
        return Resolver.from_policy(self.settings(), self.environ)

    def vault(self, watch: Watch) -> Vault:
        def credential(reference: str) -> Secret[str]:
            return Secret(self.environ[reference.removeprefix("env:")])

        return Vault(self.settings().vault, credential, watch)


def log_ins(bao: Bao) -> int:
    """How many tokens there are."""
    return len(bao.root.list("auth/token/accessors")["data"]["keys"])


def test_a_secret_is_read_over_tls_by_approle_and_by_token(bao: Bao) -> None:
    member = Member(bao, "reader")
    assert member.resolver().read(DB).reveal() == CANARY
    token = bao.root.auth.token.create(policies=["reader"], ttl="1h")["auth"]["client_token"]
    policy = Policy(vault={"address": bao.url, "ca": str(bao.ca), "auth": "token", "token": "env:T"})
    assert Resolver.from_policy(policy, {"T": token}).read(DB).reveal() == CANARY


def test_a_new_version_is_put_to_use_and_the_token_is_revoked_at_the_end(bao: Bao) -> None:
    member = Member(bao, "rotating")
    bao.put("app/db", password="old")
    secrets = open_secrets(member.settings(db=DB), member.environ)
    bao.put("app/db", password=CANARY)
    assert secrets.refresh() == ["db"]
    assert secrets.get("db").reveal() == CANARY
    before = log_ins(bao)
    secrets.close()
    assert log_ins(bao) == before - 1


def test_what_the_role_may_not_read_is_refused_with_the_missing_line_which_then_mends_it(bao: Bao) -> None:
    member = Member(bao, "narrow")
    other = f"vault://{MOUNT}/other/db#password"
    resolver, before = member.resolver(), log_ins(bao)
    for _ in range(3):
        with pytest.raises(SecretRefused, match="permission is denied") as caught:
            resolver.read(other)
    assert log_ins(bao) == before + 1  # a token that is good is not replaced for being refused
    line = read_line(MOUNT, "other/db")
    assert line in caught.value.remedy
    bao.root.sys.create_or_update_policy("narrow", f"{READ_APP}\n{line}")  # the control: the line is what was missing
    assert member.resolver().read(other).reveal() == "not for the application"


@pytest.mark.parametrize("where", ["app/none#password", "app/db#none"])
def test_what_is_not_there_is_missing(bao: Bao, where: str) -> None:
    member = Member(bao, "missing", policy=f'path "{MOUNT}/data/app/*" {{ capabilities = ["read"] }}')
    with pytest.raises(SecretMissing):
        member.resolver().read(f"vault://{MOUNT}/{where}")


def test_a_field_that_is_no_text_and_a_deleted_version_are_no_secrets(bao: Bao) -> None:
    bao.put("app/gone", password="x")
    bao.root.secrets.kv.v2.delete_latest_version_of_secret("app/gone", mount_point=MOUNT)
    member = Member(bao, "odd", policy=f'path "{MOUNT}/data/app/*" {{ capabilities = ["read"] }}')
    bao.put("app/number", port=5432)
    with pytest.raises(SecretRefused, match="not text"):
        member.resolver().read(f"vault://{MOUNT}/app/number#port")
    with pytest.raises(SecretMissing):
        member.resolver().read(f"vault://{MOUNT}/app/gone#password")


def test_a_wrong_secret_id_is_refused_and_not_repeated(bao: Bao) -> None:
    member = Member(bao, "stranger")
    member.environ["SECRET_ID"] = CANARY
    with pytest.raises(SecretRefused, match="log-in by AppRole") as caught:
        member.resolver().read(DB)
    assert CANARY not in f"{caught.value}{caught.value.remedy}{caught.value.__context__}"


@pytest.mark.parametrize(
    ("section", "why", "remedy"),
    [
        ({"ca": "/nowhere/ca.pem"}, "the authorities in /nowhere/ca.pem can't be read", "vault.ca"),
        ({"auth_mount": "nowhere"}, "permission is denied", "vault.auth_mount"),
        ({"namespace": "nowhere"}, "no such way to log in there", "vault.namespace"),
    ],
)
def test_a_slip_in_how_the_server_is_reached_is_told_as_that(
    bao: Bao, here: Here, section: dict[str, str], why: str, remedy: str
) -> None:
    member = Member(bao, "slipping", section=section)
    with pytest.raises(GarrisonError, match=why) as caught:
        member.resolver().read(f"vault://{MOUNT}/app/db#password")
    assert remedy in caught.value.remedy
    text = "\n".join(f'{name} = "{value}"' for name, value in member.section.items())
    here.write("garrison.toml", f'hosts = ["shop.example.com"]\n[vault]\n{text}')
    ran = here.run("secrets", "doctor", "--format", "json", **member.environ)
    assert ran.code == 1
    assert remedy in ran.json[-1]["remedy"]


def test_a_token_in_the_place_of_one_that_was_revoked_is_taken_up_while_running(bao: Bao, tmp_path: Path) -> None:
    bao.root.sys.create_or_update_policy("replaced", READ_APP)
    first, second = (
        bao.root.auth.token.create(policies=["replaced"], ttl="1h")["auth"]["client_token"] for _ in range(2)
    )
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(first)
    section = {"address": bao.url, "ca": str(bao.ca), "auth": "token", "token": f"file:{path}"}
    resolver = Resolver.from_policy(Policy(vault=section), {})
    assert resolver.read(DB).reveal() == CANARY
    bao.root.auth.token.revoke(first)
    with pytest.raises(SecretRefused):  # the control: nobody has put another one there
        resolver.read(DB)
    path.write_text(second)
    assert resolver.read(DB).reveal() == CANARY


def test_a_secret_of_a_namespace_is_read_there_and_nowhere_else(bao: Bao) -> None:
    bao.root.sys.create_namespace("team")
    inside = hvac.Client(bao.url, token=bao.root.token, verify=str(bao.ca), namespace="team", timeout=10)
    inside.sys.enable_secrets_engine("kv", path=MOUNT, options={"version": "2"})
    bao.wait(lambda: inside.secrets.kv.v2.create_or_update_secret("app/ns", {"a": CANARY}, mount_point=MOUNT))
    inside.sys.create_or_update_policy("team", read_line(MOUNT, "app/ns"))
    token = inside.auth.token.create(policies=["team"], ttl="1h")["auth"]["client_token"]
    section = {"address": bao.url, "ca": str(bao.ca), "auth": "token", "token": "env:T"}
    where = f"vault://{MOUNT}/app/ns#a"
    policy = Policy(vault={**section, "namespace": "team"})
    assert Resolver.from_policy(policy, {"T": token}).read(where).reveal() == CANARY
    with pytest.raises(SecretRefused):
        Resolver.from_policy(Policy(vault=section), {"T": token}).read(where)


def test_a_server_that_nobody_vouches_for_gets_no_token(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bao.ca))  # injected authorities change nothing
    member = Member(bao, "wary", section={"ca": ""})
    with pytest.raises(SourceAway, match="certificate is not trusted"):
        member.resolver().read(DB)
    assert Member(bao, "wary").resolver().read(DB).reveal()  # the control


def test_a_token_is_renewed_at_half_its_life_and_replaced_at_its_end(bao: Bao) -> None:
    watch = Watch()
    vault = Member(bao, "renewing", life="100s", longest="100s").vault(watch)
    first = vault.client()
    ttl = first.auth.token.lookup_self()["data"]["ttl"]
    assert 0 < ttl <= 100
    watch.now = 49
    assert vault.client() is first
    calls: list[str] = []
    renew = first.auth.token.renew_self
    first.auth.token.renew_self = lambda: calls.append("renewed") or renew()
    watch.now = 51
    assert vault.client() is first
    assert calls == ["renewed"]
    bao.root.auth.token.revoke(first.token)
    watch.now = 500
    second = vault.client()
    assert second is not first
    assert second.auth.token.lookup_self()["data"]["ttl"] > 0


def test_a_token_that_was_revoked_is_replaced_within_the_same_reading(bao: Bao) -> None:
    resolver = Member(bao, "revoked").resolver()
    resolver.read(DB)
    assert resolver.vault is not None
    bao.root.auth.token.revoke(resolver.vault.client().token)
    assert resolver.read(DB).reveal() == CANARY


def test_a_server_killed_and_back_sealed_and_unsealed_costs_no_value(bao: Bao) -> None:
    member = Member(bao, "patient", section={"timeout": 2})
    secrets = open_secrets(member.settings(db=DB), member.environ)
    events: list[tuple[str, Any]] = []
    secrets.attach(lambda name, facts=None, /, **details: events.append((name, details)))
    try:
        bao.kill()
        secrets.refresh()
        assert secrets.get("db").reveal() == CANARY
        with pytest.raises(SecretsUnresolved, match="can't be reached"):
            open_secrets(member.settings(db=DB), member.environ)
        bao.start()
        secrets.refresh()
        assert secrets.get("db").reveal() == CANARY
        with pytest.raises(SecretsUnresolved, match=r"sealed.*Unseal it"):
            open_secrets(member.settings(db=DB), member.environ)
    finally:
        bao.kill()
        bao.start()
        bao.unseal()
    bao.put("app/db", password="after")
    assert secrets.refresh() == ["db"]
    assert [name for name, _ in events] == ["service_degraded", "secret_rotated", "service_recovered"]
    assert CANARY not in str(events)
    bao.put("app/db", password=CANARY)


def test_many_references_are_read_with_one_log_in(bao: Bao) -> None:
    for number in range(20):
        bao.put(f"many/{number}", value=str(number))
    member = Member(bao, "many", policy=f'path "{MOUNT}/data/many/*" {{ capabilities = ["read"] }}')
    before = log_ins(bao)
    named = {f"n{number}": f"vault://{MOUNT}/many/{number}#value" for number in range(20)}
    secrets = open_secrets(member.settings(**named), member.environ)
    assert [secrets.get(f"n{number}").reveal() for number in range(20)] == [str(number) for number in range(20)]
    assert log_ins(bao) == before + 1


def test_a_whole_start_logs_in_once_for_its_key_its_store_and_the_secrets_it_was_given(
    bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bao.put("app/start", key=KEY, store="embedded", dsn="x")
    member = Member(bao, "start", policy=read_line(MOUNT, "app/start"))
    for name, value in member.environ.items():
        monkeypatch.setenv(name, value)
    at = f"vault://{MOUNT}/app/start"
    policy = testing_policy(
        key=f"{at}#key", store=f"{at}#store", state=str(tmp_path / "state"), vault=member.section,
        secrets={"named": {"dsn": f"{at}#dsn"}},
    )  # fmt: skip
    before = log_ins(bao)
    secrets = open_secrets(policy)
    with TestClient(harden(FastAPI(), policy, secrets=secrets), base_url="https://testserver"):
        assert log_ins(bao) == before + 1
    assert log_ins(bao) == before  # and it is over with the application


class TestCommands:
    def write(self, here: Here, member: Member) -> dict[str, str]:
        here.write(
            "garrison.toml",
            f"""
            hosts = ["shop.example.com"]
            [vault]
            address = "{member.bao.url}"
            ca = "{member.bao.ca}"
            role_id = "env:ROLE"
            secret_id = "env:SECRET_ID"
            [secrets.named]
            db = "{DB}"
            other = "vault://{MOUNT}/other/db#password"
            """,
        )
        return member.environ

    def test_doctor_says_which_step_fails_and_what_to_do_and_shows_no_value(self, here: Here, bao: Bao) -> None:
        environ = self.write(here, Member(bao, "ill"))
        ran = here.run("secrets", "doctor", "--format", "json", **environ)
        assert ran.code == 1
        assert [step["ok"] for step in ran.json] == [True, True, True, False]
        assert read_line(MOUNT, "other/db") in ran.json[-1]["remedy"]
        ran = here.run("secrets", "doctor", **{**environ, "SECRET_ID": "wrong"})
        assert ran.code == 1
        assert "✗ the log-in by approle" in ran.flat
        assert CANARY not in ran.out

    def test_the_policy_it_writes_is_enough_and_no_more(self, here: Here, bao: Bao) -> None:
        written = here.run("secrets", "policy", **self.write(here, Member(bao, "unused")))
        member = Member(bao, "least", policy=written.out)
        environ = self.write(here, member)
        assert here.run("secrets", "doctor", **environ).code == 0
        bao.put("third", a="b")
        with pytest.raises(SecretRefused, match="permission"):
            member.resolver().read(f"vault://{MOUNT}/third#a")


@pytest.mark.parametrize(
    "where",
    ["kv/../sys#a", "kv/app/db", "/kv/app#a", "kv/app#", "kv#a", "kv/a//b#c", "kv/a?x=1#b", "kv/%2e%2e/x#a", "kv/.x#a"],
)
def test_a_reference_that_climbs_or_says_too_little_is_none(where: str) -> None:
    with pytest.raises(ValueError, match="vault:"):
        Resolver.from_policy(Policy(), {}).read(f"vault://{where}")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "hvac", None)
    section = {"address": "https://localhost:1", "auth": "token", "token": "env:T"}
    with pytest.raises(SourceAway) as caught:
        Resolver.from_policy(Policy(vault=section), {"T": "x"}).read(DB)
    assert "garrison[vault]" in caught.value.remedy
