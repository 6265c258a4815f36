"""datasette behind the preset `compat`: nothing looks or behaves differently."""

from __future__ import annotations

import re
import ssl

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page

from garrison.serve.devca import DevCA
from tests.browser.looks import difference
from tests.browser.watching import Watch
from tests.thirdparty.conftest import Launch, Running

pytestmark = [pytest.mark.browser, pytest.mark.thirdparty, pytest.mark.xdist_group("browser")]

PAGES = (
    "/",
    "/plants",
    "/plants/plants",
    "/plants/plants?_facet=family&_sort_desc=height",
    "/plants/plants/1",
    "/plants/notes",
    "/plants/tall",
    "/plants?sql=select+family%2C+count%28*%29+from+plants+group+by+family",
    "/-/settings",
    "/plants/nothing",
)


def look(page: Page, watch: Watch, running: Running, path: str) -> tuple[int, list[str], bytes]:
    """Status, complaints and picture of a page. The footer shows how long queries took: it is left out."""
    watch.clear()
    answer = page.goto(running.site.url + path)
    assert answer is not None
    complaints = [text.replace(str(running.site.port), "PORT") for text in watch.complaints]
    return answer.status, complaints, page.screenshot(mask=[page.locator("footer")])


@pytest.mark.parametrize("path", PAGES)
def test_a_page_looks_the_same_and_complains_of_nothing_more(
    launch: Launch, visitor: BrowserContext, watch: Watch, path: str
) -> None:
    page = visitor.new_page()

    status, complaints, picture = look(page, watch, launch("datasette"), path)
    guarded_status, guarded_complaints, guarded_picture = look(page, watch, launch("datasette", {}), path)

    assert guarded_status == status
    assert guarded_complaints == complaints
    assert difference(visitor, picture, guarded_picture) < 0.001


def test_the_strict_preset_breaks_it_and_the_comparison_sees_that(
    launch: Launch, visitor: BrowserContext, watch: Watch
) -> None:
    page = visitor.new_page()

    _, _, picture = look(page, watch, launch("datasette"), "/plants/plants")
    _, complaints, broken = look(page, watch, launch("datasette", {"preset": "browser"}), "/plants/plants")

    assert [text for text in complaints if "script-src" in text]
    assert difference(visitor, picture, broken) > 0.001


def test_a_visitor_can_facet_sort_and_ask_in_sql(launch: Launch, visitor: BrowserContext, watch: Watch) -> None:
    running, page = launch("datasette", {}), visitor.new_page()
    page.goto(running.site.url + "/plants/plants?_facet=family")

    page.locator(".facet-info a", has_text="Fabaceae").click()
    assert "40 rows" in page.title()
    page.locator("th.col-height a").first.click()
    page.wait_for_url("**_sort*=height*")

    page.goto(running.site.url + "/plants")
    page.locator(".CodeMirror, .cm-editor").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("select name from plants where height = 3.0")
    page.locator("form.sql input[type=submit]").first.click()
    assert page.locator("td.col-name").inner_text() == "plant 2"
    assert watch.complaints == []


def test_its_own_form_with_its_own_token_is_taken(launch: Launch, visitor: BrowserContext, watch: Watch) -> None:
    page = visitor.new_page()
    page.goto(launch("datasette", {}).site.url + "/-/messages")

    page.locator("input[name=message]").fill("hello")
    page.locator("form input[type=submit]").last.click()

    assert page.locator(".message-info").inner_text() == "hello"
    assert watch.complaints == []


@pytest.mark.parametrize("path", ["/plants/plants.json?_shape=array", "/plants/notes.csv", "/-/static/app.css"])
def test_data_is_the_same_to_the_byte(launch: Launch, ca: DevCA, path: str) -> None:
    trusting = ssl.create_default_context(cafile=ca.certificate_file)

    bare = httpx.get(launch("datasette").site.url + path, verify=trusting)
    guarded = httpx.get(launch("datasette", {}).site.url + path, verify=trusting)

    assert bare.status_code == guarded.status_code == 200
    assert guarded.content == bare.content
    assert guarded.headers["content-type"] == bare.headers["content-type"]
    assert re.search("script-src 'self'", guarded.headers["content-security-policy"])
    assert "content-security-policy" not in bare.headers
