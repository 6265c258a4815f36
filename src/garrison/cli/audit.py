"""`garrison audit`: prove that the record of what happened is the record of what happened."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .audit_log import checkpoints_in, keys_for, log_folder, open_log, origin_at
from .group import Group
from .options import Format, PolicyFile, State, event_store
from .output import FOUND, Shape, Usage, err, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..events.audit.note import VerifierKey
    from ..events.audit.verify import Report

app = typer.Typer(cls=Group, no_args_is_help=True, help="The tamper-evident audit log.")
Logs = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[LOG]...", help="Folders of logs, exports or proofs; several nodes' too."),
]
Keys = Annotated[
    list[str] | None, typer.Option("--key", metavar="KEY", help="Who may have signed: what `audit key` prints.")
]


@app.callback()
def _audit() -> None:
    """Entries in a hash chain and a Merkle tree under signed checkpoints. What it can't show: docs/audit.md."""


@app.command()
def verify(
    logs: Logs = None,
    key: Keys = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", metavar="FILE", help="Checkpoints kept elsewhere: what the end was, and when."),
    ] = None,
    policy: PolicyFile = None,
    state: State = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Find every edit, removal, insertion, move and truncation, and say where. Exits with 1 when there is one."""
    from ..events.audit.proof import read_proof
    from ..events.audit.source import parts_of
    from ..events.audit.verify import verify as verify_log

    origins = {path: origin_at(path) for path in logs or [log_folder(policy, state)]}
    keys, kept = keys_for(key, policy, sorted(set(origins.values()))), checkpoints_in(checkpoint or [])
    bad = False
    shown: list[object] = []
    for path, origin in origins.items():
        # Of several nodes' checkpoints each log gets its own; one that is of none of them is a finding.
        known = [one for one in kept if one.origin == origin or one.origin not in origins.values()]
        if path.is_file() and (proof := read_proof(path)) is not None:
            shown.append(_check_proof(proof, keys, shape))
            continue
        with parts_of(path) as parts:
            began = time.perf_counter()
            report = verify_log(parts, keys, known)
        bad = bad or not report.ok
        shown.append(_plain(path, report))
        if shape is Shape.TEXT:
            _show(path, report, time.perf_counter() - began)
    if shape is Shape.JSON:
        print_json(shown)
    if bad:
        raise typer.Exit(FOUND)


@app.command()
def proof(
    index: Annotated[int, typer.Argument(metavar="ENTRY", min=0, help="The number of the entry.")],
    public: Annotated[bool, typer.Option("--public", help="Leave the personal fields out.")] = False,
    policy: PolicyFile = None,
    state: State = None,
) -> None:
    """Print one entry with its inclusion proof; `verify FILE --key KEY` checks it on any machine."""
    from ..events.audit.proof import prove

    print_json(prove(log_folder(policy, state), index, personal=not public))


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; must not exist.")],
    policy: PolicyFile = None,
    state: State = None,
) -> None:
    """Write the whole log with its checkpoints into one file that `verify` reads."""
    from .audit_log import export_log

    count = export_log(log_folder(policy, state), output)
    out().print(safe(f"{count} entries in {output}"))


@app.command()
def checkpoint(policy: PolicyFile = None, state: State = None) -> None:
    """Sign what is there now and print the newest checkpoint (C2SP tlog-checkpoint). Keep it off this machine."""
    from .audit_log import newest_note

    with open_log(policy, state, signing=True) as log:
        note = log.checkpoint()
    print_raw(note or newest_note(log_folder(policy, state)))


@app.command()
def key(policy: PolicyFile = None) -> None:
    """Print the verifier key of this node's log, to be kept where the log is not."""
    import socket

    from ..events.audit.log import origin_of
    from ..events.audit.segment import segments

    folder = log_folder(policy, None)
    origin = origin_at(folder) if segments(folder) else origin_of(socket.gethostname())
    for one in keys_for(None, policy, [origin]):
        print_raw(str(one))


@app.command()
def erase(
    why: Annotated[str, typer.Option("--why", help="What for, without personal data; it stays in the log.")],
    principal: Annotated[str, typer.Option("--principal", help="Entries of this user, as events show them.")] = "",
    client: Annotated[str, typer.Option("--client", help="Entries of this address.")] = "",
    older: Annotated[str, typer.Option("--older", help="Entries older than this: 90 days.")] = "",
    policy: PolicyFile = None,
    state: State = None,
) -> None:
    """Erase personal fields for good, and such events from the event store.

    Proofs still hold, and the log says what was erased, by whom and what for.
    """
    from ..events.audit.forget import about
    from ..events.audit.forget import erase as erase_from
    from ..events.sqlite import forget
    from ..policy.units import parse_duration
    from .ban_book import operator

    if not (principal or client or older):
        raise Usage("Say whose: --principal, --client or --older.")
    now = time.time()
    try:
        before = now - parse_duration(older) if older else 0.0
    except ValueError as error:
        raise Usage(f"--older is {error}.") from None
    with open_log(policy, state, signing=False) as log:
        count = erase_from(log, about(principal=principal, client=client, before=before), operator(), why, now)
    store = event_store(policy, state)
    gone = forget(store, principal=principal, client=client, before=before) if store.is_file() else 0
    out().print(f"personal fields of {count} entries erased, {gone} events of the event store deleted")
    err().print("Exports, backups, log files and receivers have copies of their own.")


def _check_proof(proof: dict[str, object], keys: list[VerifierKey], shape: Shape) -> object:
    from ..events.audit.proof import check_proof

    event, under = check_proof(proof, keys)
    if shape is Shape.TEXT:
        out().print(safe(f"entry {proof['index']} is in {under.origin} as it was signed at {under.when}:"))
        print_json(event.to_dict())
    return {"index": proof["index"], "ok": True, "event": event.to_dict()}


def _plain(path: Path, report: Report) -> dict[str, object]:
    return {
        "log": str(path), "ok": report.ok, "origin": report.origin, "start": report.start, "size": report.size,
        "covered": report.covered, "checkpoints": report.checkpoints, "erased": report.erased, "more": report.more,
        "problems": [
            {"kind": str(one.kind), "first": one.first, "last": one.last, "message": one.message}
            for one in report.problems
        ],
    }  # fmt: skip


def _show(path: Path, report: Report, seconds: float) -> None:
    console = out()
    rate = (report.size - report.start) / max(seconds, 1e-9)
    console.print(safe(f"{path}: {report.origin}, entries {report.start} to {report.size - 1}", "bold"))
    for one in report.problems:
        place = f"{one.first}" if one.first == one.last else f"{one.first}-{one.last}"
        console.print(safe(f"  {one.kind} at {place}: {one.message}" if one.first >= 0 else f"  {one.message}", "red"))
    if report.more:
        console.print(f"  and {report.more} more", style="red")
    if report.ok:
        console.print("  whole and unchanged", style="green")
    open_ = report.size - report.covered
    console.print(
        f"  {report.checkpoints} checkpoints hold up to entry {report.covered - 1}; {open_} entries are newer;"
        f" personal fields of {report.erased} are erased; {rate:,.0f} entries/s"
        if report.covered
        else f"  no checkpoint holds; {rate:,.0f} entries/s"
    )
