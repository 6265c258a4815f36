"""No secret of the application's own configuration in any output: canaries in every place that it may be read from.

What is searched: the configuration as text, as a schema and in a crash report, what is wrong with it, answers, OpenAPI,
events and metrics of an application that uses it, and what the commands print, in every format. What a process that
serves shows of its environment is `tests/serve/workers/test_compartment.py`'s.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from pydantic import AfterValidator
from starlette.testclient import TestClient

from garrison import harden
from garrison.config import (
    Config,
    ConfigInvalid,
    DatabaseUrl,
    Live,
    SecretText,
    SettingsConfigDict,
    SigningKey,
    load_config,
)
from garrison.config.drift import drift
from garrison.secrets import Secret
from garrison.testing import testing_policy
from tests.cli.running import Here
from tests.support.canaries import crash_report, leaked

CANARIES = {
    "a variable": "canary-var-Zk41x&o'=",
    "a referenced variable": "canary-ref-Ue83/+w",
    "a key": "q3Wv8LzT1xRkC6pYb0nMd5hJs9gUa2eFi7oQK4yBvXE",
    "an address": "canary-dsn-Pw93kd",
    "a credential of systemd": "canary-cred-Mt55<b>",
    "a secret folder": 'canary-folder-Lq20"x',
    "a file": "canary-file-Hv71~ä",
    "the code": "canary-code-Bn64",
    "the file of the configuration": "canary-toml-Xs37",
    "the command line": "canary-argv-Rf18",
    "a mistake": "canary-wrong-Jd90",
}


def quoting(value: Secret[str]) -> Secret[str]:
    """A validator of the application's own, as careless as they come."""
    if "wrong" in value.reveal():
        raise ValueError(f"{value.reveal()!r} is not what the provider gave us")
    return value


def schema(folder: Path) -> type[Config]:
    """In a module of its own, since commands are told its name."""
    places = {"toml_file": folder / "shop.toml", "secrets_dir": folder / "mounted"}

    class Shop(Config):
        model_config = SettingsConfigDict(env_prefix="SHOP_", **places)  # type: ignore[typeddict-item]

        variable: SecretText
        referred: SecretText
        key: SigningKey
        dsn: DatabaseUrl
        credential: SecretText
        folder: SecretText
        filed: SecretText
        coded: SecretText = Secret(CANARIES["the code"])
        careless: Annotated[SecretText, AfterValidator(quoting)] | None = None
        number: int = 1

    return Shop


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Files where they belong; the variables. Development, since the code has a secret."""
    for name, key in (("credentials", "credential"), ("mounted", "folder")):
        (tmp_path / name).mkdir(0o755)
        (tmp_path / name / key).touch(0o600)
    (tmp_path / "credentials" / "credential").write_text(CANARIES["a credential of systemd"])
    (tmp_path / "mounted" / "folder").write_text(CANARIES["a secret folder"])
    (tmp_path / "file").touch(0o600)
    (tmp_path / "file").write_text(CANARIES["a file"])
    (tmp_path / "shop.toml").write_text("")
    monkeypatch.setattr(sys.modules[__name__], "Shop", schema(tmp_path), raising=False)
    monkeypatch.chdir(tmp_path)
    return {
        "SHOP_ENVIRONMENT": "development", "SHOP_VARIABLE": CANARIES["a variable"], "SHOP_REFERRED": "env:OF_THE_SHOP",
        "OF_THE_SHOP": CANARIES["a referenced variable"], "SHOP_KEY": CANARIES["a key"],
        "SHOP_DSN": f"postgresql://shop:{CANARIES['an address']}@127.0.0.1/shop", "SHOP_FILED": f"file:{tmp_path}/file",
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
    }  # fmt: skip


def wrong(folder: Path, environ: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Everything wrong at once, in production."""
    (folder / "shop.toml").write_text(f'careless = "{CANARIES["the file of the configuration"]}"\nnumbr = 1\n')
    (folder / "file").chmod(0o644)
    (folder / "mounted" / "folder").chmod(0o644)
    mistakes = {
        "SHOP_CARELESS": CANARIES["a mistake"], "SHOP_NUMBER": "many", "SHOP_ENVIRONMENT": "production",
        "SHOP_REFERRED": f"vault:{CANARIES['a mistake']}", "SHOP_VARIABLES": CANARIES["a mistake"],
        "SHOP_DSN": f"postgresql://shop:{CANARIES['an address']}@db.example.com/shop",
    }  # fmt: skip
    return ["--variable", CANARIES["the command line"], f"--no={CANARIES['a mistake']}"], {**environ, **mistakes}


def shown_of(config: Config) -> list[object]:
    log, stream = logging.getLogger("shop"), []
    handler = logging.Handler()
    handler.emit = lambda record: stream.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    log.warning("started with %r", config)
    log.removeHandler(handler)

    def as_json() -> object:
        return config.model_dump_json()

    return [
        config, repr(config), str(config), config.model_dump(), vars(config),
        crash_report(__file__, type(config).model_json_schema), crash_report(__file__, as_json), stream,
    ]  # fmt: skip


def application(live: Live[Any], careless: bool) -> FastAPI:
    app = FastAPI()

    @app.get("/ok")
    def ok() -> dict[str, str]:
        return {"configuration": live.now.variable.reveal() if careless else repr(live.now)}

    @app.get("/fails")
    def fails() -> None:
        raise ConnectionError("no connection with", live.now, live.now.dsn)

    return app


def everything_of_a_run(environ: dict[str, str], folder: Path, *, careless: bool = False) -> bytes:
    live = Live(sys.modules[__name__].Shop, (), environ)
    shown: list[object] = shown_of(live.now)
    live.on_change("filed", lambda new: (_ for _ in ()).throw(ValueError(new.reveal())))
    policy = testing_policy(state=str(folder / "state"), events={"output": str(folder / "events.jsonl")})
    hardened = harden(application(live, careless), policy)
    live._emit = hardened.services.emit
    with TestClient(hardened, base_url="https://testserver", raise_server_exceptions=False) as client:
        for path in ("/ok", "/fails", "/openapi.json", "/.garrison/metrics"):
            for accept in ("application/json", "text/html"):
                answer = client.get(path, headers={"accept": accept})
                shown += [answer.headers, answer.text]
        (folder / "file").write_text(CANARIES["a file"] + " ")
        assert live.refresh() == ["filed"]
        (folder / "file").chmod(0o644)
        live.refresh()
        shown.append(hardened.services.metrics())
    written = (folder / "events.jsonl").read_bytes()
    for name in (b"secret_rotated", b"secret_rotation_failed", b"service_degraded"):
        assert name in written
    return written + "\n".join(f"{one!s} {one!r}" for one in shown).encode()


def test_a_run_with_errors_and_a_rotation_shows_no_value(planted: dict[str, str], tmp_path: Path) -> None:
    assert leaked(everything_of_a_run(planted, tmp_path), CANARIES) == []


def test_control_one_careless_line_of_the_application_is_found(planted: dict[str, str], tmp_path: Path) -> None:
    assert leaked(everything_of_a_run(planted, tmp_path, careless=True), CANARIES) == ["a variable"]


def test_control_a_secret_in_a_local_name_is_found_in_a_crash_report() -> None:
    assert leaked(crash_report(__file__, lambda: json.loads(CANARIES["an address"])).encode(), CANARIES) == [
        "an address"
    ]


def test_what_is_wrong_is_told_without_a_value_in_a_crash_report_too(planted: dict[str, str], tmp_path: Path) -> None:
    shop = sys.modules[__name__].Shop
    argv, environ = wrong(tmp_path, planted)
    by_drift = drift(shop, ("production", environ), ("development", planted))  # it shows keys that are not secret
    environ["SHOP_NUMBER"] = CANARIES["a mistake"]
    with pytest.raises(ConfigInvalid) as caught:
        load_config(shop, argv, environ)
    told = {problem.key for problem in caught.value.problems}
    assert told >= {"careless", "coded", "dsn", "filed", "folder", "number", "numbr", "referred", "variables"}
    shown = [str(caught.value), repr(caught.value), vars(caught.value), caught.value.__context__]
    shown.append(crash_report(__file__, lambda: load_config(shop, argv, environ)))
    shown += by_drift
    assert leaked("\n".join(map(repr, shown)).encode(), CANARIES) == []


@pytest.mark.parametrize("mistaken", [False, True], ids=["whole", "wrong"])
def test_no_command_shows_a_value_in_any_format(
    planted: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistaken: bool
) -> None:
    environ = wrong(tmp_path, planted)[1] if mistaken else planted
    for name, value in {**environ, "GARRISON_ENVIRONMENT": "development"}.items():
        monkeypatch.setenv(name, value)
    here = Here(tmp_path)
    here.write("garrison.toml", f'config = "{__name__}:Shop"\nstate = "{tmp_path / "state"}"\n')
    here.write("staging.env", "".join(f"{name}='{value}'\n" for name, value in environ.items() if "'" not in value))
    formats = ("text", "json", "sarif", "html", "gitlab")
    commands = [("check", "--format", one) for one in formats]
    commands += [("config", *words) for words in (("example",), ("docs",), ("show",), ("show", "--format", "json"))]
    commands += [("config", "drift", "staging=staging.env", "development", "--format", one) for one in ("text", "json")]
    commands += [("secrets", one) for one in ("who", "doctor", "policy")] + [("explain",)]
    printed = ""
    for command in commands:
        ran = here.run(*command)
        printed += ran.out + ran.err
    assert leaked(printed.encode(), CANARIES) == []
    assert "careless" in printed
    assert ("config/invalid" in printed) is mistaken
