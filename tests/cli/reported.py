"""A report of an incident, for tests: a quiet one, and one in which everything others write is hostile."""

from __future__ import annotations

from dataclasses import replace

from garrison.cli.incident_pages import as_html, as_markdown
from garrison.cli.incident_report import page_of
from garrison.events.vocabulary import EventName
from garrison.reactions.affected import affected
from garrison.reactions.incidents import Incident, Note
from tests.detection.making import START, event

SCRIPT = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\"><svg onload=alert(1)>"
QUIET = Incident(
    "i1", "Stuffing by O'Brien & co. 林 🎁", "error", "closed", "client=203.0.113.7", START - 60, START + 7200, START,
    "cli:ada", "Ada", START + 300, "cli:bob", "cli:eve",
)  # fmt: skip
NOTES = [Note(START + 300, "cli:bob", "containment", "banned 203.0.113.7; undo: garrison undo r1")]
EVENTS = [
    *(event(at=number, path="/log-in", method="POST", details={"account": "a***@x"}) for number in range(5)),
    event(EventName.ALERT_RAISED, at=5, client="", details={"rule": "stuffing", "who": "203.0.113.7"}),
    event(EventName.AUTHN_LOGIN_SUCCESS, at=6, principal="bob", session="5e55"),
]  # fmt: skip


def written(text: str = "") -> tuple[str, str]:
    """The report as Markdown and HTML, with `text` in everything that others write."""
    incident = replace(QUIET, title=QUIET.title + text, assignee=text or "Ada")
    notes = [replace(note, text=note.text + text, by=note.by + text) for note in NOTES]
    events = [*EVENTS, event(at=7, client=text, path=f"/{text}", principal=text, details={"account": text})]
    page = page_of(incident, notes, events if text else EVENTS, affected(events if text else EVENTS), START + 9000)
    return as_markdown(page), as_html(page)
