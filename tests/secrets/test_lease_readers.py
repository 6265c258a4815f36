"""Who reads leases besides the application's own secrets: commands, a configuration, and rooms of Garrison."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from garrison.config import Config, ConfigInvalid, DatabaseUrl, Live, SettingsConfigDict, load_config
from garrison.core.clock import SYSTEM
from garrison.policy.model import Policy
from garrison.secrets import Keyring
from garrison.secrets.errors import KeyReferenceMalformed, NotPermitted
from garrison.secrets.lease import LATEST
from garrison.secrets.leases import LOOK_LINE, renew_line, revoke_line, take_line
from garrison.secrets.own import OwnSecrets
from garrison.secrets.secret import Secret
from garrison.secrets.vault import OWN_LINES
from tests.cli.conftest import here as here
from tests.cli.running import Here
from tests.support.leasing import Leasing

from .leasing import Tenant, user

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]
HOUR = 3600.0


class TestCommands:
    def write(self, here: Here, tenant: Tenant) -> dict[str, str]:
        bao = tenant.leasing.bao
        here.write(
            "garrison.toml",
            f"""
            hosts = ["shop.example.com"]
            [vault]
            address = "{bao.url}"
            ca = "{bao.ca}"
            role_id = "env:ROLE"
            secret_id = "env:SECRET_ID"
            [secrets.named]
            "db.dsn" = "{tenant.leasing.template(tenant.name)}"
            "db.user" = "lease://{tenant.place}#username"
            """,
        )
        return tenant.environ

    def test_doctor_really_renews_looks_at_and_gives_back_and_shows_no_value(
        self, here: Here, leasing: Leasing
    ) -> None:
        tenant = Tenant(leasing, "ill", lines=take_line("database/creds/ill"))
        bao = leasing.bao
        bao.root.auth.approle.create_or_update_approle("tenant-ill", token_no_default_policy=True)
        bao.root.sys.create_or_update_policy("tenant-ill", "\n".join((take_line(tenant.place), *OWN_LINES)))
        ran = here.run("secrets", "doctor", "--format", "json", **self.write(here, tenant))
        assert ran.code == 1
        told = {step["step"]: step["remedy"] for step in ran.json if not step["ok"]}
        assert list(told) == [
            f"the lease of {tenant.place} is {what}" for what in ("looked at", "renewed", "given back")
        ]
        lines = (LOOK_LINE, renew_line(tenant.place), revoke_line(tenant.place))
        assert all(line in remedy for line, remedy in zip(lines, told.values(), strict=True))
        bao.wait(lambda: not tenant.users())  # it ended with the log-in
        assert "v-approle" not in ran.out

    def test_the_policy_it_writes_is_enough_and_no_more(self, here: Here, leasing: Leasing) -> None:
        tenant = Tenant(leasing, "least", lines=LOOK_LINE)
        environ = self.write(here, tenant)
        leasing.bao.root.auth.approle.create_or_update_approle("tenant-least", token_no_default_policy=True)
        written = here.run("secrets", "policy", **environ).out
        leasing.bao.root.sys.create_or_update_policy("tenant-least", written)
        ran = here.run("secrets", "doctor", **environ)
        assert ran.code == 0, ran.out
        assert tenant.users() == set()
        leasing.role("beside")
        with pytest.raises(NotPermitted):
            tenant.leases.current("database/creds/beside")
        for line in written.splitlines():  # each of them is needed
            if "token" not in line:
                fewer = "\n".join(one for one in written.splitlines() if one != line)
                leasing.bao.root.sys.create_or_update_policy("tenant-least", fewer)
                assert here.run("secrets", "doctor", **environ).code == 1, line

    def test_a_check_takes_a_credential_and_gives_it_back(self, here: Here, leasing: Leasing) -> None:
        tenant = Tenant(leasing, "checked")
        ran = here.run("check", GARRISON_KEY="x" * 3, **self.write(here, tenant))
        assert "lease" not in ran.out
        assert tenant.users() == set()


def test_a_configuration_is_kept_with_its_lease_and_refused_where_nobody_keeps_it(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "config")

    class Shop(Config):
        model_config = SettingsConfigDict(env_prefix="SHOP_")
        dsn: DatabaseUrl

    environ = {**tenant.environ, "SHOP_DSN": leasing.template("config")}
    with pytest.raises(ConfigInvalid, match="nothing renews it"):
        load_config(Shop, (), environ, tenant.policy)
    assert tenant.users() == set()
    live = Live(Shop, (), environ, tenant.policy)
    leases = live._resolve._resolver.leases  # type: ignore[union-attr]
    assert leases is not None
    assert tenant.users() == {user(live.now.dsn)}
    assert 0.4 * HOUR < live._resolve.due() <= 0.65 * HOUR
    told: list[str] = []
    live.on_change("dsn", lambda new: told.append(user(new)))
    leasing.bao.root.sys.revoke_lease(leases.current(tenant.place).id)
    leases._now = lambda: time.monotonic() + 60
    assert live.refresh() == ["dsn"]
    assert told == [user(live.now.dsn)]
    live.close()
    assert tenant.users() == set()


def test_what_a_room_of_garrison_reads_is_kept_and_given_back_when_the_room_has_gone_over(leasing: Leasing) -> None:
    tenant = Tenant(leasing, "room")
    reference = leasing.template("room")
    policy = tenant.policy.model_copy(update={"store": reference})
    own = OwnSecrets(policy, tenant.resolver, lambda name, facts=None, /, **details: None)
    view, gone_over = own.view("stores"), [False]

    async def renew() -> None:
        if not gone_over[0]:
            raise OSError

    own.on_change("stores", renew)
    first = user(Secret(view(reference)))
    leasing.role("room", "1m", "1m")
    tenant.now += LATEST * HOUR
    asyncio.run(own.put_to_use(own.read()))
    assert user(Secret(view(reference))) != first
    tenant.now += 11
    own.read()
    assert first in tenant.users()  # the room could not go over
    gone_over[0] = True
    asyncio.run(own.put_to_use(own.read()))
    own.read()
    assert first not in tenant.users()
    tenant.leases.close()


def test_a_root_key_is_no_lease(tmp_path: Path) -> None:
    with pytest.raises(KeyReferenceMalformed):
        Keyring.from_policy(Policy(key="lease://database/creds/shop#password"), {}, tmp_path, SYSTEM)
