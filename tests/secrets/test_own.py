"""What the policy itself refers to: every scheme in every place, a view for each room, and commands that know it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from garrison.core.clock import SYSTEM
from garrison.core.ports import Reveal
from garrison.policy.checks import PolicyUnsafe, refuse_unsafe
from garrison.policy.held import references_in, secret_variables
from garrison.policy.model import Policy
from garrison.policy.own_references import own_references
from garrison.rehearsal import rehearse
from garrison.secrets import SecretDenied, SecretsUnresolved
from garrison.secrets.own import OwnSecrets
from garrison.secrets.resolver import Resolver
from garrison.secrets.vault import read_line
from garrison.stores import StoreAway, build_stores
from garrison.stores.errors import StoreMoved
from garrison.testing import testing_policy
from tests.cli.conftest import here as here
from tests.cli.running import KEY, Here
from tests.support.bao import MOUNT, Bao
from tests.support.valkey import Server

CANARY = "canary-4b1d90"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "valkey") as server:
        server.ask("ACL", "SETUSER", "shop", "on", f">{CANARY}", "~garrison:*", "+@all")
        server.ask("ACL", "SETUSER", "default", "off")
        yield server


def private(path: Path, text: str) -> str:
    path.touch(0o600)
    path.write_text(text)
    return f"file:{path}"


def member(bao: Bao, name: str, lines: str) -> tuple[dict[str, str], dict[str, str]]:
    """`[vault]` for a role with the server policy `lines`, and the environment it logs in with."""
    role, secret = bao.role(name, lines)
    section = {"address": bao.url, "ca": str(bao.ca), "role_id": "env:ROLE", "secret_id": "env:SECRET_ID"}
    return section, {"ROLE": role, "SECRET_ID": secret}


async def reaches(policy: Policy, environ: dict[str, str]) -> bool:
    """Whether the store of `policy` takes its password, in an application that is wired as a real one."""
    from garrison.events.build import build_bus
    from garrison.wire import build_services

    bus = build_bus(policy, SYSTEM)
    services = build_services(policy, {"GARRISON_KEY": KEY, **environ}, SYSTEM, bus)
    try:
        await services.opening[0]()
        return not services.degraded()
    finally:
        for closed in reversed(services.closing):
            await closed()
        bus.close()


@pytest.mark.anyio
@pytest.mark.parametrize("password", [CANARY, "control: the wrong one"])
async def test_a_store_is_reached_with_a_password_from_a_file(tmp_path: Path, store: Server, password: str) -> None:
    reference = private(tmp_path / "password", password)
    policy = testing_policy(store=f"redis://shop:{reference}@127.0.0.1:{store.port}/0", state=str(tmp_path / "state"))
    assert await reaches(policy, {}) is (password == CANARY)


@pytest.mark.anyio
@pytest.mark.server
@pytest.mark.xdist_group("bao")
async def test_a_store_is_reached_with_a_password_or_a_whole_address_from_openbao(
    tmp_path: Path, store: Server, bao: Bao
) -> None:
    bao.put("own/store", password=CANARY, url=f"redis://shop:{CANARY}@127.0.0.1:{store.port}/0")
    vault, environ = member(bao, "own-store", read_line(MOUNT, "own/store"))
    part = f"redis://shop:vault://{MOUNT}/own/store#password@127.0.0.1:{store.port}/0"
    for address in (part, f"vault://{MOUNT}/own/store#url"):
        policy = testing_policy(store=address, vault=vault, state=str(tmp_path / "state"))
        assert await reaches(policy, environ)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("store", {"store": "file:/nowhere/at/all"}),
        ("store.password", {"store": "redis://u:sealed:store.password@127.0.0.1"}),
        ("events.exports.0.to", {"events": {"exports": [{"to": "env:NOT_SET_ANYWHERE"}]}}),
        ("alerts.receivers.0.to", {"alerts": {"receivers": [{"to": "file:/nowhere/at/all"}]}}),
        ("acme.eab_key", {"acme": {"eab_id": "x", "eab_key": "file:/nowhere/at/all"}}),
    ],
)
def test_what_can_not_be_had_is_found_by_a_check_with_its_key(key: str, values: dict[str, Any]) -> None:
    errors = rehearse(testing_policy(**values), {"GARRISON_KEY": KEY})
    assert [list(error.failures) for error in errors if isinstance(error, SecretsUnresolved)] == [[key]]


def test_a_room_gets_its_own_references_and_reaching_for_anothers_is_refused_and_recorded(tmp_path: Path) -> None:
    """OWASP ASVS 5.0, 13.3.2: least privilege. The control: the room whose reference it is reads it."""
    to, pager = private(tmp_path / "to", f"https://u:{CANARY}@siem.example/"), private(tmp_path / "pager", "x")
    policy = Policy(events={"exports": [{"to": to}]}, alerts={"receivers": [{"to": pager}]})
    events: list[tuple[str, dict[str, Any]]] = []

    def emit(name: str, facts: object = None, /, **details: Any) -> None:
        events.append((name, details))

    own = OwnSecrets(policy, Resolver.from_policy(policy, {}), emit)
    assert CANARY in own.view("events")(to)
    assert events == []
    with pytest.raises(SecretDenied) as caught:
        own.view("reactions")(to)
    assert events == [("secret_denied", {"component": "garrison.reactions", "name": to})]
    assert CANARY not in f"{caught.value}{caught.value.remedy}"


class Rotating:
    """Two references of a policy in files, and a room that renews what it made of the first."""

    def __init__(self, folder: Path, check: Callable[[Reveal], None] = lambda reveal: None) -> None:
        self.to, self.pager = folder / "to", folder / "pager"
        exports = [{"to": private(self.to, "https://first.example/")}]
        alerts = [{"to": private(self.pager, "https://pager.example/")}]
        policy = Policy(events={"exports": exports}, alerts={"receivers": alerts})
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.own = OwnSecrets(policy, Resolver.from_policy(policy, {}), self.emit, check)
        self.reference = exports[0]["to"]
        self.reveal = self.own.view("events")
        self.used = [self.reveal(self.reference)]
        self.wrong: Exception | None = None
        self.own.on_change("events", self.renew)

    def emit(self, name: str, facts: object = None, /, **details: Any) -> None:
        self.events.append((name, details))

    async def renew(self) -> None:
        if self.wrong is not None:
            raise self.wrong
        self.used.append(self.reveal(self.reference))

    async def turn(self) -> list[str]:
        """What a turn of the keeper records."""
        self.events.clear()
        await self.own.put_to_use(await asyncio.to_thread(self.own.read))
        return [name for name, _ in self.events]


@pytest.mark.anyio
async def test_a_new_value_is_put_to_use_by_the_room_that_reads_it_and_by_no_other(tmp_path: Path) -> None:
    one = Rotating(tmp_path)
    assert await one.turn() == []
    one.to.write_text("https://second.example/")
    one.pager.write_text("of a room that does not follow")
    assert await one.turn() == ["secret_rotated"]
    assert one.events == [("secret_rotated", {"name": "events.exports.0.to"})]
    assert one.used == ["https://first.example/", "https://second.example/"]
    assert await one.turn() == []


@pytest.mark.anyio
async def test_a_room_that_can_not_take_a_value_is_asked_again_and_the_error_s_text_is_recorded_nowhere(
    tmp_path: Path,
) -> None:
    one = Rotating(tmp_path)
    one.to.write_text(f"https://{CANARY}.example/")
    one.wrong = ValueError(CANARY)
    assert await one.turn() == ["secret_rotation_failed"]
    assert CANARY not in str(one.events)
    assert await one.turn() == []  # told once
    one.wrong = None
    assert await one.turn() == ["secret_rotated"]  # only now may the old one be taken away
    assert await one.turn() == []
    assert one.used[-1] == f"https://{CANARY}.example/"


@pytest.mark.anyio
async def test_a_source_that_fails_costs_no_value_and_is_told_once(tmp_path: Path) -> None:
    one = Rotating(tmp_path)
    one.to.chmod(0o644)
    assert [await one.turn(), await one.turn()] == [["service_degraded"], []]
    assert one.reveal(one.reference) == "https://first.example/"
    one.to.chmod(0o600)
    assert await one.turn() == ["service_recovered"]
    assert one.used == ["https://first.example/"]


@pytest.mark.anyio
async def test_a_new_address_that_a_start_would_refuse_is_not_put_to_use(tmp_path: Path) -> None:
    policy = Policy(hosts=["shop.example"], key="env:K", secrets={"refresh": 1})

    def check(reveal: Reveal) -> None:
        refuse_unsafe(Policy(**policy.given, events={"exports": [{"to": one.reference}]}), {"K": KEY}, reveal=reveal)

    one = Rotating(tmp_path, check)
    one.to.write_text("http://collector.example/")  # plaintext, off this machine
    assert await one.turn() == ["service_degraded"]
    assert "collector" not in str(one.events)
    one.to.write_text("https://collector.example/")  # control
    assert await one.turn() == ["secret_rotated", "service_recovered"]
    assert one.used == ["https://first.example/", "https://collector.example/"]


@pytest.mark.anyio
async def test_a_store_stays_with_the_old_password_while_the_new_one_is_refused(tmp_path: Path, store: Server) -> None:
    clock, told = SYSTEM, []
    values = {"p": CANARY}

    def reveal(reference: str) -> str:
        return values["p"]

    policy = testing_policy(store=f"redis://shop:env:P@127.0.0.1:{store.port}/0", state=str(tmp_path / "state"))
    stores = build_stores(policy, reveal, clock, lambda away, why: told.append(away))
    await stores.open()
    values["p"] = "not yet known there"
    with pytest.raises(StoreAway) as caught:
        await stores.renew()
    assert values["p"] not in f"{caught.value}{caught.value.why}"
    await stores.records.put("kind", "id", {"a": 1})
    assert not stores.degraded()
    values["p"] = CANARY
    await stores.renew()  # nothing to go over to
    await stores.close()
    assert told == []


@pytest.mark.anyio
async def test_a_running_process_does_not_go_over_to_another_kind_of_store(store: Server) -> None:
    values = {"p": f"redis://shop:{CANARY}@127.0.0.1:{store.port}/0"}
    stores = build_stores(testing_policy(store="env:S"), lambda reference: values["p"], SYSTEM, lambda away, why: None)
    await stores.open()
    values["p"] = f"redis://shop:{CANARY}@127.0.0.1:{store.port}/1"
    with pytest.raises(StoreMoved):
        await stores.renew()
    assert not stores.degraded()
    await stores.close()


@pytest.mark.parametrize(
    ("values", "safe"),
    [
        ({"store": "REF"}, "rediss://store.example/0"),
        ({"events": {"exports": [{"to": "REF"}]}}, "https://siem.example/"),
        ({"alerts": {"receivers": [{"to": "REF"}]}}, "https://pager.example/"),
    ],
)
def test_a_plaintext_address_is_refused_wherever_it_is_kept(tmp_path: Path, values: Any, safe: str) -> None:
    """The control is the encrypted address in the same place."""
    secure = private(tmp_path / "secure", safe)
    plain = private(tmp_path / "plain", safe.replace("rediss:", "redis:").replace("https:", "http:"))

    def start(reference: str) -> None:
        from ast import literal_eval

        policy = Policy(hosts=["a.example"], **literal_eval(repr(values).replace("REF", reference)))
        resolver = Resolver.from_policy(policy, {})
        refuse_unsafe(policy, {"GARRISON_KEY": KEY}, reveal=lambda asked: resolver.read(asked).reveal())

    start(secure)
    with pytest.raises(PolicyUnsafe, match=r"plaintext|without TLS"):
        start(plain)


def test_no_source_is_asked_over_a_link_that_a_check_objects_to() -> None:
    section = {"address": "http://vault.example:8200", "auth": "token", "token": "env:T"}
    policy = Policy(hosts=["a.example"], store="vault://kv/app/store#url", vault=section)
    asked: list[str] = []
    with pytest.raises(PolicyUnsafe, match="P073"):
        refuse_unsafe(policy, {"GARRISON_KEY": KEY}, reveal=lambda text: asked.append(text) or "")
    assert asked == []
    allowed = policy.model_copy(update={"allow_insecure_link": ("vault",)})  # the control
    refuse_unsafe(allowed, {"GARRISON_KEY": KEY}, reveal=lambda text: asked.append(text) or "embedded")
    assert asked


class TestCommands:
    def write(self, here: Here, bao: Bao) -> None:
        here.write(
            "garrison.toml",
            f"""
            hosts = ["shop.example.com"]
            key = "env:GARRISON_KEY"
            store = "rediss://shop:vault://{MOUNT}/own/store#password@store.example/0"
            [vault]
            address = "{bao.url}"
            ca = "{bao.ca}"
            role_id = "env:ROLE"
            secret_id = "env:SECRET_ID"
            [[events.exports]]
            to = "vault://{MOUNT}/own/siem#url"
            [[alerts.receivers]]
            to = "env:PAGER"
            """,
        )

    @pytest.mark.server
    @pytest.mark.xdist_group("bao")
    def test_who_policy_and_doctor_know_them(self, here: Here, bao: Bao) -> None:
        self.write(here, bao)
        bao.put("own/store", password=CANARY)
        bao.put("own/siem", url=f"https://u:{CANARY}@siem.example/")
        rows = here.run("secrets", "who", "--format", "json").json
        assert {row["secret"]: row["readers"] for row in rows} == {
            "key": ["garrison.keyring"],
            "store.password": ["garrison.stores", "garrison.detection"],
            "events.exports.0.to": ["garrison.events"],
            "alerts.receivers.0.to": ["garrison.reactions"],
            "vault.role_id": ["garrison.secrets"],
            "vault.secret_id": ["garrison.secrets"],
        }
        written = here.run("secrets", "policy").out
        assert read_line(MOUNT, "own/store") in written
        assert read_line(MOUNT, "own/siem") in written
        _, environ = member(bao, "own-commands", written)
        environ |= {"GARRISON_KEY": KEY, "PAGER": f"json://u:{CANARY}@127.0.0.1:1"}
        healthy = here.run("secrets", "doctor", **environ)
        assert healthy.code == 0, healthy.out
        ill = here.run("secrets", "doctor", **{**environ, "PAGER": ""})
        assert ill.code == 1
        assert "✗ alerts.receivers.0.to from env:PAGER" in ill.flat
        assert CANARY not in healthy.out + ill.out


def test_a_reference_of_two_rooms_and_a_shared_one_are_told_apart() -> None:
    policy = Policy(store="redis://u:env:PW@127.0.0.1", key="env:K", secrets={"named": {"db": "env:PW"}})
    assert {(one.room, one.key) for one in own_references(policy)} == {
        ("keyring", "key"), ("stores", "store.password"), ("detection", "store.password"),
    }  # fmt: skip


def test_passwords_in_the_store_s_address_are_held_as_other_secrets_are() -> None:
    policy = Policy(store="redis+sentinel://u:file:/etc/shop/pw@127.0.0.1/p?sentinel_password=env:SENTINEL")
    assert {"file:/etc/shop/pw", "env:SENTINEL"} <= references_in(policy)
    assert secret_variables(policy, {"SENTINEL": "x", "OTHER": "y"}) == {"SENTINEL"}
