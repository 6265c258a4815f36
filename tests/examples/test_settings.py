"""Settings: unsafe combinations are refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from examples.notes import Settings, create_app, hardened
from examples.notes.unprotected import Unprotected
from garrison.config import ConfigInvalid
from garrison.core.errors import OperatorError

LOOSE = ("seed", "allow_insecure_planted_xss", "allow_insecure_loopback_preview", "allow_insecure_fast_hash")


@pytest.mark.parametrize("name", LOOSE)
def test_what_is_for_tests_is_refused_in_production(name: str) -> None:
    with pytest.raises(ValidationError, match="never for production"):
        Settings.model_validate({name: True})
    assert getattr(Settings.model_validate({name: True, "environment": "development"}), name) is True


def test_the_environment_is_production_unless_told_otherwise() -> None:
    assert Settings.from_environ({}).environment == "production"
    assert Settings.from_environ({"GARRISON_ENVIRONMENT": "development"}).development


def test_a_misspelt_variable_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="databse"):
        Settings.from_environ({"NOTES_DATABSE": "sqlite:///x.db"})


@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("", "sqlite+aiosqlite"),
        ("sqlite:///x.db", "sqlite+aiosqlite"),
        ("postgresql://u:Zk41xq8Pw2@localhost/notes", "postgresql+asyncpg"),
        ("postgres://u:Zk41xq8Pw2@127.0.0.1/notes", "postgresql+asyncpg"),
    ],
)
def test_a_plain_database_url_gets_its_asynchronous_driver(written: str, driver: str) -> None:
    assert Settings.from_environ({"NOTES_DATABASE": written}).database_url.drivername == driver


def test_a_database_off_loopback_needs_a_verified_link_in_production() -> None:
    far = "postgresql://u:hunter2-Zk41@db.example.com/notes"
    with pytest.raises(ConfigInvalid, match="allow_insecure_link") as refusal:
        Settings.from_environ({"NOTES_DATABASE": far})
    assert "hunter2-Zk41" not in str(refusal.value)
    assert Settings.from_environ({"NOTES_DATABASE": far + "?ssl=verify-full"}).database_url.host == "db.example.com"


def test_another_database_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="SQLite or PostgreSQL"):
        Settings.from_environ({"NOTES_DATABASE": "mysql://localhost/notes"})


def test_secrets_are_not_shown() -> None:
    settings = Settings.from_environ({"NOTES_DATABASE": "postgresql://u:hunter2-Zk41@localhost/notes"})
    assert "hunter2-Zk41" not in repr(settings)
    assert settings.demo_password.reveal() not in repr(settings)


def test_every_run_has_its_own_demo_password() -> None:
    assert Settings().demo_password != Settings().demo_password


def test_production_does_not_start_without_hosts_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GARRISON_HOSTS", "GARRISON_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OperatorError, match="P001") as refusal:
        hardened(Settings(data=tmp_path))
    assert "P007" in str(refusal.value)


def test_production_shows_no_documentation(tmp_path: Path) -> None:
    paths = {getattr(route, "path", "") for route in create_app(Settings(data=tmp_path)).routes}
    assert not {"/docs", "/redoc", "/openapi.json"} & paths


def test_the_control_without_garrison_is_refused_in_production(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="never for production"):
        Unprotected(Settings(data=tmp_path))
