"""Search, export and import of the reference application."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from .site import Person, Site

pytestmark = pytest.mark.anyio

FORMULA = '=HYPERLINK("https://evil.example","open")'


async def send(person: Person, content: bytes | object, name: str = "notes.json") -> Any:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await person.client.post("/import", data={"csrf_token": person.token}, files={"file": (name, data)})


async def titles(person: Person, query: str = "") -> list[str]:
    answer = await person.get(f"/api/notes{query}")
    assert answer.status_code == 200, answer.text
    return [note["title"] for note in answer.json()["notes"]]


async def test_what_was_exported_can_be_imported_by_somebody_else_as_theirs(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob") as bob:
        await ann.write("O'Brien & Söhne 🚀", "It's **bold**", shared=False)
        export = (await ann.get("/export")).content
        answer = await send(bob, export)
        assert (answer.status_code, answer.headers["location"]) == (303, "/data?done=1")
        assert "1 note imported" in (await bob.get("/data?done=1")).text
        (note,) = (await bob.get("/export")).json()["notes"]
        (theirs,) = json.loads(export)["notes"]
        assert (note["title"], note["body"]) == (theirs["title"], theirs["body"])
        assert note["id"] != theirs["id"]
        assert note["owner"]["name"] == "Bob"


async def test_an_import_sets_nothing_but_title_text_and_sharing(site: Site) -> None:
    async with site.member() as ann:
        await send(
            ann, {"notes": [{"title": "T", "owner_id": "x", "created": "1970-01-01", "role": "admin", "id": "1"}]}
        )
        (note,) = (await ann.get("/export")).json()["notes"]
        assert note["created"] > "2020"
        assert (await ann.get("/api/me")).json()["role"] == "member"


BAD: dict[str, bytes | object] = {
    "no-json": b"title,text",
    "no-notes": {"things": []},
    "a-list": [1],
    "bad-note": {"notes": [{"title": "fine"}, {"title": "two\nlines"}]},
    "too-many": {"notes": [{"title": "x"}] * 501},
    "deep": b'{"notes": ' + b"[" * 50 + b"]" * 50 + b"}",
    "duplicate": b'{"notes": [], "notes": [{"title": "x"}]}',
    "nan": b'{"notes": NaN}',
    "numbers": b'{"notes": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
async def test_a_file_that_is_no_export_adds_nothing(site: Site, content: bytes | object) -> None:
    async with site.member() as ann:
        answer = await send(ann, content)
        assert answer.status_code == 422
        assert "no export of notes" in answer.text
        assert (await ann.get("/export")).json()["notes"] == []


async def test_a_file_of_another_kind_is_refused_as_an_upload(site: Site) -> None:
    async with site.member() as ann:
        assert (await send(ann, {"notes": []}, "notes.html")).status_code == 415
        assert (await send(ann, b"<!doctype html>", "notes.json")).status_code == 415
        assert (await send(ann, {"notes": []})).status_code == 303  # the control
        assert list((site.settings.data / "imports" / "quarantine").iterdir()) == []
        assert list((site.settings.data / "imports" / "files").iterdir()) == []


async def test_a_table_of_notes_runs_in_no_spreadsheet(site: Site) -> None:
    async with site.member() as ann:
        await ann.write(FORMULA, 'a "quoted"\ntext, O\'Brien')
        answer = await ann.get("/export.csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="notes.csv"'
        header, row = csv.reader(io.StringIO(answer.text, newline=""))
        assert header == ["title", "text", "shared", "updated"]
        assert row[:3] == [f"'{FORMULA}", 'a "quoted"\ntext, O\'Brien', "no"]


async def test_notes_are_sorted_and_filtered_by_what_the_list_names(site: Site) -> None:
    async with site.member() as ann:
        for title, shared in (("mine b", False), ("mine a", True), ("100% mine", False)):
            await ann.write(title, shared=shared)
        assert await titles(ann, "?q=mine&sort=title") == ["100% mine", "mine a", "mine b"]
        assert await titles(ann, "?q=mine&sort=-title&limit=1") == ["mine b"]
        assert await titles(ann, "?q=mine&where=shared=false&sort=title") == ["100% mine", "mine b"]
        assert await titles(ann, "?where=title~100%25") == ["100% mine"]


@pytest.mark.parametrize(
    "query",
    ["sort=owner_id", "sort=title desc", "sort=(select 1)", "where=owner_id=1", "where=password_hash~a", "limit=101",
     "where=title", "limit=0", "offset=-1", "sort=title;drop table notes"],
)  # fmt: skip
async def test_what_the_list_does_not_name_is_422(site: Site, query: str) -> None:
    async with site.member() as ann:
        answer = await ann.get(f"/api/notes?{query}", headers={"Accept": "application/json"})
        assert answer.status_code == 422
        assert "password" not in answer.text
