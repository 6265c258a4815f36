"""Notes: writing, reading, finding, and what others may do with them."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from .site import Site

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>[x](javascript:alert(3))"


async def test_a_note_is_shown_as_it_was_written(site: Site) -> None:
    title, body = "O'Brien & Söhne 🚀", "It's **bold**; DROP TABLE notes; -- 日本語"
    async with site.member() as ann:
        note = await ann.write(title, body)
        page = (await ann.get(f"/notes/{note}")).text
        assert "O&#39;Brien &amp; Söhne 🚀" in page
        assert "<strong>bold</strong>; DROP TABLE notes; -- 日本語" in page
        found = (await ann.get(f"/api/notes/{note}")).json()
        assert (found["title"], found["body"]) == (title, body)


async def test_html_in_a_note_stays_text(site: Site) -> None:
    async with site.member() as ann:
        page = (await ann.get(f"/notes/{await ann.write(HOSTILE, HOSTILE)}")).text
        prose = page.split('<div class="prose">')[1].split("</article>")[0]
        assert "&lt;script&gt;" in prose
        assert not any(text in page for text in ("<script>alert", "<img src=x", 'href="javascript:'))
        assert "<script>alert" not in (await ann.get("/")).text


async def test_others_neither_see_nor_change_a_private_note_and_learn_nothing_of_it(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob") as bob:
        note = await ann.write("Private", "secret words")
        body = {"title": "taken", "body": "", "shared": True}
        for method, sent in (("GET", None), ("PUT", body), ("DELETE", None)):
            theirs = await bob.api(method, f"/api/notes/{note}", sent)
            nobodys = await bob.api(method, f"/api/notes/{uuid4()}", sent)
            assert theirs.status_code == 404
            assert theirs.json() == nobodys.json()
        for path in (f"/notes/{note}", f"/notes/{note}/edit"):
            assert (await bob.get(path)).status_code == 404
        for path in (f"/notes/{note}", f"/notes/{note}/delete"):
            assert (await bob.post(path, {"title": "taken"})).status_code == 404
        assert (await bob.get("/api/notes?q=secret")).json()["notes"] == []
        assert (await ann.get(f"/api/notes/{note}")).json()[
            "body"
        ] == "secret words"  # the control: it is there, unchanged


async def test_a_shared_note_is_read_by_all_and_changed_by_its_owner_alone(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob") as bob:
        note = await ann.write("For all", "words", shared=True)
        assert (await bob.get(f"/notes/{note}")).status_code == 200
        assert "Edit" not in (await bob.get(f"/notes/{note}")).text
        assert (await bob.api("PUT", f"/api/notes/{note}", {"title": "taken"})).status_code == 404
        assert (await bob.post(f"/notes/{note}/delete", {})).status_code == 404
        assert (await ann.post(f"/notes/{note}", {"title": "Mine", "shared": "true"})).status_code == 303
        assert (await bob.get(f"/api/notes/{note}")).json()["title"] == "Mine"


@pytest.mark.parametrize("query", ["100%", "under_score", "it's", "'; DROP TABLE notes; --", "ÜBER", "🚀", "a\\b"])
async def test_a_search_takes_every_character_as_itself(site: Site, query: str) -> None:
    async with site.member() as ann:
        await ann.write("Found", f"before zz{query}zz after")
        await ann.write("Decoy", "zz100xzz zzunderXscorezz zzitszz zzab")
        answer = await ann.get("/api/notes", params={"q": f"zz{query}zz"})
        assert [note["title"] for note in answer.json()["notes"]] == ["Found"]


async def test_a_search_that_finds_nothing_shows_the_words_as_text(site: Site) -> None:
    async with site.member() as ann:
        page = await ann.get("/", params={"q": HOSTILE})
        assert page.status_code == 200
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script>alert" not in page.text


async def test_a_note_is_changed_and_deleted_by_forms(site: Site) -> None:
    async with site.member() as ann:
        made = await ann.post("/notes", {"title": "First", "body": "a\r\nb"})
        path = made.headers["location"]
        assert (await ann.get(f"/api{path}")).json()["body"] == "a\nb"
        assert 'value="First"' in (await ann.get(f"{path}/edit")).text
        await ann.post(path, {"title": "Second"})
        assert (await ann.get(f"/api{path}")).json()["title"] == "Second"
        assert (await ann.post(f"{path}/delete", {})).status_code == 303
        assert (await ann.get(path)).status_code == 404


async def test_a_request_without_the_token_writes_nothing(site: Site) -> None:
    async with site.member() as ann:
        answer = await ann.client.post("/api/notes", json={"title": "Forged"}, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["reason"]) == (403, "csrf-missing")
        await ann.write("Honest")  # the control
        titles = [note["title"] for note in (await ann.get("/api/notes")).json()["notes"]]
        assert "Honest" in titles
        assert "Forged" not in titles


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 201},
        {"title": "ok", "body": "x" * 20_001},
        {"title": "two\nlines"},
        {"title": "nul\x00"},
        {"title": "ok", "body": "bell\x07"},
        {"title": ["ok"]},
    ],
    ids=str,
)
async def test_an_invalid_note_is_refused_without_repeating_it(site: Site, given: dict[str, object]) -> None:
    marked = {**given, "note": "do-not-repeat-me"}
    async with site.member() as ann:
        headers = {"X-CSRF-Token": ann.token, "Content-Type": "application/json", "Accept": "application/json"}
        answer = await ann.client.post("/api/notes", content=json.dumps(marked), headers=headers)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        fields = {error["field"] for error in answer.json()["errors"]}
        assert "" in fields, "the field nobody declared, without its name"
        assert fields <= {"", "title", "body"}
        assert "do-not-repeat-me" not in answer.text
        assert "xxxx" not in answer.text


@pytest.mark.parametrize(
    "data",
    [
        b'{"title":"mine","title":"yours"}',
        b'{"title":"x","shared":NaN}',
        b'{"title":"half \\ud83d of a pair"}',
        b'{"title":' + b"[" * 99 + b"]" * 99 + b"}",
    ],
)
async def test_json_that_is_ambiguous_or_too_deep_never_becomes_a_note(site: Site, data: bytes) -> None:
    async with site.member() as ann:
        headers = {"X-CSRF-Token": ann.token, "Content-Type": "application/json", "Accept": "application/json"}
        answer = await ann.client.post("/api/notes", content=data, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        good = await ann.client.post("/api/notes", content=b'{"title":"mine"}', headers=headers)
        assert good.status_code in (200, 201)  # the control


async def test_the_list_comes_in_pages(site: Site) -> None:
    async with site.member() as ann:
        for number in range(32):
            await ann.write(f"Item {number}")
        first = (await ann.get("/api/notes?q=Item ")).json()
        second = (await ann.get("/api/notes?q=Item &offset=30")).json()
        assert (len(first["notes"]), first["more"], len(second["notes"]), second["more"]) == (30, True, 2, False)
        assert "Older" in (await ann.get("/")).text
