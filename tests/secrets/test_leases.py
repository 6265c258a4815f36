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
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # it tells no types
import pytest

from garrison.policy.reference import parse_reference
from garrison.secrets.lease import EARLIEST, LATEST, Lease, due
from garrison.secrets.leases import revoke_line, take_line
from garrison.secrets.secret import Secret
from garrison.secrets.source_lease import written
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


def test_with_its_token_revoked_it_is_replaced_at_the_next_look(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "orphan")
    first = tenant.leases.current(tenant.place)
    leasing.bao.root.auth.token.revoke(first.log_in.token)
    leasing.bao.wait(lambda: not tenant.users())  # the server ends what hangs on it
    tenant.now += 31
    second = tenant.leases.current(tenant.place)
    assert tenant.users() == {second.fields["username"].reveal()}
    tenant.leases.close()


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
