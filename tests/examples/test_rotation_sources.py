"""The reference application keeps serving while what opens its sources is rotated: the sealed file's values, identity,
recipients and signing key, the log-in to OpenBao, and the secret that it shows its identity provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hvac import Client  # type: ignore[import-untyped]  # it tells no types

from examples.notes import Settings
from examples.notes.app import POLICY_FILE, create_app
from garrison import harden
from garrison.policy.load import load
from garrison.policy.model import Policy
from garrison.secrets import Secrets, open_secrets
from garrison.secrets.age import NotOpened, open_sealed
from garrison.secrets.sealed_file import Workshop
from garrison.secrets.sealed_keys import add_identity, make_keys
from garrison.secrets.vault import read_line
from tests.accounts.provider import CLIENT, CLIENT_SECRET, Provider, provider_served
from tests.support.bao import MOUNT, Bao
from tests.support.sealed import Machine, machine

from .site import Site, running
from .test_openid import ANN, BACK, sent_back, who
from .test_rotation import answered, asking, ended

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("bao")]
MAIL = f"vault://{MOUNT}/rotating/mail#password"


class Rotation:
    """What an operator has in hand: the sealed file, a role of OpenBao, and the values as the application has them."""

    def __init__(self, folder: Path, bao: Bao) -> None:
        self.sealed: Machine = machine(folder / "sealed")
        self.sealed.work.set({"oidc": CLIENT_SECRET})
        self.bao = bao
        bao.put("rotating/mail", password="mail-1")
        self.role, secret_id = bao.role("rotating", read_line(MOUNT, "rotating/mail"))
        self.secret_id = folder / "secret-id"
        self.secret_id.touch(0o600)
        self.secret_id.write_text(secret_id)
        self.mails: list[str] = []

    def policy(self, folder: Path, signers: list[str]) -> Policy:
        own = load(POLICY_FILE, {"GARRISON_ENVIRONMENT": "development"}).policy.given
        secrets = {
            **self.sealed.policy.given["secrets"], "refresh": 0.05, "signers": signers,
            "named": {"oidc.secret": "sealed:oidc", "mail.password": MAIL},
            "needs": {"openid": ["oidc.secret"], "mailer": ["mail.*"]},
        }  # fmt: skip
        vault = {
            "address": self.bao.url, "ca": str(self.bao.ca), "role_id": "env:NOTES_TEST_ROLE",
            "secret_id": f"file:{self.secret_id}",
        }  # fmt: skip
        more = {"secrets": secrets, "vault": vault, "environment": "development", "state": str(folder / "garrison")}
        return Policy(**{**own, **more})

    def tokens(self) -> list[str]:
        """The accessors of the role's tokens."""
        found = []
        for accessor in self.bao.root.list("auth/token/accessors")["data"]["keys"]:
            about = self.bao.root.auth.token.lookup_accessor(accessor)["data"]
            found += [accessor] if "rotating" in about["policies"] else []
        return found


async def until(secrets: Secrets, name: str, value: str) -> None:
    async with asyncio.timeout(20):
        while secrets.get(name).reveal() != value:  # noqa: ASYNC110  # nothing tells a test of it
            await asyncio.sleep(0.02)


async def test_no_request_fails_while_keys_and_log_ins_of_the_sources_are_replaced(
    bao: Bao, environ: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Rotation(tmp_path, bao)
    monkeypatch.setenv("NOTES_TEST_ROLE", hand.role)
    monkeypatch.delenv("GARRISON_STATE")
    second = tmp_path / "second"  # the keys of a second person
    policy = hand.policy(tmp_path, [*hand.sealed.policy.secrets.signers, make_keys(second)])
    with provider_served(time.time()) as provider:
        provider.id_claims = ANN
        agreed: dict[str, Any] = {"oidc_issuer": provider.issuer, "oidc_client": CLIENT, "oidc_back": BACK}
        settings = Settings(
            environment="development", data=tmp_path / "data", allow_insecure_fast_hash=True,
            allow_insecure_oidc_http=True, **agreed,
        )  # fmt: skip
        secrets = open_secrets(policy)
        secrets.view("mailer").on_change("mail.password", lambda new: hand.mails.append(new.reveal()))
        app = harden(create_app(settings, policy, secrets), policy, secrets=secrets)
        async with running(app), Site(app, settings).member("bob@example.com") as person:
            some: list[list[int]] = [[] for _ in range(2)]
            asks = [asyncio.create_task(asking(person, found)) for found in some]
            await answered(some)
            site = Site(app, settings)
            await the_client_secret(hand, site, provider, secrets)
            await asyncio.to_thread(the_keys_of_the_sealed_file, hand.sealed, second, policy.secrets.signers)
            await until(secrets, "oidc.secret", "by the new keys")
            await the_log_in(hand, secrets)
            await answered(some)
            await ended(asks)
            assert {status for found in some for status in found} == {200}


async def the_client_secret(hand: Rotation, site: Site, provider: Provider, secrets: Secrets) -> None:
    async with site.visitor() as ann:
        await ann.get(await sent_back(ann))
        assert await who(ann) == "ann@corp.example"
    provider.secret = "the second client secret"
    async with site.visitor() as ann:  # control: the provider takes the old one no more
        await ann.get(await sent_back(ann))
        assert await who(ann) == ""
    await asyncio.to_thread(hand.sealed.work.set, {"oidc": provider.secret})
    await until(secrets, "oidc.secret", provider.secret)
    async with site.visitor() as ann:
        await ann.get(await sent_back(ann))
        assert await who(ann) == "ann@corp.example"


def the_keys_of_the_sealed_file(sealed: Machine, second: Path, signers: Sequence[str]) -> None:
    """As docs/secrets/sealed.md has it: a new identity before the old one, the old recipient out, another signer."""
    old = sealed.work.identity()
    new, *others = add_identity(sealed.work.keys)
    sealed.work.reseal(lambda before: [new if one in others else one for one in before])
    with pytest.raises(NotOpened):  # control: what leaked before opens nothing any more
        open_sealed(sealed.work.read().secrets["oidc"].now.sealed, old)
    by_second = Workshop(sealed.work.path, second, signers)
    by_second.set({"oidc": "by the new keys"})


async def the_log_in(hand: Rotation, secrets: Secrets) -> None:
    """As docs/secrets/vault.md has it: a new secret id in the place of the old, the old destroyed; tokens are lost."""
    approle = hand.bao.root.auth.approle
    old = hand.secret_id.read_text()
    hand.secret_id.write_text(approle.generate_secret_id("rotating")["data"]["secret_id"])
    approle.destroy_secret_id("rotating", old)
    for accessor in hand.tokens():
        hand.bao.root.auth.token.revoke_accessor(accessor)
    hand.bao.put("rotating/mail", password="mail-2")
    await until(secrets, "mail.password", "mail-2")
    assert hand.mails == ["mail-2"]
    stranger = Client(hand.bao.url, verify=str(hand.bao.ca), timeout=30)
    with pytest.raises(Exception, match=r"invalid (secret id|role or secret ID)"):  # control: the old one is refused
        stranger.auth.approle.login(hand.role, old)
