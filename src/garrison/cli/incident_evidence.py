"""`garrison incident report`, `export` and `verify`: what others are given."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .incident_book import Id, read, timeline
from .options import Format, PolicyFile, State, load_policy
from .output import Shape, Usage, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from .incident_report import Page


class ReportShape(StrEnum):
    """How a report is written."""

    MARKDOWN = "markdown"
    HTML = "html"


def report(
    what: Id,
    shape: Annotated[ReportShape, typer.Option("--format", "-f", help="How to write it.")] = ReportShape.MARKDOWN,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead; must not exist.")
    ] = None,
    policy: PolicyFile = None,
    state: State = None,
) -> None:
    """Write the post-incident report: what the record knows, and room for what only people know."""
    from .incident_pages import as_html, as_markdown

    text = (as_html if shape is ReportShape.HTML else as_markdown)(_page(what, policy, state))
    if output is None:
        print_raw(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Usage(f"{output} can't be written: {error.strerror}.") from None
    out().print(safe(f"written to {output}"))


def export(
    what: Id,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; must not exist.")],
    sbom: Annotated[
        Path | None,
        typer.Option("--sbom", metavar="FILE", help="Bill of materials (CycloneDX); otherwise incidents.sbom."),
    ] = None,
    no_sbom: Annotated[bool, typer.Option("--no-sbom", help="Leave the one that the policy names out.")] = False,
    policy: PolicyFile = None,
    state: State = None,
) -> None:
    """Write a signed bundle of evidence: timeline, proofs, configuration, bill of materials, versions, report."""
    from ..reactions.affected import affected
    from ..reactions.evidence import pack
    from .audit_log import log_folder, open_log, own_signer
    from .incident_bundle import Bundled, files_of, proofs_of, read_sbom

    loaded = load_policy(policy).policy
    file = None if no_sbom else sbom or (Path(loaded.incidents.sbom) if loaded.incidents.sbom else None)
    bill = read_sbom(file) if file else None
    incident, notes = read(policy, what)
    found = timeline(incident, policy, state)
    with open_log(policy, state, signing=True) as log:
        log.checkpoint()
    proofs = proofs_of(log_folder(policy, state), found.events)
    files = files_of(Bundled(incident, notes, found, affected(found.events), proofs, loaded, bill), time.time())
    try:
        with own_signer(policy) as signer:
            pack(output, incident.id, files, signer, time.time())
    except OSError as error:
        raise Usage(f"{output} can't be written: {error.strerror}.") from None
    said = f"with the bill of materials ({len(bill.versions)} packages)" if bill else "without a bill of materials"
    out().print(safe(f"{len(found.events)} events, {len(proofs)} of them proved, {said}, in {output}"), soft_wrap=True)


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle of evidence.")],
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="KEY", help="Who may have signed: what `audit key` prints.")
    ] = None,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Check a bundle, on any machine. Ends with 1 when anything in it was changed."""
    from ..reactions.evidence import origins
    from ..reactions.evidence import verify as verify_bundle
    from .audit_log import keys_for

    found = verify_bundle(file, keys_for(key, policy, origins(file) or ["garrison"]))
    if shape is Shape.JSON:
        print_json(found)
    else:
        out().print(safe(f"{found['incident']}: {found['files']} files and {found['proofs']} proofs hold"))


def _page(what: str, policy: Path | None, state: Path | None) -> Page:
    from ..reactions.affected import affected
    from .incident_report import page_of

    incident, notes = read(policy, what)
    found = timeline(incident, policy, state)
    return page_of(incident, notes, found.events, affected(found.events), time.time())
