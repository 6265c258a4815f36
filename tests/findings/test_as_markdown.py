"""The Markdown report is what it says when rendered: no link, no HTML, no extra row comes out of a finding's text."""

import re

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from garrison.findings.as_markdown import BUDGET, escape, write
from garrison.findings.inert import one_line

from .samples import HOSTILE, TEXTS, finding, full_report, hostile_report, report

JOINER = "\u2060"


def render(source: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(source)


def leaves(tokens: list[Token]) -> list[Token]:
    """The tokens in order, inline ones replaced by what they hold."""
    return [leaf for token in tokens for leaf in (token.children or [] if token.type == "inline" else [token])]


def kinds(source: str) -> set[str]:
    return {leaf.type for leaf in leaves(render(source))}


def shape(source: str) -> list[tuple[str, str]]:
    """Every token but the texts: blocks, emphasis, links, HTML."""
    return [(leaf.type, leaf.tag) for leaf in leaves(render(source)) if leaf.type != "text"]


@settings(deadline=None, max_examples=150)
@given(TEXTS)
def test_escaped_text_renders_as_itself(text: str) -> None:
    tokens = render(f"x{escape(text)}x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {leaf.type for leaf in leaves(tokens)} <= {"paragraph_open", "text", "paragraph_close"}
    shown = "".join(leaf.content for leaf in leaves(tokens))
    assert shown.replace(JOINER, "") == f"x{one_line(text)}x"


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_a_report_has_the_same_shape_whatever_the_texts_hold(text: str) -> None:
    assert shape(write(hostile_report(text))) == shape(write(hostile_report("benign")))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("<script>alert(1)</script>", "html_inline"),
        ("[x](https://evil.example)", "link_open"),
        ("![x](https://tracker.example/x.png)", "image"),
        ("`code`", "code_inline"),
        ("**x**", "strong_open"),
        ("one\n\n# head", "heading_open"),
    ],
)
def test_a_naive_writer_turns_text_into_markup(text: str, made: str) -> None:
    assert made in kinds(f"x {text}")
    assert made not in kinds(f"x {escape(text)}")


def test_a_naive_row_is_split_by_a_bar() -> None:
    head = "| a | b |\n| - | - |\n"
    assert [t.content for t in render(f"{head}| x | y|z |") if t.type == "inline"] == ["a", "b", "x", "y"]
    assert [t.content for t in render(f"{head}| x | {escape('y|z')} |") if t.type == "inline"][3] == "y|z"


@pytest.mark.parametrize("text", HOSTILE)
def test_hosts_find_no_address_mention_or_reference_to_link(text: str) -> None:
    source = escape(text)
    assert not re.search(r"https?://|www\.", source)
    shown = "".join(leaf.content for leaf in leaves(render(f"x{source}x")))
    assert not re.search(r"[@#][A-Za-z0-9]", shown)


def test_a_reference_becomes_a_link_only_when_it_is_a_web_address() -> None:
    assert "link_open" in kinds(write(report(finding())))
    assert "link_open" not in kinds(write(report(finding(reference="javascript:alert(1)"))))
    assert "link_open" not in kinds(write(report(finding(reference="RFC 6797"))))


def test_a_link_keeps_its_address() -> None:
    address = "https://owasp.org/x?a=1&lt;=2&copy;#b(c)"
    tokens = leaves(render(write(report(finding(reference=address)))))
    assert [token.attrs["href"] for token in tokens if token.type == "link_open"] == [address]


def test_a_report_too_long_for_a_comment_says_how_much_is_missing() -> None:
    many = [finding(id=f"P{number:03d}", message="<" * 5000) for number in range(200)]
    written = write(report(*many))
    assert len(written) < 65_536
    shown = len(re.findall(r"^\| high ", written, re.MULTILINE))
    assert 0 < shown < 200
    assert f"**{200 - shown} more not shown here for length.**" in written
    assert len(written) < BUDGET + 3_000


def test_nothing_found_says_what_was_looked_at() -> None:
    assert "**Nothing found**. Looked at: garrison\\.toml, 48 checks." in write(report())


def test_a_gap_is_said_beside_the_verdict() -> None:
    assert "Not everything ran" in write(full_report())
    assert "Nothing was looked at" in write(report(statuses=()))
