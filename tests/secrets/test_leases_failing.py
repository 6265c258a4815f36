"""Leases where something fails: servers away, rights that are missing, log-ins that end. Time is an argument."""

from __future__ import annotations

import re
from typing import Any

import pytest

from garrison.secrets import SecretMissing, SecretRefused, SecretsUnresolved
from garrison.secrets.errors import LeaseAtRisk, NotPermitted
from garrison.secrets.lease import LATEST, Lease, retry_wait
from garrison.secrets.leases import LOOK_LINE, renew_line, revoke_line, take_line
from tests.support.bao import MOUNT
from tests.support.leasing import Leasing, asked

from .leasing import Tenant, user

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]
HOUR = 3600.0


def test_a_server_that_fails_is_asked_again_ever_later_and_at_the_end_of_the_lease() -> None:
    waits = [retry_wait(failures, 1000) for failures in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[0] == 0.5
    assert waits[-1] == 15
    assert retry_wait(5, 2.0) == 2.0
    assert retry_wait(9, -1.0) == 15


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
    # The server counts seconds while we ask.
    assert re.search(r"Put a new one in its place\. The log-in in use ends in 1[67]\d\d s\.", told["error"])
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
        assert "-killed-" in user(tenant.open().get("db.dsn"))  # it was there, however long this took
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
