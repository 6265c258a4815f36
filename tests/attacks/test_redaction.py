"""Secrets planted wherever a client or a careless line of code can put them do not come out of any writer.

Quoted rule: "Data to exclude: … session identification values, access tokens, sensitive personal data, authentication
passwords, database connection strings, encryption keys, bank account or payment card holder data" (OWASP Logging
Cheat Sheet; CWE-532).
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from garrison.core.clock import SYSTEM
from garrison.core.facts import Facts
from garrison.events.bus import Bus
from garrison.events.capture import follow
from garrison.events.sqlite import SqliteWriter
from garrison.events.vocabulary import EventName
from garrison.events.writers import FileWriter
from tests.events.making import facts, section

SECRETS = {
    "password": "Tr0ub4dor&3-horse",
    "session": "kV9x2LmQ7pRt4WzY8nBc6JhF1sDg5AeU3oIyTwXq",
    "bearer": "mF_9.B5f-4.1JqM8xQw2",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "card": "4012 8888 8888 1881",
    "dsn": "postgresql://app:pg-S3cret-pw@db.internal/notes",
    "key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
    "mail": "victim.person@example.com",
}
TRACES = {  # what must not be left of each, however it was cut or masked
    "password": "horse", "session": "LmQ7pRt4WzY8", "bearer": "B5f-4.1Jq", "jwt": "eyJzdWIi", "aws": "IOSFODNN7",
    "card": "8888 8888", "dsn": "pg-S3cret", "key": "MIIEvQIBADAN", "mail": "victim.person",
}  # fmt: skip


def _error(text: str) -> str:
    try:
        int(f"could not use {text}")
    except ValueError as error:
        return "".join(traceback.format_exception(error))
    raise AssertionError("not reached")


def _written(folder: Path, name: str, where: Facts | None, details: dict[str, Any]) -> str:
    """Everything that any writer makes of one emit, as one text."""
    database = folder / "state" / "events.db"
    bus = Bus(section(), SYSTEM, [FileWriter(folder / "log"), SqliteWriter(database, 1000)], "web1")
    captured = follow(bus)
    bus.emit(name, where, **details)
    assert bus.flush()
    stored = b"".join(one.read_bytes() for one in (folder / "state").iterdir())
    bus.close()
    assert captured.names() == [name]
    return (folder / "log").read_text() + stored.decode("latin-1") + repr(captured[0])


def _planted(place: str, kind: str) -> tuple[Facts | None, dict[str, Any]]:
    secret = SECRETS[kind]
    said = {"password": f"password={secret}", "bearer": f"Authorization: Bearer {secret}"}.get(kind, secret)
    if place == "path":
        return facts(f"/reset/{said}/now"), {}
    if place == "agent":
        return facts(headers={b"user-agent": f"tool/1.0 ({said})".encode()}), {}
    if place == "principal":
        return facts(), {"principal": said}
    if place == "named detail":
        return facts(), {{"password": "new_password", "session": "session"}.get(kind, "api_token"): secret}
    if place == "error":
        return None, {"error": "ValueError", "trace": _error(said)}
    return facts(), {"detail": f"field x was {said!r} here"}


PLACES = ["path", "agent", "principal", "named detail", "error", "detail"]


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("place", PLACES)
def test_a_planted_secret_comes_out_of_no_writer(tmp_path: Path, place: str, kind: str) -> None:
    where, details = _planted(place, kind)
    assert TRACES[kind] not in _written(tmp_path, EventName.UNHANDLED_ERROR, where, details)


@pytest.mark.parametrize("kind", SECRETS)
def test_control_the_standard_logger_writes_it(tmp_path: Path, kind: str) -> None:
    logger = logging.getLogger(f"naive.{kind}")
    handler = logging.FileHandler(tmp_path / "log")
    logger.addHandler(handler)
    logger.error("could not use %s", SECRETS[kind])
    handler.close()
    logger.removeHandler(handler)
    assert TRACES[kind] in (tmp_path / "log").read_text()


def test_headers_cookies_and_the_query_are_never_taken_from_a_request(tmp_path: Path) -> None:
    sent = {
        b"cookie": b"theme=PLANTED1",
        b"authorization": b"PLANTED2",
        b"x-api-key": b"PLANTED3",
        b"referer": b"https://a.example/?PLANTED4",
    }
    asked = facts(headers=sent)
    asked.query = b"q=PLANTED5"
    assert "PLANTED" not in _written(tmp_path, EventName.CSRF_REFUSED, asked, {"layer": "csrf"})


def test_objects_are_named_and_not_printed(tmp_path: Path) -> None:
    class Settings:
        def __repr__(self) -> str:
            return "Settings(key='PLANTED')"

    text = _written(tmp_path, EventName.DEGRADED, None, {"a": Settings(), "b": {"k": "PLANTED"}, "c": b"PLANTED"})
    assert "PLANTED" not in text
    assert "<Settings>" in text


def test_an_event_still_answers_who_where_and_why(tmp_path: Path) -> None:
    asked = facts("/api/v1/orders/550e8400-e29b-41d4-a716-446655440000")
    text = _written(
        tmp_path, EventName.CSRF_REFUSED, asked,
        {"reason": "csrf-invalid", "layer": "csrf", "detail": "the token: expired", "order": "2026-000123"},
    )  # fmt: skip
    for word in (
        "550e8400-e29b-41d4-a716-446655440000", "203.0.113.9", "csrf-invalid", "the token: expired", "2026-000123",
        "a1b2-000001", "Firefox/10.0",
    ):  # fmt: skip
        assert word in text
