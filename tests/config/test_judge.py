"""Values that are convenient in development stop every other start; ordinary ones never do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import create_model

from garrison.config import Config, ConfigInvalid, SecretText, load_config
from garrison.policy.links import exposed, link_name
from tests.config.schema import DSN, KEY, WHOLE, Shop

DANGEROUS = {
    "debug": ("debug", {"SHOP_DEBUG": "yes"}),
    "any host": ("hosts", {"SHOP_HOSTS": "shop.example.com,*"}),
    "any network": ("hosts", {"SHOP_HOSTS": "0.0.0.0/0"}),
    "default password": ("mail.token", {"SHOP_MAIL__TOKEN": "Postgres"}),
    "example": ("mail.token", {"SHOP_MAIL__TOKEN": "please-change-me-now"}),
    "short": ("mail.token", {"SHOP_MAIL__TOKEN": "x7Kq2v"}),
    "same few": ("mail.token", {"SHOP_MAIL__TOKEN": "aaaaaaaaaaab"}),
    "tutorial's key": ("key", {"SHOP_KEY": "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"}),
    "weak key": ("key", {"SHOP_KEY": "0" * 64}),
    "password in an address": ("db.dsn", {"SHOP_DB__DSN": DSN.replace("Zk41xq8Pw2", "admin")}),
    "reused": ("mail.token", {"SHOP_MAIL__TOKEN": KEY}),
    "the root key again": ("key", {"GARRISON_KEY": f"other {KEY}"}),
    "the root key after a comma": ("key", {"GARRISON_KEY": f"other,{KEY}"}),
    "reused in an address": ("mail.token", {"SHOP_MAIL__TOKEN": "Zk41xq8Pw2"}),
}


@pytest.mark.parametrize("name", DANGEROUS)
@pytest.mark.parametrize("environment", ["production", "staging"])
def test_a_dangerous_value_stops_the_start_and_is_let_through_by_its_key(name: str, environment: str) -> None:
    key, values = DANGEROUS[name]
    environ = {**WHOLE, **values, "SHOP_ENVIRONMENT": environment}
    with pytest.raises(ConfigInvalid) as caught:
        load_config(Shop, (), environ)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert "allow_insecure_value" in caught.value.problems[0].fix
    load_config(Shop, (), {**environ, "SHOP_ENVIRONMENT": "development"})  # control: what it was convenient for
    load_config(Shop, (), {**environ, "SHOP_ALLOW_INSECURE_VALUE": key})


def test_a_loosening_that_names_nothing_is_refused() -> None:
    for name, value in (("VALUE", "db.pasword"), ("LINK", "datbase")):
        with pytest.raises(ConfigInvalid):
            load_config(Shop, (), {**WHOLE, f"SHOP_ALLOW_INSECURE_{name}": value})


@pytest.mark.parametrize(
    "secret",
    ["O'Brien & söhne 1987", "correct horse battery staple", "пароль-от-базы-42", "🔑🗝️🔐🔓🔏🧿🪬🎲",
     "SELECT * FROM t; --", "https://hooks.invalid/T0/B1/xyz", "a:b@c/d?e=f#g", "8675309-4417-2290"],
)  # fmt: skip
def test_ordinary_secrets_are_no_defaults(secret: str) -> None:
    assert load_config(Shop, (), {**WHOLE, "SHOP_MAIL__TOKEN": secret}).mail.token


@pytest.mark.parametrize("name", ["password", "admin_password", "api_key", "stripe_secret", "access_token"])
def test_a_secret_that_is_declared_as_text_is_found_by_its_name(name: str) -> None:
    environ = {**WHOLE, f"SHOP_{name}": "Zk41xq8Pw2-other"}
    bare, kept = (_with_key(name, kind) for kind in (str | None, SecretText | None))
    with pytest.raises(ConfigInvalid, match="declared as text") as caught:
        load_config(bare, (), environ)
    assert "Zk41xq8Pw2" not in str(caught.value)
    load_config(kept, (), environ)
    load_config(bare, (), {**environ, "SHOP_ALLOW_INSECURE_VALUE": name})
    load_config(bare, (), WHOLE)  # nothing is shown where nothing is set


@pytest.mark.parametrize("name", ["password_policy", "token_url", "key_id", "public_key", "secretary", "tokens_seen"])
def test_what_only_speaks_of_secrets_may_be_text(name: str) -> None:
    load_config(_with_key(name, str), (), {**WHOLE, f"SHOP_{name}": "O'Brien"})


def _with_key(name: str, kind: Any) -> type[Config]:
    return create_model("Wider", __base__=Shop, **{name: (kind, ... if kind is str else None)})  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("name", ["*.example.com", "shop.example.com", "müller.example", "10.0.0.0/8"])
def test_ordinary_hosts_let_nobody_in(name: str) -> None:
    assert load_config(Shop, (), {**WHOLE, "SHOP_HOSTS": name}).hosts == (name,)


UNSAFE = [
    "postgresql://u:p@db.example.com/x", "postgres://u:p@10.0.0.5/x?sslmode=require",
    "postgresql+asyncpg://u:p@db/x?ssl=true", "postgresql://a,b:5432/x", "postgresql://u:p/w@127.0.0.1@db.example.com/x",
    "postgresql:///x?host=db.example.com", "mysql://u@db/x", "mysql+aiomysql://u@db/x?ssl_ca=/ca.pem",
    "mongodb://m1,m2/x", "mongodb+srv://m/x?tlsInsecure=true", "redis://cache:6379/0", "redis+sentinel://a,b/primary",
    "rediss://cache?ssl_cert_reqs=none", "smtp://mail.example.com:587", "smtp://mail?starttls=maybe", "amqp://q/",
    "ldap://directory", "http://logs.example.com", "syslog://logs:514", "udp://logs:514", "tcp://[2001:db8::1]:514",
    "POSTGRESQL://db.example.com/x",
]  # fmt: skip
SAFE = [
    DSN, "postgresql+asyncpg://u:p@db/x?ssl=verify-full", "postgresql:///x?host=/run/postgresql", "postgresql:///x",
    "postgresql://localhost/x", "postgresql://u@127.0.0.1:5432,[::1]:5432/x", "sqlite:///notes.db",
    "mysql://db/x?ssl-mode=VERIFY_IDENTITY", "mongodb+srv://m/x", "mongodb://m/x?tls=true", "rediss://cache:6379/0",
    "redis://localhost", "smtps://u:p@mail.example.com", "smtp://mail?starttls=required", "smtp://127.0.0.1:25",
    "amqps://q/", "ldaps://d", "https://logs.example.com", "syslog+tls://logs", "O'Brien: SELECT 1", "", "://", "@",
]  # fmt: skip


@pytest.mark.parametrize("address", UNSAFE)
def test_a_link_that_can_be_read_on_its_way_is_found(address: str) -> None:
    assert exposed(address)


@pytest.mark.parametrize("address", SAFE)
def test_a_link_that_is_verified_or_stays_here_is_not(address: str) -> None:
    assert not exposed(address)


@pytest.mark.parametrize(
    ("variable", "address", "name"),
    [
        ("SHOP_DB__DSN", "postgresql://shop:Zk41xq8Pw2@db.example.com/shop", "database"),
        ("SHOP_MAIL__URL", "smtp://shop:Zk41xq8Pw3@mail.example.com", "mail"),
        ("SHOP_NAME", "redis://cache.example.com/0", "store"),
        ("SHOP_NAME", "syslog://logs.example.com", "log"),
    ],
)
def test_an_open_link_stops_the_start_and_is_let_through_by_its_name(variable: str, address: str, name: str) -> None:
    environ = {**WHOLE, variable: address}
    with pytest.raises(ConfigInvalid) as caught:
        load_config(Shop, (), environ)
    assert [problem.message for problem in caught.value.problems] == ["the link is plaintext."]
    assert f'allow_insecure_link = ["{name}"]' in caught.value.problems[0].fix
    load_config(Shop, (), {**environ, "SHOP_ALLOW_INSECURE_LINK": name})
    load_config(Shop, (), {**environ, "SHOP_ENVIRONMENT": "development"})


def test_a_page_that_is_only_named_is_no_link() -> None:
    assert link_name("http://example.com") == ""
    assert load_config(Shop, (), {**WHOLE, "SHOP_NAME": "http://example.com"})
