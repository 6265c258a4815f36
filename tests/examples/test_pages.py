"""What all pages have in common, the export, the probe, and the documentation."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from examples.notes.pages import HERE

from .site import Site

pytestmark = pytest.mark.anyio

_HANDLER = re.compile(r"\bon[a-z]+\s*=\s*['\"]")
_SINKS = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc")


class Elements(HTMLParser):
    """Every start tag of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


async def test_every_page_fits_the_strict_policy(site: Site) -> None:
    """CSP Level 3, strict: scripts by nonce, no handlers, no style attributes, nothing of another origin."""
    async with site.admin() as admin:
        note = await admin.write("Page", "[link](https://example.com/) `code`")
        paths = (
            "/",
            "/?q=x",
            "/notes/new",
            f"/notes/{note}",
            f"/notes/{note}/edit",
            "/admin",
            "/account/sessions",
            "/sign-up",
            "/nowhere",
            "/docs",
        )
        for path in paths:
            answer = await admin.get(path)
            nonce = re.search(r"script-src 'nonce-([^']+)' 'strict-dynamic'", answer.headers["content-security-policy"])
            assert nonce, path
            page = Elements(answer.text)
            assert page.named("script"), path
            for script in page.named("script"):
                assert (script["nonce"], str(script["src"])[:1]) == (nonce[1], "/"), path
            for tag, attributes in page.found:
                assert not any(name.startswith("on") or name == "style" for name in attributes), (path, tag)
            loaded = [tag.get("src") or tag.get("href") for name in ("img", "link") for tag in page.named(name)]
            assert all(str(address).startswith("/") for address in loaded), path


async def test_every_form_that_posts_carries_the_token_first(site: Site) -> None:
    async with site.admin() as admin:
        note = await admin.write("Page")
        forms = 0
        pages = ("/", "/notes/new", f"/notes/{note}", f"/notes/{note}/edit", "/admin", "/account/sessions", "/sign-up")
        for path in pages:
            page = Elements((await admin.get(path)).text)
            for index, (tag, attributes) in enumerate(page.found):
                if tag == "form" and attributes.get("method") == "post":
                    forms += 1
                    assert page.found[index + 1][1].get("name") == "csrf_token", path
        assert forms >= 8


@pytest.mark.parametrize("file", sorted(HERE.rglob("*.js")) + sorted(HERE.rglob("*.html")), ids=lambda path: path.name)
def test_no_file_has_a_handler_attribute_or_makes_html_from_text(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not _HANDLER.search(text)
    assert not _SINKS.search(text)


async def test_an_export_holds_ones_own_notes_and_nobody_elses(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob") as bob:
        await ann.write("Ann's 🚀", "words")
        await bob.write("Bob's", shared=True)
        answer = await ann.get("/export")
        assert answer.headers["content-disposition"] == 'attachment; filename="notes.json"'
        assert answer.headers["cache-control"] == "no-store"
        export = answer.json()
        assert [note["title"] for note in export["notes"]] == ["Ann's 🚀"]
        assert export["account"]["email"] == "ann@example.com"
        assert "password" not in answer.text
        assert "argon2" not in answer.text


async def test_a_probe_by_ip_address_gets_its_answer_and_nothing_else(site: Site) -> None:
    async with site.visitor() as probe:
        by_address = {"Host": "10.1.2.3"}
        answer = await probe.get("/healthz", headers=by_address)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert (await probe.get("/log-in", headers=by_address)).status_code == 421


async def test_an_unknown_page_is_404_with_all_headers(site: Site) -> None:
    async with site.visitor() as person:
        for path in ("/nowhere", "/notes/not-an-id", "/static/../app.py", "/static/nothing.css"):
            answer = await person.get(path)
            assert answer.status_code in {303, 400, 404}, path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "create_app" not in answer.text


async def test_static_files_may_be_kept_by_the_browser_and_pages_may_not(site: Site) -> None:
    async with site.member() as ann:
        style = await ann.get("/static/app.css")
        assert style.status_code == 200
        assert "no-store" not in style.headers.get("cache-control", "")
        assert (await ann.get("/")).headers["cache-control"] == "no-store"
