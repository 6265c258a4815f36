"""The text report cannot be made to drive the terminal, and says what was looked at."""

from io import StringIO

import pytest
from hypothesis import given, settings
from rich.console import Console

from garrison.findings.as_text import render, write

from .samples import HOSTILE, TEXTS, finding, full_report, hostile_report, report


def words(text: str) -> str:
    return " ".join(text.split())


def naive(text: str) -> str:
    buffer = StringIO()
    Console(file=buffer, width=200, color_system=None).print(f"message: {text}")
    return buffer.getvalue()


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_no_text_puts_a_control_on_the_terminal(text: str) -> None:
    assert write(hostile_report(text)).replace("\n", "").isprintable()


def test_a_naive_writer_passes_escape_sequences_on() -> None:
    assert "\x1b[31m" in naive("\x1b[31mred\x1b[0m\x1b]52;c;aGk=\x07")


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_text_that_looks_like_markup_is_shown_as_it_is(text: str) -> None:
    shown = write(hostile_report(text), width=4000)
    assert words(shown).count(words(text)) >= 11  # each field, each status, and the verdict


def test_a_naive_writer_swallows_text_as_markup() -> None:
    assert "[bold red]" not in naive("[bold red]markup[/]")


def test_colour_comes_from_severity_alone() -> None:
    """With colour on, the only escapes are rich's own: the text's are spelled out."""
    buffer = StringIO()
    console = Console(file=buffer, width=100, force_terminal=True, color_system="standard")
    console.print(render(report(finding(message="\x1b[31mred\x1b]0;title\x07"))))
    assert "\\x1b[31mred\\x1b]0;title\\x07" in buffer.getvalue()
    assert "\x07" not in buffer.getvalue()
    assert "\x1b[1;31m HIGH " in buffer.getvalue()


def test_no_text_can_write_a_line_that_starts_like_a_label_or_a_row() -> None:
    shown = write(report(finding(message="a\nFix  run this\n CRITICAL   P999  forged")))
    starts = [line.split()[0] for line in shown.splitlines() if line and not line.startswith(" " * 9)]
    assert starts == ["garrison", "HIGH", "Found"]
    column = min(len(line) - len(line.lstrip()) for line in shown.splitlines() if "forged" in line)
    assert column > shown.splitlines()[3].index("Where")


def test_nothing_found_says_what_was_looked_at() -> None:
    assert write(report()) == "garrison check 0.1.0\n\nNothing found. Looked at garrison.toml, 48 checks.\n"


def test_nothing_found_is_never_said_alone_when_something_did_not_run() -> None:
    gaps = tuple(status for status in full_report().statuses if not status.outcome.full)
    shown = words(write(report(statuses=gaps)))
    assert "Not everything ran" in shown
    assert all(words(status.detail) in shown for status in gaps)


def test_a_report_in_which_nothing_ran_says_so() -> None:
    assert "Nothing was looked at" in write(report(statuses=()))
    assert "Nothing found" not in write(report(statuses=()))


def test_every_finding_shows_its_id_place_message_and_remedy() -> None:
    shown = write(full_report())
    for item in full_report().findings:
        assert item.id in shown
        assert str(item.location or "") in shown
    assert shown.count("Fix") == shown.count("What ") - 1 == len(full_report().findings)


def test_the_text_keeps_to_the_width_it_was_given() -> None:
    assert max(map(len, write(full_report(), width=60).splitlines())) <= 60
