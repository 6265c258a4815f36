"""Credentials that OpenBao makes at a real PostgreSQL: renewed, replaced in time, and given back. Time is an argument;
the server's is its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # it tells no types
import pytest

from garrison.policy.reference import parse_reference
from garrison.secrets import SecretMissing, SecretRefused, SecretsUnresolved
from garrison.secrets.errors import LeaseAtRisk, NotPermitted
from garrison.secrets.lease import EARLIEST, LATEST, Lease, due, retry_wait
from garrison.secrets.leases import LOOK_LINE, renew_line, revoke_line, take_line
from garrison.secrets.secret import Secret
from garrison.secrets.source_lease import written
from tests.support.bao import MOUNT
from tests.support.leasing import Leasing, asked

from .leasing import Tenant, user

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]
HOUR = 3600.0


def test_an_address_is_written_with_a_user_that_the_server_made_and_took_back_at_the_end(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "whole")
    secrets = tenant.open()
    dsn = secrets.get("db.dsn")
    assert asked(dsn.reveal(), "SELECT session_user::text") == [user(dsn)]
    lease = tenant.leases.current(tenant.place)
    assert tenant.users() == {user(dsn)}
    secrets.close()
    assert tenant.users() == set()
    with pytest.raises(Exception, match="invalid lease"):
        leasing.bao.root.sys.read_lease(lease.id)
    with pytest.raises(asyncpg.InvalidPasswordError):  # nobody by that name; the control is above
        asked(dsn.reveal(), "SELECT 1")


def test_two_fields_of_one_reading_are_of_one_lease(leasing: Leasing) -> None:
    named = {"user": "lease://database/creds/pair#username", "password": "lease://database/creds/pair#password"}
    no_renewal = "\n".join((take_line("database/creds/pair"), revoke_line("database/creds/pair")))
    tenant = Tenant(leasing, "pair", named=named, lines=no_renewal)
    tenant.leases._now = lambda: time.monotonic() * 1e9  # each look at a lease finds that it is time for another
    parts = urlsplit(leasing.url)

    def log_in(name: Secret[str], password: Secret[str]) -> object:
        mine = f"postgresql://{name.reveal()}:{password.reveal()}@{parts.hostname}:{parts.port}{parts.path}"
        return asked(mine, "SELECT session_user::text")

    secrets, seen = tenant.open(), set()
    for _ in range(3):
        secrets.refresh()
        name, password = secrets.get_all("user", "password")
        assert log_in(name, password) == [name.reveal()]
        seen.add(name.reveal())
    assert len(seen) == 3
    with pytest.raises(asyncpg.InvalidPasswordError):  # the control: read one after the other, they are of two leases
        log_in(*(tenant.resolver.read(text) for text in named.values()))
    secrets.close()


def test_a_lease_is_renewed_in_time_and_replaced_when_its_longest_life_cuts_that_short(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "long")
    first = tenant.leases.current(tenant.place)
    assert tenant.leases.due() == EARLIEST * HOUR
    tenant.now += EARLIEST * HOUR + 1
    assert tenant.leases.current(tenant.place).id == first.id
    assert tenant.leases.current(tenant.place).ends_at == tenant.now + HOUR
    leasing.role("long", "1m", "1m")  # as if an hour of its life was all that is left
    tenant.now += EARLIEST * HOUR + 1
    second = tenant.leases.current(tenant.place)
    assert second.id != first.id
    assert len(tenant.users()) == 2  # the old one is good until its users have let go
    tenant.leases.close()
    assert tenant.users() == set()


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_many_processes_do_not_come_at_once(chance: float) -> None:
    assert 100 + EARLIEST * 60 <= due(100, 60, chance) <= 100 + LATEST * 60
    assert due(100, 60, 0.0) < due(100, 60, 1.0)


def test_a_server_that_fails_is_asked_again_ever_later_and_at_the_end_of_the_lease() -> None:
    waits = [retry_wait(failures, 1000) for failures in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[0] == 0.5
    assert waits[-1] == 15
    assert retry_wait(5, 2.0) == 2.0
    assert retry_wait(9, -1.0) == 15


class TestLettingGo:
    def replaced(self, tenant: Tenant) -> str:
        """Time passes until the lease in use can't be renewed any more; its user."""
        (old,) = tenant.users()
        tenant.leasing.role(tenant.name, "1m", "1m")
        tenant.now += LATEST * HOUR
        return old

    def test_the_old_credential_is_given_back_a_grace_after_its_users_were_told(self, leasing: Leasing) -> None:
        tenant = Tenant(leasing, "graceful")
        secrets = tenant.open()
        told: list[str] = []
        secrets.on_change("db.dsn", lambda new: told.append(user(new)))
        old = self.replaced(tenant)
        reading = secrets.read()
        tenant.now += 11
        secrets.read()
        assert old in tenant.users()  # nobody has been told yet
        secrets.put_to_use(reading)
        assert told == [user(secrets.get("db.dsn"))]
        tenant.now += 9
        assert tenant.leases.due() == pytest.approx(1)
        secrets.refresh()
        assert old in tenant.users()
        tenant.now += 2
        secrets.refresh()
        assert tenant.users() == {told[0]}
        secrets.close()

    def test_it_stays_as_long_as_a_listener_is_busy_with_it(self, leasing: Leasing) -> None:
        tenant = Tenant(leasing, "busy")
        secrets = tenant.open()
        old = self.replaced(tenant)

        async def run() -> None:
            done = asyncio.Event()

            async def changed(new: Secret[str]) -> None:
                await done.wait()

            secrets.on_change("db.dsn", changed)
            secrets.put_to_use(await asyncio.to_thread(secrets.read))
            tenant.now += 20
            secrets.put_to_use(await asyncio.to_thread(secrets.read))
            assert old in await asyncio.to_thread(tenant.users)
            done.set()
            await asyncio.sleep(0.01)
            await asyncio.to_thread(secrets.read)
            assert old not in await asyncio.to_thread(tenant.users)

        asyncio.run(run())
        secrets.close()

    @pytest.mark.parametrize("kind", ["raises", "fails later"])
    def test_it_is_not_taken_from_a_listener_that_failed(self, leasing: Leasing, kind: str) -> None:
        tenant = Tenant(leasing, f"stuck{len(kind)}")
        secrets = tenant.open()

        def raises(new: Secret[str]) -> None:
            raise ValueError(new.reveal())

        async def fails(new: Secret[str]) -> None:
            await asyncio.sleep(0)
            raises(new)

        async def run() -> None:
            secrets.put_to_use(await asyncio.to_thread(secrets.read))
            await asyncio.sleep(0.01)

        secrets.on_change("db.dsn", raises if kind == "raises" else fails)
        old = self.replaced(tenant)
        asyncio.run(run())
        tenant.now += 20
        secrets.refresh()
        assert old in tenant.users()
        assert tenant.told("secret_rotation_failed") == [{"name": "db.dsn", "error": "ValueError"}]
        secrets.close()
        assert tenant.users() == set()

    def test_an_async_listener_without_a_loop_is_a_failed_one(self, leasing: Leasing) -> None:
        tenant = Tenant(leasing, "loopless")
        secrets = tenant.open()

        async def changed(new: Secret[str]) -> None:
            return

        secrets.on_change("db.dsn", changed)
        self.replaced(tenant)
        secrets.refresh()
        assert tenant.told("secret_rotation_failed") == [{"name": "db.dsn", "error": "RuntimeError"}]
        secrets.close()


def test_what_was_ended_behind_our_back_is_replaced_at_the_next_look(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "ended")
    secrets = tenant.open()
    first = tenant.leases.current(tenant.place)
    leasing.bao.root.sys.revoke_lease(first.id)
    secrets.refresh()
    assert secrets.get("db.dsn") is not None
    assert tenant.leases.current(tenant.place).id == first.id  # the control: nobody has looked
    tenant.now += 31
    assert secrets.refresh() == ["db.dsn"]
    assert tenant.users() == {user(secrets.get("db.dsn"))}
    secrets.close()


def test_a_lease_is_replaced_before_the_log_in_that_it_hangs_on_ends(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "hanging")
    first = tenant.leases.current(tenant.place)
    role = leasing.bao.root.auth.approle
    role.create_or_update_approle(
        "tenant-hanging", token_policies=["tenant-hanging"], token_ttl="1m", token_max_ttl="1m"
    )
    assert tenant.leases.due() == 0.5 * HOUR
    tenant.now += 0.5 * HOUR - 1
    assert tenant.leases.current(tenant.place).id == first.id  # due a second later, with the token
    leasing.bao.root.auth.token.renew(first.log_in.token)
    tenant.vault._life = 10 * HOUR  # what it was granted at first: the renewal falls short of it
    tenant.now += 1
    second = tenant.leases.current(tenant.place)
    assert second.id != first.id
    assert second.log_in is not first.log_in
    assert first.log_in.auth.token.lookup_self()  # the old one is good while its lease is let go of
    tenant.leases.close()
    tenant.vault.close()
    for lease in (first, second):
        with pytest.raises(Exception, match="permission denied"):
            lease.log_in.auth.token.lookup_self()


def test_a_given_token_that_is_about_to_end_with_all_leases_is_told_until_another_stands_in_its_place(
    leasing: Leasing,
) -> None:
    tenant = Tenant(leasing, "given", section={"auth": "token", "token": "env:T"})
    create = leasing.bao.root.auth.token.create
    given = [create(policies=["tenant-given"], ttl="1h", renewable=False)["auth"]["client_token"] for _ in range(2)]
    tenant.environ["T"] = given[0]
    secrets = tenant.open()
    first = tenant.leases.current(tenant.place)
    tenant.now += 0.5 * HOUR + 1
    secrets.refresh()
    secrets.refresh()
    (told,) = tenant.told("service_degraded")
    assert "Put a new one in its place. The log-in in use ends in 1799 s." in told["error"]
    tenant.environ["T"] = given[1]
    tenant.now += 0.25 * HOUR
    assert secrets.refresh() == ["db.dsn"]
    assert tenant.told("service_recovered") == [{"service": "leases"}]
    leasing.bao.root.auth.token.revoke(first.log_in.token)  # its end, with all that hangs on it
    leasing.bao.wait(lambda: len(tenant.users()) == 1)
    assert asked(secrets.get("db.dsn").reveal(), "SELECT 1") == [1]
    secrets.close()


def test_a_new_log_in_that_is_refused_leaves_the_old_one_in_use(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "spent")
    secrets = tenant.open()
    leasing.bao.root.auth.approle.create_or_update_approle(
        "tenant-spent", token_policies=["tenant-spent"], token_ttl="1m", token_max_ttl="1m"
    )
    good, tenant.environ["SECRET_ID"] = tenant.environ["SECRET_ID"], "spent"
    tenant.vault._life = 10 * HOUR  # what it was granted at first: the renewal falls short of it
    tenant.now += 0.5 * HOUR
    assert secrets.refresh() == []
    (told,) = tenant.told("service_degraded")
    assert "log-in by AppRole" in told["error"]
    tenant.environ["SECRET_ID"] = good
    tenant.now += HOUR
    assert secrets.refresh() == ["db.dsn"]
    assert tenant.told("service_recovered") == [{"service": "leases"}]
    secrets.close()


def test_a_user_that_the_database_does_not_let_go_is_told(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "owner")
    leasing.bao.root.write(
        "database/roles/owner", db_name="notes", default_ttl="1h", revocation_statements=["SELECT 1 / 0"],
        creation_statements=["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}'"],
    )  # fmt: skip
    secrets = tenant.open()
    secrets.close()
    (told,) = tenant.told("service_degraded")
    assert "was not given back" in told["error"]
    leasing.bao.root.sys.revoke_force("database/creds/owner")


def test_with_its_token_revoked_it_is_replaced_at_the_next_look(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "orphan")
    first = tenant.leases.current(tenant.place)
    leasing.bao.root.auth.token.revoke(first.log_in.token)
    leasing.bao.wait(lambda: not tenant.users())  # the server ends what hangs on it
    tenant.now += 31
    second = tenant.leases.current(tenant.place)
    assert tenant.users() == {second.fields["username"].reveal()}
    tenant.leases.close()


class TestAway:
    def test_a_server_killed_sealed_and_back_costs_no_value_while_the_lease_lasts(self, leasing: Leasing) -> None:
        tenant = Tenant(leasing, "patient")
        secrets = tenant.open()
        dsn, bao = secrets.get("db.dsn"), leasing.bao
        try:
            bao.kill()
            tenant.now += LATEST * HOUR
            secrets.refresh()
            assert secrets.get("db.dsn") == dsn
            assert asked(dsn.reveal(), "SELECT 1") == [1]
            (first,) = tenant.told("service_degraded")
            assert f"good for {(1 - LATEST) * HOUR:.0f} s more" in first["error"]
            assert tenant.leases.due() == 0.5
            bao.start()
            with pytest.raises(LeaseAtRisk, match="sealed"):
                tenant.leases.current(tenant.place)
            assert tenant.told("secret_expired") == []
            tenant.now += HOUR
            for _ in range(2):
                secrets.refresh()
            assert tenant.told("secret_expired") == [{"name": "db.dsn"}]
            assert secrets.get("db.dsn") == dsn
        finally:
            bao.kill()
            bao.start()
            bao.unseal()
        secrets.refresh()
        assert [name for name, _ in tenant.events][-1] == "service_recovered"
        assert asked(secrets.get("db.dsn").reveal(), "SELECT 1") == [1]
        assert dsn.reveal() not in str(tenant.events)
        secrets.close()

    def test_it_stops_the_start(self, leasing: Leasing) -> None:
        tenant = Tenant(leasing, "early", section={"address": "https://localhost:1"})
        with pytest.raises(SecretsUnresolved, match="can't be reached"):
            tenant.open()

    def test_what_a_killed_process_took_ends_by_itself(self, leasing: Leasing) -> None:
        tenant = Tenant(leasing, "killed", ttl="1s", max_ttl="1s")
        dsn = tenant.open().get("db.dsn")
        assert tenant.users() == {user(dsn)}
        leasing.bao.wait(lambda: not tenant.users())

    def test_a_database_that_is_away_is_said_and_not_called_an_unreachable_server(self, leasing: Leasing) -> None:
        root = leasing.bao.root
        root.write(
            "database/config/gone", plugin_name="postgresql-database-plugin", allowed_roles="*",
            connection_url="postgresql://{{username}}:{{password}}@127.0.0.1:1/x", username="a", password="b",
            verify_connection=False,
        )  # fmt: skip
        tenant = Tenant(leasing, "astray")
        root.write("database/roles/astray", db_name="gone", creation_statements=["SELECT 1"], default_ttl="1h")
        with pytest.raises(SecretsUnresolved, match=r"failed at lease://database/creds/astray.*reaches their database"):
            tenant.open()


class TestRights:
    def test_without_the_right_to_take_it_the_start_is_refused_with_the_line_that_mends_it(
        self, leasing: Leasing
    ) -> None:
        tenant = Tenant(leasing, "barred", lines=LOOK_LINE)
        with pytest.raises(SecretsUnresolved) as caught:
            tenant.open()
        (error,) = caught.value.failures.values()
        line = take_line(tenant.place)
        assert line in error.remedy
        leasing.bao.root.sys.create_or_update_policy("tenant-barred", line)
        assert tenant.open().get("db.dsn").reveal()
        tenant.vault.close()

    def test_without_the_right_to_renew_it_is_replaced_and_the_line_is_told_once(self, leasing: Leasing) -> None:
        lines = "\n".join((take_line("database/creds/short"), revoke_line("database/creds/short"), LOOK_LINE))
        tenant = Tenant(leasing, "short", lines=lines)
        secrets = tenant.open()
        tenant.now += LATEST * HOUR
        assert secrets.refresh() == ["db.dsn"]
        tenant.now += LATEST * HOUR
        assert secrets.refresh() == ["db.dsn"]
        (told,) = tenant.told("service_degraded")
        assert renew_line(tenant.place) in told["error"]
        secrets.close()

    def test_without_the_right_to_give_it_back_it_ends_with_the_log_in_and_the_line_is_told(
        self, leasing: Leasing
    ) -> None:
        lines = "\n".join((take_line("database/creds/kept"), renew_line("database/creds/kept"), LOOK_LINE))
        tenant = Tenant(leasing, "kept", lines=lines)
        secrets = tenant.open()
        secrets.close()
        (told,) = tenant.told("service_degraded")
        assert revoke_line(tenant.place) in told["error"]
        leasing.bao.wait(lambda: not tenant.users())

    def test_rights_to_one_role_are_no_rights_to_another(self, leasing: Leasing) -> None:
        mine, theirs = Tenant(leasing, "mine"), Tenant(leasing, "theirs")
        lease = theirs.leases.current(theirs.place)
        call = mine.vault.logged_in
        with pytest.raises(NotPermitted):
            mine.leases.current(theirs.place)
        for what in ("renew", "revoke"):
            with pytest.raises(NotPermitted):
                call(lambda client, to=what: mine.vault.ask("it", lambda: client.write(f"sys/leases/{to}/{lease.id}")))
        theirs.leases.close()


def test_what_has_no_lease_or_no_such_field_or_role_is_refused(leasing: Leasing) -> None:
    leasing.bao.put("app/plain", a="b")
    lines = (
        f'{leasing.lines("odd")}\npath "{MOUNT}/*" {{ capabilities = ["read"] }}\n{take_line("database/creds/none")}'
    )
    tenant = Tenant(leasing, "odd", lines=lines)
    with pytest.raises(SecretRefused, match="no lease"):
        tenant.resolver.read(f"lease://{MOUNT}/data/app/plain#a")
    with pytest.raises(SecretMissing, match="password, username"):
        tenant.resolver.read("lease://database/creds/odd#passwd")
    with pytest.raises(SecretRefused):
        tenant.resolver.read("lease://database/creds/none#password")
    with pytest.raises(SecretMissing):
        tenant.resolver.read(f"lease://{MOUNT}/data/app/none#a")
    tenant.leases.close()
    assert tenant.users() == set()


def test_a_process_that_ends_before_it_serves_gives_back_what_it_took(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "brief")
    script = (
        "import json, os, sys; from garrison import Policy; from garrison.secrets import open_secrets;"
        "secrets = open_secrets(Policy(**json.loads(sys.argv[1])), os.environ);"
        "print(secrets.get('db.dsn').reveal()); raise SystemExit('the start is refused')"
    )
    given = {"vault": {**tenant.policy.given["vault"]}, "secrets": {"named": {"db.dsn": leasing.template("brief")}}}
    ran = subprocess.run(
        [sys.executable, "-c", script, json.dumps(given)], env={**os.environ, **tenant.environ}, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.stderr == "the start is refused\n"
    assert "-brief-" in ran.stdout
    assert tenant.users() == set()


def test_readings_at_once_take_one_lease(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "crowd")
    with ThreadPoolExecutor(8) as pool:
        read = pool.map(tenant.resolver.read, [leasing.template("crowd")] * 16)
        assert len({secret.reveal() for secret in read}) == 1
    assert len(tenant.users()) == 1
    tenant.leases.close()


def test_a_forked_process_takes_its_own_and_gives_nothing_back_that_it_inherited(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "forked")
    secrets = tenant.open()
    mine = user(secrets.get("db.dsn"))
    child = os.fork()
    if not child:  # pragma: no cover - another process
        code = 1
        try:
            code = 0 if secrets.refresh() == ["db.dsn"] and user(secrets.get("db.dsn")) != mine else 2
            secrets.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert tenant.users() == {mine}
    assert tenant.vault.client().auth.token.lookup_self()
    secrets.close()
    assert tenant.users() == set()


def test_no_character_of_a_password_leads_an_address_elsewhere() -> None:
    fields = {"username": Secret("v-app'1"), "password": Secret("a@evil.example:1/x?sslmode=disable#{username}é")}
    lease = Lease("x", fields, 60, 60, 30, 0)
    address = written(parse_reference("lease://db/creds/a#postgresql://{username}:{password}@db.internal/shop"), lease)
    parts = urlsplit(address.reveal())
    assert (parts.hostname, parts.port, parts.path, parts.query, parts.fragment) == (
        "db.internal",
        None,
        "/shop",
        "",
        "",
    )
    assert "evil" not in f"{lease!r}"


@pytest.mark.parametrize(
    "rest",
    [
        "password", "postgresql://{username}:{password}@db.internal:5432/shop?sslmode=verify-full&application_name=shop",
        "amqps://{username}:{password}@[::1]:5671/%2F", "https://s3.example.com/?id={access_key}&key={secret_key}",
    ],
)  # fmt: skip
def test_a_field_or_an_address_with_fields_is_a_reference(rest: str) -> None:
    assert parse_reference(f"lease://database/creds/shop#{rest}").name.endswith(rest)


@pytest.mark.parametrize(
    "text",
    [
        "lease:database/creds/shop#x", "lease://database/creds/shop", "lease://database#x", "lease://../creds/shop#x",
        "lease://database/creds/shop#postgresql://shop:hunter2@db/shop?user={username}",
        "lease://database/creds/shop#postgresql://{username}:hunter2@db/shop", "lease://database/creds/shop#{password}",
        "lease://database/creds/shop#postgresql://shop:hunter2@db/shop", "lease://database/creds/shop#p://{a}\n@x",
        "lease://database/creds/shop#p://{{a}}@x", "lease://database/creds/shop#p://{}@x", "lease://db/creds/%2e#x",
    ],
)  # fmt: skip
def test_what_climbs_says_too_little_or_holds_a_password_is_no_reference(text: str) -> None:
    with pytest.raises(ValueError, match="lease:") as caught:
        parse_reference(text)
    assert "hunter2" not in str(caught.value)


def test_a_failure_for_one_name_is_not_half_of_another_lease_for_the_next(leasing: Leasing) -> None:
    named = {"user": "lease://database/creds/half#username", "password": "lease://database/creds/half#password"}
    tenant = Tenant(leasing, "half", named=named)
    secrets = tenant.open()
    tenant.now += LATEST * HOUR
    asks, kept = [0], tenant.leases._kept

    def once(place: str, lease: Lease) -> Any:
        asks[0] += 1
        if asks[0] == 1:
            raise SecretRefused("x", "y", "z")
        return kept(place, lease)

    tenant.leases._kept = once  # type: ignore[method-assign]
    _, failed = secrets.read()
    assert set(failed) == {"user", "password"}
    assert asks == [1]
    secrets.close()
