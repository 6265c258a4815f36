"""Nothing that hides or acts survives on its way to a report."""

import unicodedata

import pytest
from hypothesis import given, settings

from garrison.findings.inert import clip, is_web_url, lines, one_line

from .samples import HOSTILE, TEXTS


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_one_line_leaves_only_characters_that_show(text: str) -> None:
    assert one_line(text).isprintable()


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_lines_leaves_only_characters_that_show_and_line_feeds_and_tabs(text: str) -> None:
    assert lines(text).replace("\n", "").replace("\t", "").isprintable()


def test_the_hostile_texts_do_hide_or_act_by_themselves() -> None:
    acting = [text for text in HOSTILE if any(unicodedata.category(c) in ("Cc", "Cf", "Zl") for c in text)]
    assert len(acting) >= 5


@pytest.mark.parametrize("text", ["plain", "naïve – “quoted” …", "日本語", "emoji 🙂 ⚠️", "a\\b", "<b>&amp;</b>"])
def test_text_that_people_write_is_left_alone(text: str) -> None:
    assert one_line(text) == text == lines(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("a\rb", "a\\rb"),
        ("a\u2028b", "a\\u2028b"),
        ("\u3164", "\\u3164"),
        ("a\u00a0b", "a b"),
        ("a\r\nb\tc", "a b c"),
    ],
)
def test_what_does_not_show_is_spelled_out(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_lines_keeps_line_feeds_and_tabs() -> None:
    assert lines("a\r\nb\n\tc\rd") == "a\nb\n\tc\\rd"


def test_a_clipped_text_says_how_much_is_missing() -> None:
    assert clip("abcdef", 6) == "abcdef"
    assert clip("abcdef", 2) == "ab… (+4 characters)"


@pytest.mark.parametrize(
    "url", ["https://owasp.org/", "http://localhost:8443/x?a=1&b=2#c", "https://fetch.spec.whatwg.org/#cors-(x)"]
)
def test_plain_web_addresses_may_become_links(url: str) -> None:
    assert is_web_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT://x/%0aalert(1)",
        "data:text/html,x",
        "//evil.example",
        "https://",
        "https://good.example@evil.example/",
        'https://x/"onmouseover=x',
        "https://x/<b>",
        "https://x/ y",
        "https://x/\n",
        "https://x/|y",
        "https://x/`y`",
        "https://ex\u0430mple.org/",
        "RFC 6797 section 6.1.1",
        "",
    ],
)
def test_anything_else_stays_text(url: str) -> None:
    assert not is_web_url(url)
