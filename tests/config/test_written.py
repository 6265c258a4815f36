"""The example, the documentation and the drift of a schema, and the commands that print them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from garrison.config import load_config
from garrison.config.drift import drift
from garrison.config.written import documentation, example
from tests.cli.running import Here
from tests.config.schema import CANARY, DSN, KEY, Shop, with_places

SCHEMA = "tests.config.schema:Shop"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.chdir(tmp_path)
    return Here(tmp_path)


def test_the_example_is_toml_and_comments_every_key() -> None:
    text = example(Shop)
    assert tomllib.loads(text) == {"db": {}, "mail": {}}
    bare = re.sub(r"^# (\w+ = .*)$", r"\1", text, flags=re.MULTILINE)
    values = tomllib.loads(bare)
    assert {*values, *(f"db.{key}" for key in values["db"])} >= {"name", "debug", "key", "db.dsn", "db.pool"}
    assert "# Connections that are kept open.\n# whole number, optional; SHOP_DB__POOL\n# pool = 5" in text


def test_an_example_with_its_comments_taken_away_is_read(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    lines = [line for line in example(Shop).splitlines() if not re.match(r"# (url|token|limits) = ", line)]
    file.write_text(re.sub(r"^# (\w+ = .*)$", r"\1", "\n".join(lines), flags=re.MULTILINE))
    config = load_config(with_places(toml_file=file), (), {"SHOP_KEY_VALUE": KEY, "SHOP_DB__DSN_VALUE": DSN})
    assert (config.db.pool, config.reference("key"), config.debug) == (5, "env:SHOP_KEY_VALUE", False)


def test_the_documentation_has_a_row_for_every_key() -> None:
    text = documentation(Shop)
    for key in Shop.every_key():
        assert f"| `{key.name}` |" in text
    assert (
        "| `db.dsn` | secret address | **required** | `SHOP_DB__DSN` | Its address, with user and password. |" in text
    )


def test_drift_compares_secrets_and_shows_none(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('name = "s"\n[environments.staging]\nhosts = ["s"]\n[environments.production.db]\npool = 50\n')
    one = {"SHOP_KEY": KEY, "SHOP_DB__DSN": "env:STAGING_DSN", "SHOP_MAIL__TOKEN": CANARY}
    other = {"SHOP_KEY": KEY, "SHOP_MAIL__TOKEN": CANARY + "2"}
    found = {one.key: one for one in drift(with_places(toml_file=file), ("staging", one), ("production", other))}
    assert {key: (one.left, one.right, one.wrong) for key, one in found.items()} == {
        "hosts": ("['s']", "default []", ""),
        "key": ("***", "***", "both have the same secret"),
        "db.dsn": ("env:STAGING_DSN", "missing", "a required key is missing"),
        "db.pool": ("default 5", "50", ""),
        "mail.token": ("***", "***", ""),
    }
    assert CANARY not in repr(found)
    assert str(found["db.pool"].right_source) == f"{file}:5"


@pytest.mark.parametrize(
    ("left", "right", "wrong"),
    [
        ({"SHOP_MAIL__TOKEN": "env:T", "T": CANARY}, {"SHOP_MAIL__TOKEN": "env:T", "T": f"{CANARY}2"}, None),
        ({"SHOP_MAIL__TOKEN": "env:T", "T": CANARY}, {"SHOP_MAIL__TOKEN": "env:T", "T": CANARY}, True),
        ({"SHOP_MAIL__TOKEN": "env:T", "T": CANARY}, {"SHOP_MAIL__TOKEN": "env:U", "U": CANARY}, True),
        ({"SHOP_MAIL__TOKEN": "env:T", "T": CANARY}, {"SHOP_MAIL__TOKEN": CANARY}, True),
        ({"SHOP_MAIL__TOKEN": "env:T"}, {"SHOP_MAIL__TOKEN": "env:T"}, None),
        ({"SHOP_MAIL__TOKEN": "file:/run/token"}, {"SHOP_MAIL__TOKEN": "file:/run/token"}, None),
    ],
)
def test_drift_follows_variables_and_the_same_reference_alone_is_no_shared_secret(
    left: dict[str, str], right: dict[str, str], wrong: bool | None
) -> None:
    found = {one.key: one for one in drift(Shop, ("staging", left), ("production", right))}
    assert ("mail.token" in found and found["mail.token"].wrong == "both have the same secret") is bool(wrong)
    assert CANARY not in repr(found)


def test_the_commands_print_the_schema_of_the_policy(here: Here) -> None:
    here.write("garrison.toml", f'config = "{SCHEMA}"\n')
    assert here.run("config", "example").out == example(Shop)
    assert here.run("config", "docs").out == documentation(Shop)
    shown = here.run("config", "show", "--format", "json", SHOP_KEY=KEY, SHOP_DB__DSN=DSN, SHOP_NAME="n").json
    assert {row["key"]: row["value"] for row in shown}["key"] == "***"
    assert {row["key"]: row["from"] for row in shown}["name"] == "environment SHOP_NAME"
    refused = here.run("config", "show", SHOP_KEY=CANARY)
    assert refused.code == 3
    assert CANARY not in refused.out + refused.err


def test_drift_as_a_command_reads_files_of_variables(here: Here) -> None:
    here.write("a.env", f"SHOP_KEY={KEY}\nSHOP_NAME='one $x'\nSHOP_DB__DSN={DSN}\n")
    here.write("b.env", f"SHOP_KEY={KEY[::-1]}\nSHOP_NAME=two\nSHOP_DB__DSN={DSN}2\n")
    ran = here.run("config", "drift", "staging=a.env", "production=b.env", "--schema", SCHEMA, "--format", "json")
    assert {row["key"]: [side["value"] for side in row["sides"]] for row in ran.json} == {
        "name": ["one $x", "two"], "key": ["***", "***"], "db.dsn": ["***", "***"],
    }  # fmt: skip
    assert ran.code == 0
    assert here.run("config", "drift", "a=a.env", "b=a.env", "--schema", SCHEMA).code == 1  # the same secrets
    assert here.run("config", "drift", "a=no.env", "b=a.env", "--schema", SCHEMA).code == 2
    assert here.run("config", "docs").code == 2
    assert here.run("config", "docs", "--schema", "tests.config.schema:KEY").code == 2


def test_check_reads_the_configuration_as_the_application_would(here: Here) -> None:
    policy = f'config = "{SCHEMA}"\nhosts = ["shop.example.com"]\n'
    here.write("garrison.toml", f'{policy}[serve]\nsecret_environment = ["SHOP_*"]\n')
    root = {"GARRISON_KEY": "p4Xw9MzU2ySlD7qZc1oNe6iKt0hVb3fGj8rRL5zCwYF"}
    bad = here.run("check", "--format", "json", **root, SHOP_DEBUG="true", SHOP_KEY="short", SHOP_NAEM=CANARY)
    found = {one["location"]["key"]: one for one in bad.json["findings"] if one["id"] == "config/invalid"}
    assert set(found) == {"debug", "key", "naem", "name", "db.dsn"}
    assert bad.code == 1
    assert CANARY not in bad.out
    good = {**root, "SHOP_KEY": KEY, "SHOP_NAME": "n", "SHOP_DB__DSN": DSN}
    fine = here.run("check", "--format", "json", **good)
    assert not [one for one in fine.json["findings"] if one["id"].startswith("config/")]
    loose = here.run("check", "--format", "json", **good, SHOP_DEBUG="1", SHOP_ALLOW_INSECURE_VALUE="debug")
    assert [one["message"] for one in loose.json["findings"] if one["id"] == "config/allowed"]
    here.write("garrison.toml", policy)  # without the pattern, `serve` leaves the variables where they are
    stays = here.run("check", "--format", "json", **{**good, "SHOP_DB__DSN": "env:ELSEWHERE", "ELSEWHERE": DSN})
    found = {one["location"]["key"]: one for one in stays.json["findings"] if one["id"] == "config/environment"}
    assert {key: "ELSEWHERE" in one["message"] for key, one in found.items()} == {"key": False, "db.dsn": True}
    assert stays.code == 0


def test_what_the_configuration_refers_to_is_among_the_secrets_that_commands_speak_of(here: Here) -> None:
    here.write("garrison.toml", f'config = "{SCHEMA}"\n')
    environ = {"SHOP_KEY": KEY, "SHOP_DB__DSN": "vault://kv/shop/db#dsn", "SHOP_MAIL__TOKEN": "env:TOKEN"}
    who = here.run("secrets", "who", "--format", "json", **environ, TOKEN=CANARY)
    assert {row["secret"]: (row["reference"], row["readers"]) for row in who.json} == {
        "config.db.dsn": ("vault://kv/shop/db#dsn", ["the configuration"]),
        "config.mail.token": ("env:TOKEN", ["the configuration"]),
    }
    assert 'path "kv/data/shop/db" { capabilities = ["read"] }' in " ".join(
        here.run("secrets", "policy", **environ).out.split()
    )
    steps = {
        row["step"]: row["ok"] for row in here.run("secrets", "doctor", "-f", "json", **environ, TOKEN=CANARY).json
    }
    assert steps["config.mail.token from env:TOKEN"] is True
    assert steps["config.db.dsn from vault://kv/shop/db#dsn"] is False  # no server is named
    assert CANARY not in who.out
