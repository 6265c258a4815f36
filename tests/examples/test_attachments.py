"""Attachments: caps, names, places, and who may fetch them."""

from __future__ import annotations

import re
from html import unescape

import pytest

from garrison.inputs.uploads import display_name

from .site import Person, Site

pytestmark = pytest.mark.anyio


async def attachments(person: Person, note: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await person.get(f"/api/notes/{note}")).json()["attachments"]
    return found


async def test_a_file_comes_back_as_it_was_sent_as_a_download_of_no_type(site: Site) -> None:
    content = b"All about <script>alert(document.cookie)</script>"
    async with site.member() as ann:
        note = await ann.write("With a file")
        assert (await ann.upload(note, content, "O'Brien 🚀.txt")).status_code == 303
        (file,) = await attachments(ann, note)
        answer = await ann.get(f"/attachments/{file['id']}")
        assert answer.content == content
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["content-disposition"].endswith("O%27Brien%20%F0%9F%9A%80.txt")
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers["cache-control"] == "no-store"
        assert "sandbox; default-src 'none'; frame-ancestors 'none'" in answer.headers.get_list(
            "content-security-policy"
        )


async def test_others_can_neither_fetch_nor_add_files_unless_the_note_is_shared(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob") as bob:
        note = await ann.write("Private")
        await ann.upload(note, b"secret")
        (file,) = await attachments(ann, note)
        assert (await bob.get(f"/attachments/{file['id']}")).status_code == 404
        assert (await bob.upload(note, b"mine")).status_code == 404
        await ann.api("PUT", f"/api/notes/{note}", {"title": "Shared", "shared": True})
        assert (await bob.get(f"/attachments/{file['id']}")).content == b"secret"
        assert (await bob.upload(note, b"mine")).status_code == 404


async def test_a_file_over_the_cap_is_refused_and_leaves_nothing_behind(site: Site) -> None:
    async with site.member() as ann:
        note = await ann.write("Full")
        assert (await ann.upload(note, b"x" * 2001)).status_code == 413
        assert list((site.settings.files / "files").iterdir()) == []
        assert (await ann.upload(note, b"x" * 2000)).status_code == 303  # the control: just below
        assert len(list((site.settings.files / "files").iterdir())) == 1


async def test_a_body_over_the_policys_cap_never_reaches_the_application(site: Site) -> None:
    async with site.member() as ann:
        answer = await ann.upload(await ann.write("Huge"), b"x" * 7_000_000)
        assert answer.status_code == 413
        assert "body-too-large" in answer.text


async def test_an_upload_without_a_token_before_the_file_is_refused(site: Site) -> None:
    async with site.member() as ann:
        note = await ann.write("Note")
        files = {"file": ("a.txt", b"content", "text/plain")}
        assert (await ann.client.post(f"/notes/{note}/attachments", files=files)).status_code == 403
        assert await attachments(ann, note) == []
        assert (await ann.upload(note, b"content")).status_code == 303  # the control


async def test_an_upload_that_is_no_multipart_form_is_415(site: Site) -> None:
    async with site.member() as ann:
        note = await ann.write("Note")
        assert (await ann.api("POST", f"/notes/{note}/attachments", {"file": "x"})).status_code == 415


async def test_a_path_in_a_file_name_stays_a_name(site: Site) -> None:
    async with site.member() as ann:
        note = await ann.write("Note")
        await ann.upload(note, b"content", "../../../etc/notes.txt")
        (file,) = await attachments(ann, note)
        assert file["name"] == "notes.txt"
        (stored,) = (site.settings.files / "files").iterdir()
        assert len(stored.name) == 48
        assert stored.stat().st_mode & 0o777 == 0o600


async def test_what_is_not_what_it_says_is_refused_and_leaves_nothing_behind(site: Site) -> None:
    async with site.member() as ann:
        note = await ann.write("Note")
        for name, content in (
            ("a.html", b"hello"),
            ("a.png", b"<svg/>"),
            ("a.txt", b"<!doctype html>"),
            ("a.php.txt", b"x"),
        ):
            answer = await ann.upload(note, content, name)
            assert (answer.status_code, "upload-refused" in answer.text) == (415, True)
        folders = [site.settings.files / name for name in ("files", "quarantine")]
        assert [list(folder.iterdir()) for folder in folders] == [[], []]


async def test_a_link_for_an_hour_works_for_whoever_has_it_and_for_that_file_alone(site: Site) -> None:
    async with site.member() as ann, site.visitor() as stranger:
        note = await ann.write("Note")
        for content in (b"first", b"second"):
            await ann.upload(note, content)
        one, two = (file["id"] for file in await attachments(ann, note))
        page = (await ann.get(f"/notes/{note}")).text
        (link,) = re.findall(rf'"(/shared/{one}[^"]+)"', page)
        link = unescape(link)
        assert (await stranger.get(link)).content in {b"first", b"second"}
        for broken in (
            link.replace(one, two),
            link.replace("expires=1", "expires=2"),
            link[:-2],
            link.partition("?")[0],
        ):
            assert (await stranger.get(broken)).status_code == 403


async def test_deleting_a_note_deletes_its_files(site: Site) -> None:
    async with site.member() as ann:
        note = await ann.write("Note")
        await ann.upload(note, b"content")
        assert len(list((site.settings.files / "files").iterdir())) == 1
        await ann.api("DELETE", f"/api/notes/{note}")
        assert list((site.settings.files / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, "file"),
        ("", "file"),
        ("..", "file"),
        ("a/b\\c.txt", "c.txt"),
        ('quo"te\r\nSet-Cookie: x=1.txt', "quo_te__Set-Cookie_ x=1.txt"),
        ("photo\u202egpj.exe", "photo_gpj.exe"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("half \ud83d pair", "half _ pair"),
    ],
)
def test_a_shown_name_is_one_harmless_line(sent: str | None, shown: str) -> None:
    assert display_name(sent) == shown
