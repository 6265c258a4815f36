"""The post-incident report: what it says, and that nothing an attacker wrote comes alive in it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from garrison.cli.incident_pages import as_html, as_markdown
from garrison.cli.incident_report import length, page_of
from garrison.reactions.affected import affected
from tests.cli.attacked import attacked, opened
from tests.cli.reported import NOTES, QUIET, SCRIPT, written
from tests.cli.running import Here
from tests.detection.making import START, event


def test_it_says_who_did_what_when_and_what_the_record_does_not_tell() -> None:
    for text in written():
        plain = text.replace("\\", "").replace("&#x27;", "'").replace("&amp;", "&")
        for said in (
            "Stuffing by O'Brien & co. 林 🎁", "by cli:bob, 5 min after it was opened", "by cli:eve", "stuffing", "bob",
            "garrison undo r1", "5e55", "72 h", "No event says which records were read", "5, until 2027",
        ):  # fmt: skip
            assert said in plain, said


def test_runs_of_one_event_are_one_row_and_rows_are_bounded() -> None:
    flood = [event(at=number, client=f"203.0.113.{number % 250}") for number in range(5000)]
    page = page_of(QUIET, NOTES, flood, affected(flood), START)
    rows = next(part for part in page.parts if part.head == "Timeline").rows
    assert len(rows) == 200
    assert len(as_html(page)) < 200_000


def test_an_incident_without_events_has_a_report_that_says_so() -> None:
    page = page_of(QUIET, [], [], affected([]), START)
    assert "none on record" in as_markdown(page)
    assert "No containment is on record" in as_html(page)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.25, "0.2 s"), (59, "59 s"), (61, "1 min"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")]
)
def test_a_length_is_said_in_words(seconds: float, said: str) -> None:
    assert length(seconds) == said


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)


def test_what_others_wrote_makes_no_tag_no_link_and_no_row() -> None:
    (calm_md, calm), (md, html) = written(), written(f"{SCRIPT}\n| x | [a](javascript:b) @team #1 \u202e\x1b[31m")
    tags, calm_tags = Tags(), Tags()
    tags.feed(html)
    calm_tags.feed(calm)
    assert tags.seen == calm_tags.seen
    assert "script" not in tags.seen
    assert "\x1b" not in html + md
    assert "\u202e" not in html + md
    assert "](javascript" not in md
    assert "<" not in md.replace("&lt;", "")
    widths = {line.count("|") - line.count("\\|") for line in md.splitlines() if line.startswith("|")}
    assert widths == {line.count("|") for line in calm_md.splitlines() if line.startswith("|")}


def test_the_command_writes_both_and_never_over_a_file(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    site = attacked(here, monkeypatch)
    what = opened(site, "Guessing <b>")
    assert "# Guessing &lt;b&gt;" in site.run("incident", "report", what).out
    assert site.run("incident", "report", what, "--format", "html", "-o", "r.html").code == 0
    assert "<h1>Guessing &lt;b&gt;</h1>" in (site.folder / "r.html").read_text("utf-8")
    assert site.run("incident", "report", what, "-o", "r.html").code == 2
