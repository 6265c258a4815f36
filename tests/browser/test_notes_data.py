"""Attachments, Markdown, link previews, search, export and import in Chromium; with SCREENSHOTS set, their pictures.

`SCREENSHOTS=1 pytest tests/browser/test_notes_data.py` writes them to `docs/images`.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from examples.notes import Settings
from tests.browser.serving import Site
from tests.browser.test_notes import events, log_in, notes, sign_up
from tests.browser.watching import Watch
from tests.inputs.uploads import builders as b

__all__ = ["events", "notes"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
TEXT = """Use `<script>` with care, says O'Brien.

| Step | When |
|---|---|
| Pack the *boxes* | Monday |
| ~~Call~~ Write to the team | Tuesday |

<img src=x onerror=alert(1)>

- [the checklist](https://example.com/checklist)
- [not a link](javascript:alert(1))
"""


def shoot(page: Page, name: str) -> None:
    if os.environ.get("SCREENSHOTS"):
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=IMAGES / f"notes-{name}.png", full_page=True, animations="disabled")


class Linked(BaseHTTPRequestHandler):
    """A page of somebody else."""

    def do_GET(self) -> None:
        body = b"<title>Moving house: the checklist &amp; more</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests stay quiet."""


@pytest.fixture
def linked() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Linked)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(
        environment="development",
        data=folder / "data",
        allow_insecure_fast_hash=True,
        allow_insecure_loopback_preview=True,
    )


def test_everything_that_comes_in_and_goes_out_works_in_a_browser(
    notes: Site, visitor: BrowserContext, watch: Watch, linked: str, folder: Path
) -> None:
    page = visitor.new_page()
    page.set_viewport_size({"width": 1180, "height": 820})
    sign_up(page, notes, "Ann")
    log_in(page, notes, "Ann")

    # a link's title, fetched by the server
    page.goto(notes.url + "/notes/new")
    page.get_by_label("Title").fill("Moving house")
    page.get_by_label("Text").fill(TEXT)
    page.get_by_label("Address of the link").fill(linked)
    page.get_by_role("button", name="Insert with title").click()
    expect(page.get_by_label("Text")).to_have_value(re.compile("Moving house: the checklist & more"))
    shoot(page, "preview")
    page.get_by_role("button", name="Save").click()

    # Markdown: sanitised, and shown as it was written where it is no Markdown
    prose = page.locator(".prose")
    expect(prose.locator("table td em")).to_have_text("boxes")
    expect(prose).to_contain_text("<img src=x onerror=alert(1)>")
    assert prose.locator("img").count() == 0
    assert prose.locator("a").all_inner_texts() == ["the checklist", "Moving house: the checklist & more"]
    shoot(page, "markdown")

    # attachments: a picture is taken and written anew, a page in disguise is refused
    attach(page, "garden.jpg", "image/jpeg", b.picture("JPEG", size=(320, 200), exif=True))
    attach(page, "list.txt", "text/plain", b"1. boxes\n2. tape\n")
    expect(page.locator(".files li")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name="garden.jpg").click()
    stored = Path(download.value.path()).read_bytes()
    assert stored.startswith(b"\xff\xd8\xff")
    assert b"secret place" not in stored
    shoot(page, "attachments")
    address = page.url
    attach(page, "plan.txt", "text/plain", b.HTML)
    expect(page.locator("body")).to_contain_text("The file holds something that could run.")
    shoot(page, "attachment-refused")

    # a link for an hour, in a browser where nobody is logged in
    page.goto(address)
    link = page.get_by_role("link", name="link for an hour").first.get_attribute("href")
    visitor_page = visitor.browser
    assert visitor_page is not None
    stranger = visitor_page.new_context()
    answer = stranger.request.get(notes.url + str(link), ignore_https_errors=True)
    assert (answer.status, answer.body()) in [(200, stored), (200, b"1. boxes\n2. tape\n")]
    assert stranger.request.get(notes.url + str(link)[:-3], ignore_https_errors=True).status == 403
    stranger.close()

    # search: the words are shown as text
    page.goto(notes.url)
    page.get_by_label("Search notes").fill("O'Brien")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#notes h2")).to_have_text(["Moving house"])
    shoot(page, "search")

    # export and import
    page.get_by_role("link", name="Your data").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as JSON").click()
    exported = Path(download.value.path()).read_bytes()
    assert json.loads(exported)["notes"][0]["title"] == "Moving house"
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert Path(download.value.path()).read_bytes().startswith(b'"title","text"')
    shoot(page, "export")
    export: FilePayload = {"name": "notes.json", "mimeType": "application/json", "buffer": exported}
    page.get_by_label("Export", exact=True).set_input_files(export)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status")).to_have_text("1 note imported.")
    shoot(page, "import")
    expected = ("status of 415", "favicon.ico")  # the refused file, whose page is Garrison's own and names no icon
    assert [one for one in watch.complaints if not any(word in one for word in expected)] == []


def attach(page: Page, name: str, kind: str, content: bytes) -> None:
    file: FilePayload = {"name": name, "mimeType": kind, "buffer": content}
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_load_state()
