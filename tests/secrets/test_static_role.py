"""Users that stay, whose passwords OpenBao replaces at a real PostgreSQL. Time is an argument."""

from __future__ import annotations

import asyncpg  # type: ignore[import-untyped]  # it tells no types
import pytest

from garrison.secrets import SecretRefused
from garrison.secrets.leases import take_line
from garrison.secrets.secret import Secret
from garrison.secrets.static_role import static_lease, wait
from garrison.secrets.vault import OWN_LINES
from tests.cli.conftest import here as here
from tests.cli.running import Here
from tests.support.leasing import Leasing, asked

from .leasing import Tenant, user

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]
HOUR = 3600.0


def staying(leasing: Leasing, name: str, **more: object) -> Tenant:
    """An application that uses the user `name`, which stays."""
    place = leasing.static_role(name)
    named = {"db.dsn": leasing.template(name, "static-creds"), "db.user": f"lease://{place}#username"}
    return Tenant(leasing, f"of_{name}", named=named, lines=take_line(place), token=("10h", "20h"), **more)  # type: ignore[arg-type]


def test_a_password_that_the_server_replaced_on_time_is_put_to_use(leasing: Leasing) -> None:
    tenant = staying(leasing, "stays")
    secrets = tenant.open()
    old = secrets.get("db.dsn")
    assert user(old) == secrets.get("db.user").reveal() == "stays"
    assert asked(old.reveal(), "SELECT session_user::text") == ["stays"]
    assert HOUR - 300 < tenant.leases.due() < HOUR
    told: list[str] = []
    secrets.on_change("db.dsn", lambda new: told.append(new.reveal()))
    leasing.rotate("stays")
    assert secrets.refresh() == []  # the control: nobody has asked
    with pytest.raises(asyncpg.InvalidPasswordError):
        asked(old.reveal(), "SELECT 1")
    tenant.now += HOUR
    assert secrets.refresh() == ["db.dsn"]
    assert told == [secrets.get("db.dsn").reveal()]
    assert asked(told[0], "SELECT session_user::text") == ["stays"]
    assert HOUR - 300 < tenant.leases.due() < HOUR
    secrets.close()
    assert [name for name, _ in tenant.events] == ["secret_rotated"]  # nothing was there to be given back


def test_one_that_somebody_replaced_before_its_time_is_found_at_the_next_look(leasing: Leasing) -> None:
    tenant = staying(leasing, "early_bird")
    secrets = tenant.open()
    leasing.rotate("early_bird")
    tenant.now += 31
    assert secrets.refresh() == ["db.dsn"]
    assert asked(secrets.get("db.dsn").reveal(), "SELECT 1") == [1]
    secrets.close()


def test_while_the_server_is_late_it_is_asked_ever_less_often() -> None:
    fields = {"password": Secret("one")}
    answer = {"ttl": 10, "password": "one"}
    lease = static_lease("database/static-creds/a", answer, fields, 100.0, None)
    assert (lease.due_at, lease.ends_at) == (109.0, 110.0)
    lease = static_lease("database/static-creds/a", {**answer, "ttl": 0}, fields, 110.5, lease)
    assert (lease.due_at, lease.ends_at) == (110.75, 110.0)
    lease = static_lease("database/static-creds/a", {**answer, "ttl": 0}, fields, 126.0, lease)
    assert (lease.due_at, lease.ends_at) == (128.0, 110.0)
    new = static_lease("database/static-creds/a", {**answer, "ttl": 9}, {"password": Secret("two")}, 128.0, lease)
    assert (new.due_at, new.ends_at) == (136.0, 137.0)
    waits = [wait(late) for late in (-5, 0, 1, 5, 60, 1e6)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.25, 15)


def test_a_server_that_is_away_costs_no_value_and_the_seconds_that_are_left_are_told(leasing: Leasing) -> None:
    tenant = staying(leasing, "lonely", section={"timeout": 3})
    secrets = tenant.open()
    dsn = secrets.get("db.dsn")
    leasing.bao.kill()
    try:
        tenant.now += HOUR - 100
        secrets.refresh()
        (told,) = tenant.told("service_degraded")
        assert "the password of database/static-creds/lonely can't be read again" in told["error"]
        assert "the one in use is good for" in told["error"]
        assert asked(dsn.reveal(), "SELECT 1") == [1]
        tenant.now += 101
        secrets.refresh()
        assert sorted(details["name"] for details in tenant.told("secret_expired")) == ["db.dsn", "db.user"]
    finally:
        leasing.bao.start()
        leasing.bao.unseal()
    secrets.refresh()
    assert [name for name, _ in tenant.events][-1] == "service_recovered"
    assert asked(secrets.get("db.dsn").reveal(), "SELECT 1") == [1]
    assert dsn.reveal() not in str(tenant.events)
    secrets.close()


def test_commands_ask_for_one_line_of_the_servers_policy_and_say_when_a_replacement_is_due(
    here: Here, leasing: Leasing
) -> None:
    tenant = staying(leasing, "least_static")
    here.write(
        "garrison.toml",
        f"""
        hosts = ["shop.example.com"]
        [vault]
        address = "{leasing.bao.url}"
        ca = "{leasing.bao.ca}"
        role_id = "env:ROLE"
        secret_id = "env:SECRET_ID"
        [secrets.named]
        "db.user" = "lease://database/static-creds/least_static#username"
        """,
    )
    leasing.bao.root.auth.approle.create_or_update_approle("tenant-of_least_static", token_no_default_policy=True)
    written = here.run("secrets", "policy", **tenant.environ).out.strip().splitlines()
    assert sorted(written) == sorted((take_line("database/static-creds/least_static"), *OWN_LINES))
    leasing.bao.root.sys.create_or_update_policy("tenant-of_least_static", "\n".join(written))
    ran = here.run("secrets", "doctor", **tenant.environ)
    assert ran.code == 0, ran.out
    assert "✓ the password of database/static-creds/least_static is replaced in time" in ran.out
    leasing.bao.root.sys.create_or_update_policy("tenant-of_least_static", "\n".join(OWN_LINES))
    assert here.run("secrets", "doctor", **tenant.environ).code == 1


def test_what_has_neither_a_lease_nor_a_time_is_refused() -> None:
    for place in ("database/static-creds/a", "kv/data/a"):
        with pytest.raises(SecretRefused, match="no lease"):
            static_lease(place, {"password": "x", "ttl": None}, {}, 0.0, None)
