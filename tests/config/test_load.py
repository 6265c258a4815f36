"""A configuration is read from every place, whole or not at all, and every value knows where it came from."""

from __future__ import annotations

import copy
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import create_model, field_validator

from garrison.config import Config, ConfigInvalid, SecretText, SettingsConfigDict, load_config
from garrison.core.errors import OperatorError
from garrison.policy.model import Policy
from garrison.policy.problems import Problem
from garrison.secrets import Secret
from tests.config.schema import CANARY, DSN, KEY, WHOLE, Shop, with_places
from tests.support.sealed import machine


def wrong(environ: dict[str, str], *argv: str, schema: type[Config] = Shop, **more: Any) -> dict[str, Problem]:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(schema, argv, environ, **more)
    return {problem.key: problem for problem in caught.value.problems}


def test_stronger_places_go_first_and_each_value_knows_its_own(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('name = "file"\nhosts = ["a", "b"]\n[db]\npool = 1\n[limits]\nrows = 9\n')
    folder = tmp_path / "secrets"
    folder.mkdir(0o700)
    (folder / "db.dsn").write_text(DSN + "\n")
    (folder / "db.dsn").chmod(0o400)
    schema = with_places(toml_file=file, secrets_dir=folder)
    config = load_config(schema, ["--db.pool", "3"], {"SHOP_NAME": "variable", "SHOP_DB__POOL": "2", "SHOP_KEY": KEY})
    assert (config.name, config.hosts, config.db.pool, config.limits) == ("variable", ("a", "b"), 3, {"rows": 9})
    assert config.db.dsn == Secret(DSN)
    assert {key: str(config.source(key)) for key in ("name", "hosts", "db.pool", "db.dsn", "limits", "debug")} == {
        "name": "environment SHOP_NAME",
        "hosts": f"{file}:2",
        "db.pool": "argument --db.pool",
        "db.dsn": f"{folder / 'db.dsn'}",
        "limits": f"{file}:6",
        "debug": "default",
    }
    with pytest.raises(OperatorError):
        config.source("db.nothing")


def test_everything_wrong_is_told_at_once_with_place_and_remedy_and_no_value(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(f'nam = "{CANARY}"\n[db]\npool = "{CANARY}"\n')
    problems = wrong(
        {
            "SHOP_DEBUG": CANARY,
            "SHOP_KEEY": CANARY,
            "SHOP_KEY": CANARY,
            "SHOP_HOSTS": "*",
            "SHOP_MAIL__TOKEN": "env:NO",
        },
        schema=with_places(toml_file=file),
    )
    assert set(problems) == {"debug", "keey", "key", "hosts", "mail.token", "nam", "db.pool", "db.dsn", "name"}
    assert str(problems["nam"].source) == f"{file}:1"
    assert str(problems["db.pool"].source) == f"{file}:3"
    assert str(problems["debug"].source) == "environment SHOP_DEBUG"
    assert "'key'" in problems["keey"].fix
    assert "SHOP_DB__DSN" in problems["db.dsn"].fix
    assert all(CANARY not in str(problem) for problem in problems.values())


def test_what_a_validator_of_the_application_quotes_is_cut_out() -> None:
    class Talkative(Config):
        model_config = SettingsConfigDict(env_prefix="SHOP_")
        token: SecretText

        @field_validator("token")
        @classmethod
        def _talk(cls, token: Secret[str]) -> Secret[str]:
            raise ValueError(f"{token.reveal()} is no token")

    try:
        load_config(Talkative, (), {"SHOP_TOKEN": CANARY})
    except ConfigInvalid as error:
        told = "".join(traceback.format_exception(error))
    assert "is no token" in told.split("During handling")[-1]
    assert CANARY not in str(wrong({"SHOP_TOKEN": CANARY}, schema=Talkative)["token"])


def test_a_variable_that_sets_nothing_is_refused_and_one_of_another_program_is_not() -> None:
    assert set(wrong({**WHOLE, "SHOP_DB__POLL": "1"})) == {"db.poll"}
    assert load_config(Shop, (), {**WHOLE, "SHOPPING": "1", "PATH": "/bin"}).name == WHOLE["SHOP_NAME"]


def test_a_variable_that_a_reference_names_may_have_the_prefix() -> None:
    environ = {**WHOLE, "SHOP_MAIL__TOKEN": "env:SHOP_TOKEN_OF_MAIL", "SHOP_TOKEN_OF_MAIL": "t0ken-of-the-mailer"}
    config = load_config(Shop, (), environ)
    assert config.mail.token == Secret("t0ken-of-the-mailer")
    assert config.reference("mail.token") == "env:SHOP_TOKEN_OF_MAIL"
    assert config.reference("key") == ""


def test_references_of_every_local_source_are_resolved(tmp_path: Path) -> None:
    made = machine(tmp_path)
    made.work.set({"token": "sealed-t0ken-value"})
    file = tmp_path / "dsn"
    file.write_text(DSN)
    file.chmod(0o600)
    environ = {**WHOLE, "SHOP_MAIL__TOKEN": "sealed:token", "SHOP_DB__DSN": f"file:{file}", "SHOP_KEY": "env:THE_KEY"}
    config = load_config(Shop, (), {**environ, "THE_KEY": KEY}, policy=made.policy)
    assert config.mail.token == Secret("sealed-t0ken-value")
    assert (config.db.dsn, config.key) == (Secret(DSN), Secret(KEY))


@pytest.mark.parametrize("text", ["vault:nothing", "file:relative", "file:/a/../b", "sealed:UPPER", "env:1"])
def test_a_malformed_reference_is_no_secret(text: str) -> None:
    assert "reference" in wrong({**WHOLE, "SHOP_MAIL__TOKEN": text})["mail.token"].message


def test_a_reference_in_a_key_that_is_not_secret_is_not_taken_as_text() -> None:
    assert "not secret" in wrong({**WHOLE, "SHOP_NAME": "vault://kv/app/db#x"})["name"].message
    assert load_config(Shop, (), {**WHOLE, "SHOP_NAME": "file:/srv/shop"}).name == "file:/srv/shop"  # an address


def test_the_table_of_an_environment_lies_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        'name = "all"\n[db]\npool = 1\n[environments.staging.db]\npool = 7\n[environments.production]\nname = "real"\n'
    )
    schema, environ = with_places(toml_file=file), {"SHOP_KEY": KEY, "SHOP_DB__DSN": DSN}
    assert load_config(schema, (), environ).name == "real"
    staging = load_config(schema, (), {**environ, "SHOP_ENVIRONMENT": "staging"})
    assert (staging.name, staging.db.pool, staging.development) == ("all", 7, False)
    assert str(staging.source("db.pool")) == f"{file}:5"
    shared = load_config(schema, (), {**environ, "GARRISON_ENVIRONMENT": "staging"})
    assert shared.environment == "staging"
    assert "staging" in wrong({**environ, "SHOP_ENVIRONMENT": "stagin"}, schema=schema)["environment"].fix


def test_a_misspelt_key_of_another_environment_is_found_before_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("[environments.production.db]\npoool = 7\n")
    found = wrong({**WHOLE, "SHOP_ENVIRONMENT": "development"}, schema=with_places(toml_file=file))
    assert found["environments.production.db.poool"].fix == "Did you mean 'db.pool'?"


@pytest.mark.parametrize(
    "content", [b"a = ", b"\xff\xfe", b"[environments]\na = 1\n", b"x = " + b"[" * 5000, b'k = "' + CANARY.encode()]
)
def test_a_file_that_is_not_toml_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "shop.toml"
    file.write_bytes(content)
    problem = wrong(dict(WHOLE), schema=with_places(toml_file=file))["configuration"]
    assert str(file) in str(problem)
    assert CANARY not in str(problem)


def test_a_file_that_is_named_and_missing_is_refused(tmp_path: Path) -> None:
    assert "not there" in wrong(dict(WHOLE), schema=with_places(toml_file=tmp_path / "no"))["configuration"].message


@pytest.mark.parametrize("environment", ["production", "development"])
def test_a_secret_on_the_command_line_is_refused(environment: str) -> None:
    found = wrong({**WHOLE, "SHOP_ENVIRONMENT": environment}, "--mail.token", CANARY)
    assert "command line" in found["mail.token"].message


def test_an_unknown_option_is_refused_without_repeating_its_value() -> None:
    problem = wrong(dict(WHOLE), "--tokn", CANARY)["configuration"]
    assert CANARY not in str(problem)


def test_values_are_read_as_their_keys_want_them() -> None:
    environ = {**WHOLE, "SHOP_HOSTS": "a.example, b.example", "SHOP_LIMITS": '{"rows": 3}', "SHOP_DB__POOL": " 8 "}
    config = load_config(Shop, (), environ)
    assert (config.hosts, config.limits, config.db.pool) == (("a.example", "b.example"), {"rows": 3}, 8)
    assert load_config(Shop, (), {**WHOLE, "SHOP_HOSTS": '["a"]'}).hosts == ("a",)
    assert "limits" in wrong({**WHOLE, "SHOP_LIMITS": "{"})


def test_an_empty_variable_is_as_none() -> None:
    assert load_config(Shop, (), {**WHOLE, "SHOP_MAIL__TOKEN": ""}).mail.token is None


def test_a_configuration_shows_no_secret() -> None:
    config = load_config(Shop, (), {**WHOLE, "SHOP_MAIL__TOKEN": CANARY})
    assert CANARY not in repr(config) + str(config) + str(config.model_dump()) + str(config.model_json_schema())
    with pytest.raises(Exception, match="JSON") as caught:
        config.model_dump_json()
    assert CANARY not in str(caught.value)
    with pytest.raises(TypeError):
        pickle.dumps(config)
    assert copy.deepcopy(config).mail.token == Secret(CANARY)


def test_a_policy_is_not_needed_where_nothing_is_referred_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "garrison.toml").write_text("not toml at all")
    assert load_config(Shop, (), dict(WHOLE)).name
    policy = Policy()
    assert load_config(Shop, (), {**WHOLE, "SHOP_MAIL__TOKEN": "env:T", "T": "t0ken-of-mail"}, policy=policy).mail.token


def test_a_schema_needs_a_prefix_of_its_own_and_one_name_for_each_key() -> None:
    with pytest.raises(TypeError, match="env_prefix"):

        class Bare(Config):
            pass

    with pytest.raises(TypeError, match="env_prefix"):

        class Ours(Config):
            model_config = SettingsConfigDict(env_prefix="garrison_")

    with pytest.raises(TypeError, match="one name"):

        class Twice(Config):
            model_config = SettingsConfigDict(env_prefix="SHOP_")
            a__b: int = 1


def test_calling_the_schema_reads_nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_NAME", "outside")
    whole = {"key": KEY, "db": {"dsn": DSN}, "name": "inside"}
    assert Shop(**whole).name == "inside"  # type: ignore[arg-type]  # text is what a validator makes a secret of


def test_a_schema_with_a_secret_that_no_text_can_become_is_refused() -> None:
    for kind in (Secret[str], Secret[str] | None):
        with pytest.raises(TypeError, match="write SecretText"):
            create_model("Shop", __base__=Prefixed, password=(kind, None))
    assert create_model("Shop", __base__=Prefixed, password=(SecretText | None, None))


class Prefixed(Config):
    model_config = SettingsConfigDict(env_prefix="SHOP_")
