"""What goes into a bundle of evidence: the timeline, proofs from the audit log, versions, a report."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .options import event_store

if TYPE_CHECKING:
    from ..events.event import Event
    from ..reactions.incidents import Incident, Note

MOST_EVENTS: Final = 20_000
MOST_PROOFS: Final = 200


def timeline(incident: Incident, policy: Path | None, state: Path | None) -> list[Event]:
    """The incident's events that the store holds, in order; the newest `MOST_EVENTS`. Raises `NoEvents`."""
    from ..events.filter import compile_filter
    from ..events.query import scan

    test, found = compile_filter(incident.where), []
    for stored in scan(event_store(policy, state), incident.since):
        event = stored.event
        if (not incident.until or event.when <= incident.until) and test(event):
            found.append(event)
    return found[-MOST_EVENTS:]


def files_of(
    incident: Incident, notes: Sequence[Note], events: Sequence[Event], proofs: dict[str, Any]
) -> dict[str, bytes]:
    """The bundle's files by name."""
    from dataclasses import asdict

    from ..events.version import VERSION

    versions = {"garrison": VERSION, "python": platform.python_version(), "packages": dict(_packages())}
    files = {
        "incident.json": _json({**asdict(incident), "notes": [asdict(note) for note in notes]}),
        "timeline.jsonl": "".join(f"{event.to_json()}\n" for event in events).encode("ascii"),
        "versions.json": _json(versions),
        "report.md": report(incident, notes, events).encode("utf-8"),
    }
    return files | {f"proofs/{name}.json": _json(proof) for name, proof in proofs.items()}


def proofs_of(folder: Path, events: Sequence[Event]) -> dict[str, Any]:
    """Proofs of inclusion for those of `events` that the audit log holds, at most `MOST_PROOFS`, by run and number."""
    from ..events.audit.proof import NotProvable, prove

    found: dict[str, Any] = {}
    for name, index in _entries(folder, {f"{event.run}-{event.seq}" for event in events}):
        if len(found) >= MOST_PROOFS:
            break
        try:
            found[name] = prove(folder, index)
        except NotProvable:  # written after the newest checkpoint: the timeline has it, without a proof
            continue
    return found


def report(incident: Incident, notes: Sequence[Note], events: Sequence[Event]) -> str:
    """What happened, in Markdown, for people; a frame for the rest (NIST SP 800-61r3)."""
    from ..findings.inert import one_line

    names = Counter(event.name.value for event in events)
    clients = Counter(event.client for event in events if event.client)
    users = sorted({event.principal for event in events if event.principal})
    chosen = one_line(incident.where) or "everything"
    lines = [f"# {one_line(incident.title)}", "", f"{incident.id}, {incident.severity}, {incident.state}", ""]
    lines += [f"Events: {len(events)}, chosen by `{chosen}`", "", "## Events", ""]
    lines += [f"- {name}: {count}" for name, count in names.most_common(30)]
    lines += ["", "## Clients", "", *(f"- {one_line(name)}: {count}" for name, count in clients.most_common(30))]
    lines += ["", "## Users concerned", "", *(f"- {one_line(name)}" for name in users[:100])]
    done = (f"- {_time(note.when)} {note.by} ({note.kind}): {one_line(note.text)}" for note in notes)
    lines += ["", "## What was done", "", *done]
    lines += ["", "## Cause", "", "## What we learn from it", ""]
    return "\n".join(lines)


def _entries(folder: Path, wanted: set[str]) -> Iterator[tuple[str, int]]:
    from ..events.audit.source import Part, parts_of

    with parts_of(folder) as parts:
        for part in parts:
            for row in part.rows if isinstance(part, Part) else ():
                public = json.loads(row.public)
                name = f"{public.get('run', '')}-{public.get('seq', 0)}"
                if name in wanted:
                    yield name, row.id


def _packages() -> Iterator[tuple[str, str]]:
    for one in sorted(distributions(), key=lambda found: (found.metadata["Name"] or "").lower()):
        yield one.metadata["Name"] or "?", one.version


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=True).encode("ascii")


def _time(when: float) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S} UTC"
