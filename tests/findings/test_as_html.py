"""The HTML report needs nothing from outside, and no finding's text becomes markup in it."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from garrison.findings.as_html import write
from garrison.findings.inert import lines

from .samples import HOSTILE, SCRIPT, TEXTS, finding, full_report, hostile_report, report


class Page(HTMLParser):
    """Reads a page into its tags, attribute names and text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def policy(source: str) -> dict[str, str]:
    content = next(
        value for tag, name, value in Page(source).attributes if tag == "meta" and value.startswith("default-src")
    )
    return dict(directive.strip().split(" ", 1) for directive in content.split(";"))


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_any_text_leaves_the_page_with_the_same_tags_and_is_shown_as_it_is(text: str) -> None:
    page, benign = Page(write(hostile_report(text))), Page(write(hostile_report("benign")))
    assert page.tags == benign.tags
    assert lines(f"x{text}x") in page.texts


def test_a_naive_page_holds_the_texts_tags() -> None:
    assert ("script", ()) in Page(f"<p>{SCRIPT}</p>").tags
    assert sum(tag == "script" for tag, _ in Page(write(hostile_report(SCRIPT))).tags) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_the_page_shows_only_characters_that_show(text: str) -> None:
    assert write(hostile_report(text)).replace("\n", "").replace("\t", "").isprintable()


def test_the_policy_allows_nothing_but_the_pages_own_style_and_script() -> None:
    source = write(full_report())
    allowed = policy(source)
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        found = re.findall(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert allowed.pop(directive) == f"'sha256-{digest}'"
    assert allowed == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
    }


def test_the_policy_stands_before_everything_it_rules() -> None:
    tags = [tag for tag, _ in Page(write(full_report())).tags]
    assert tags[:4] == ["html", "head", "meta", "meta"]
    assert tags.index("style") > 3


def test_the_page_has_no_outside_resource_and_no_inline_handler_or_style() -> None:
    for tag, name, _ in Page(write(full_report())).attributes:
        assert name not in ("src", "srcset", "style", "action", "ping", "background"), tag
        assert not name.startswith("on")
        assert name != "href" or tag == "a"


def test_only_a_web_address_becomes_a_link() -> None:
    links = [value for tag, name, value in Page(write(report(finding()))).attributes if name == "href"]
    assert links == [finding().reference]
    for reference in ("javascript:alert(1)", "data:text/html,x", "RFC 6797 section 6.1.1"):
        source = write(report(finding(reference=reference)))
        assert not [value for _, name, value in Page(source).attributes if name == "href"]
        assert reference in Page(source).texts[-100:] or reference in source


def test_nothing_found_says_what_was_looked_at() -> None:
    texts = " ".join(Page(write(report())).texts)
    assert "Nothing found." in texts
    assert "garrison.toml, 48 checks" in texts
    assert 'class="verdict good"' in write(report())


def test_a_gap_never_looks_good() -> None:
    for made in (report(statuses=()), report(statuses=full_report().statuses[2:])):
        assert 'class="verdict good"' not in write(made)
    assert "Nothing was looked at" in write(report(statuses=()))
