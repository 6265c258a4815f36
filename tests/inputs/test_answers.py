"""What goes out: fields that are never shown, and sentences from one catalogue."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.testclient import TestClient

from garrison.fastapi.catalogue import NOT_HERE, Catalogue, Catalogued, Entry
from garrison.inputs.sensitive import Redacted, Sensitive

TOKEN = "tok-1234567890"


class Account(BaseModel):
    name: str
    token: Sensitive[str]
    old: Sensitive[str | None] = None
    card: Annotated[str, Redacted(last=4)] = "4111111111111111"
    short: Annotated[str, Redacted(last=4)] = "1234"
    hidden: Annotated[SecretStr, Redacted()] = SecretStr("x")


class Plain(BaseModel):
    name: str
    token: str


def test_an_answer_shows_no_sensitive_field_however_it_is_made() -> None:
    app = FastAPI()

    @app.get("/model", response_model=Account)
    async def model() -> Account:
        return Account(name="Ann", token=TOKEN)

    @app.get("/dict", response_model=Account)
    async def plain() -> dict[str, str]:
        return {"name": "Ann", "token": TOKEN}

    @app.get("/list")
    async def many() -> list[Account]:
        return [Account(name="Ann", token=TOKEN)]

    @app.get("/control", response_model=Plain)
    async def control() -> dict[str, str]:
        return {"name": "Ann", "token": TOKEN}

    client = TestClient(app)
    shown = {"name": "Ann", "token": "[redacted]", "old": None, "card": "…1111", "short": "…4", "hidden": "[redacted]"}
    assert client.get("/model").json() == client.get("/dict").json() == client.get("/list").json()[0] == shown
    assert TOKEN in client.get("/control").text
    described = client.get("/openapi.json").json()["components"]["schemas"]["Account"]["properties"]["token"]
    assert described["description"] == "Redacted."


def test_a_sensitive_value_is_validated_read_and_never_dumped() -> None:
    account = Account(name="Ann", token=TOKEN)
    assert account.token == TOKEN
    assert TOKEN not in str(account.model_dump()) + account.model_dump_json()
    with pytest.raises(ValidationError):
        Account.model_validate({"name": "Ann", "token": 5})


def test_a_sentence_takes_numbers_and_nothing_else() -> None:
    full = Entry("full", 409, "There is room for {most}.")
    error = full.error(most=20)
    assert (error.status_code, error.detail, error.code) == (409, "There is room for 20.", "full")
    for wrong in ("20", None, True, 2.5):
        with pytest.raises(TypeError):
            full.error(most=wrong)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(KeyError):
        full.error()
    assert isinstance(error, Catalogued)


@pytest.mark.parametrize(
    ("code", "status", "sentence"),
    [("Not Here", 404, "No."), ("a", 200, "No."), ("a", 600, "No."), ("a", 404, "no sentence"), ("", 404, "No.")],
)
def test_an_entry_that_is_none_is_the_developers_mistake(code: str, status: int, sentence: str) -> None:
    with pytest.raises(ValueError, match="kebab"):
        Entry(code, status, sentence)


def test_a_catalogue_has_each_code_once_and_documents_routes() -> None:
    with pytest.raises(ValueError, match="twice"):
        Catalogue([NOT_HERE, NOT_HERE])
    for sentence in (
        "There is {n.__class__}.",
        "There is {n!r}.",
        "There is {n:>9999}.",
        "There is {0}.",
        "There is {.",
    ):
        with pytest.raises(ValueError):
            Entry("full", 409, sentence)
    catalogue = Catalogue([NOT_HERE, Entry("gone", 404, "It is gone.")])
    assert catalogue.responses("not-here", "gone") == {404: {"description": "There is no such thing here. It is gone."}}
    with pytest.raises(KeyError):
        catalogue.responses("another")
