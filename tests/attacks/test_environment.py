"""Attacks by variables: who can set some variables of the process, and not all. Each works against the plain way.

CWE-15 (external control of system or configuration setting), CWE-454; httpoxy (CVE-2016-5385). Lets pass: who can set
any variable of the process sets its policy; that is the platform's to prevent.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import hvac  # type: ignore[import-untyped]  # it tells no types
import pytest
from dotenv import dotenv_values

from garrison.cli.config import _side
from garrison.config import Config, ConfigInvalid, SecretText, SettingsConfigDict, load_config
from garrison.policy.model import Policy
from garrison.policy.section_vault import VaultSection
from garrison.secrets import SourceAway, open_secrets
from garrison.secrets.resolver import Resolver
from garrison.secrets.secret import Secret
from garrison.secrets.vault import Vault

TOKEN = "canary-token-8f31"
AWAY = "http://vault.invalid:8200"


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """The attacker's: its address, and the tokens that it was shown."""
    shown: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers.get("X-Vault-Token", ""))
            self.send_error(502)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", shown
        server.shutdown()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_in_the_environment_gets_no_token_of_ours_and_that_of_a_plain_client(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A bridge that makes a variable of each header sets HTTP_PROXY for who sends `Proxy:`."""
    with proxy() as (address, shown):
        monkeypatch.setenv(variable, address)
        vault = Vault(VaultSection(address=AWAY, auth="token", token="env:T", timeout=2), lambda text: Secret(TOKEN))
        with pytest.raises(SourceAway):
            vault.read("kv", "app")
        assert shown == []
        with suppress(Exception):  # control: it fails too, and only after the token is gone
            hvac.Client(AWAY, token=TOKEN, timeout=2).auth.token.lookup_self()
        assert TOKEN in shown


class Shop(Config):
    model_config = SettingsConfigDict(env_prefix="SHOP_")

    debug: bool = False
    name: str = "shop"
    token: SecretText | None = None


def test_a_header_that_a_bridge_made_into_a_variable_sets_nothing() -> None:
    assert load_config(Shop, (), {"HTTP_SHOP_DEBUG": "1", "HTTP_SHOP__DEBUG": "1"}).debug is False
    with pytest.raises(ConfigInvalid, match="debug"):  # control: the variable itself counts, and stops production
        load_config(Shop, (), {"SHOP_DEBUG": "1"})


def test_a_value_that_looks_like_a_reference_is_not_followed_a_second_time(tmp_path: Path) -> None:
    """Who can set the value of one secret must not read another by it."""
    environ = {"TOKEN": "env:GARRISON_KEY", "GARRISON_KEY": "q3Wv8LzT1xRkC6pYb0nMd5hJs9gUa2eFi7oQK4yBvXE"}
    policy = Policy(secrets={"named": {"token": "env:TOKEN"}})
    value = open_secrets(policy, environ).get("token").reveal()
    assert value == "env:GARRISON_KEY"
    followed = Resolver.from_policy(policy, environ).read(value)  # control: whoever follows it has the key
    assert followed.reveal() == environ["GARRISON_KEY"]
    config = load_config(Shop, (), {"SHOP_TOKEN": "env:TOKEN", "SHOP_ENVIRONMENT": "development", **environ})
    assert config.token == Secret("env:GARRISON_KEY")


def test_a_reference_in_a_key_that_is_shown_is_not_followed() -> None:
    environ = {"SHOP_NAME": "env:OTHER", "OTHER": TOKEN}
    assert load_config(Shop, (), environ).name == "env:OTHER"
    shown = load_config(Shop, (), {"SHOP_TOKEN": "env:OTHER", "OTHER": TOKEN}).token  # control: in a secret key it is
    assert shown == Secret(TOKEN)


def test_a_file_of_variables_is_not_filled_with_those_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`garrison config drift staging=staging.env …`, with a file that somebody of staging wrote."""
    monkeypatch.setenv("GARRISON_KEY", TOKEN)
    (tmp_path / "staging.env").write_text("SHOP_NAME=${GARRISON_KEY}\n")
    _, found = _side(f"staging={tmp_path / 'staging.env'}")
    assert found == {"SHOP_NAME": "${GARRISON_KEY}"}
    assert dotenv_values(tmp_path / "staging.env") == {"SHOP_NAME": TOKEN}  # control: the library by itself fills it


def test_of_all_variables_only_those_are_read_that_the_policy_names() -> None:
    policy = Policy(secrets={"named": {"db": "env:DB"}})
    injected = {"DB": "right", "db": "wrong", "DB_FILE": "/etc/hostname", "DB__": "wrong", "Db": "wrong"}
    assert open_secrets(policy, injected).get("db").reveal() == "right"
    assert open_secrets(policy, {**injected, "DB": "other"}).get("db").reveal() == "other"  # control
