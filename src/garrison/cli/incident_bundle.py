"""What goes into a bundle of evidence: timeline, proofs from the audit log, configuration, bill of materials, versions,
a report."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..core.errors import OperatorError
from ..policy.bill import NoBill, read_bill
from .incident_book import Timeline
from .incident_pages import as_html, as_markdown
from .incident_report import page_of

if TYPE_CHECKING:
    from ..events.event import Event
    from ..policy.model import Policy
    from ..reactions.affected import Affected
    from ..reactions.incidents import Incident, Note

MOST_PROOFS: Final = 200


class SbomUnusable(OperatorError):
    """The file is no bill of materials in CycloneDX."""

    exit_code = 2

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(
            f"The bill of materials {file} can't be used: {why}.",
            remedy="Make it with `garrison scan sbom . --output FILE`, or leave it out with --no-sbom.",
            reference="docs/scan-supply.md",
        )
        self.file = file


@dataclass(frozen=True, slots=True)
class Sbom:
    """A bill of materials: its bytes, and the versions that it names of Python packages."""

    raw: bytes
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bundled:
    """What a bundle is made of."""

    incident: Incident
    notes: Sequence[Note]
    found: Timeline
    concerned: Affected
    proofs: Mapping[str, Any]
    policy: Policy
    sbom: Sbom | None


def read_sbom(file: Path) -> Sbom:
    """The bill of materials in `file`. Raises `SbomUnusable`."""
    try:
        raw, data = read_bill(file)
    except NoBill as error:
        raise SbomUnusable(file, str(error)) from None
    parts = data.get("components")
    named = [one for one in parts if isinstance(one, dict)] if isinstance(parts, list) else []
    return Sbom(raw, {_plain(str(one.get("name"))): str(one.get("version")) for one in named})


def files_of(made: Bundled, now: float) -> dict[str, bytes]:
    """The bundle's files by name."""
    incident, notes, events = made.incident, made.notes, made.found.events
    page = page_of(incident, notes, events, made.concerned, now)
    files = {
        "incident.json": _json({**asdict(incident), "notes": [asdict(note) for note in notes]}),
        "timeline.jsonl": "".join(f"{event.to_json()}\n" for event in events).encode("ascii"),
        "affected.json": _json(asdict(made.concerned)),
        "configuration.json": _json(_configuration(made.policy, made.found)),
        "versions.json": _json(_versions(made.sbom)),
        "report.md": as_markdown(page).encode("utf-8"),
        "report.html": as_html(page).encode("utf-8"),
    }
    if made.sbom:
        files["sbom.cdx.json"] = made.sbom.raw
    return files | {f"proofs/{name}.json": _json(proof) for name, proof in made.proofs.items()}


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


def _configuration(policy: Policy, found: Timeline) -> dict[str, Any]:
    """Which policy is in force here, and which ones the record says were put to work: digests, no values."""
    from ..recording import digest_of

    now = {"preset": policy.preset, "environment": policy.environment, "digest": digest_of(policy)}
    loaded = [{"time": event.time, "node": event.node, **event.details} for event in found.policies]
    return {"policy": now, "loaded": loaded}


def _versions(sbom: Sbom | None) -> dict[str, Any]:
    """What is installed: names, versions, the digest of each package's own list of files (RECORD), and where that is
    not what the bill of materials says."""
    from ..events.version import VERSION

    installed = dict(_packages())
    made: dict[str, Any] = {
        "garrison": VERSION, "python": platform.python_version(), "platform": platform.platform(),
        "packages": {name: version for name, (version, _) in installed.items()},
        "records": {name: record for name, (_, record) in installed.items() if record},
    }  # fmt: skip
    if sbom:
        plain = {_plain(name): version for name, (version, _) in installed.items()}
        other = {name: [version, plain[name]] for name, version in sbom.versions.items()
                 if plain.get(name, version) != version}  # fmt: skip
        made["sbom"] = {"sha256": sha256(sbom.raw).hexdigest(), "packages": len(sbom.versions), "differs": other}
    return made


def _entries(folder: Path, wanted: set[str]) -> Iterator[tuple[str, int]]:
    from ..events.audit.source import Part, parts_of

    with parts_of(folder) as parts:
        for part in parts:
            for row in part.rows if isinstance(part, Part) else ():
                public = json.loads(row.public)
                name = f"{public.get('run', '')}-{public.get('seq', 0)}"
                if name in wanted:
                    yield name, row.id


def _packages() -> Iterator[tuple[str, tuple[str, str]]]:
    for one in sorted(distributions(), key=lambda found: (found.metadata["Name"] or "").lower()):
        record = one.read_text("RECORD")
        digest = sha256(record.encode("utf-8", "surrogateescape")).hexdigest() if record else ""
        yield one.metadata["Name"] or "?", (one.version, digest)


def _plain(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return "-".join(filter(None, name.lower().replace("_", "-").replace(".", "-").split("-")))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=True).encode("ascii")
