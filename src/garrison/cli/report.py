"""`garrison report`: what was refused, what would have been, and which layers can be enforced."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..findings.inert import one_line
from .options import Format, PolicyFile, State, event_store, load_policy
from .output import Shape, Usage, out, paragraph, print_json, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from ..events.query import Refusals
    from ..policy.model import Policy


def report(
    since: Annotated[str, typer.Option("--since", help="How far back: 24h, 90 minutes, 7 days.")] = "24h",
    policy: PolicyFile = None,
    state: State = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Show what each layer refused or would have refused, by route and reason, and what can be enforced."""
    from ..events.query import summary
    from ..policy.units import parse_duration

    try:
        start = time.time() - parse_duration(since)
    except ValueError as error:
        raise Usage(f"--since is {error}.") from None
    loaded = load_policy(policy)
    rows = summary(event_store(policy, state), start)
    advice = list(advise(loaded.policy, rows))
    if shape is Shape.JSON:
        print_json({"since": start, "refusals": [_plain(row) for row in rows], "layers": advice})
        return
    for part in _text(since, rows, advice):
        out().print(part)


def advise(policy: Policy, rows: Sequence[Refusals]) -> Iterator[dict[str, Any]]:
    """For each layer in monitor mode and its route class: what enforcing it would have refused, and whether to."""
    for index, route in enumerate((None, *policy.routes)):
        effective = policy.effective(route)
        name = effective.route_name
        for layer in policy.SECTIONS:
            if getattr(effective, layer).mode != "monitor" or (route and layer not in route.sections):
                continue
            # A class without settings of its own for the layer inherits the mode, so its refusals count here too.
            inherits = {one.name for one in policy.routes if layer not in one.sections} if route is None else set()
            count = sum(
                row.count
                for row in rows
                if row.layer == layer and row.mode == "monitor" and row.route in {name, *inherits}
            )
            key = f"routes.{index - 1}.{layer}.mode" if route else f"{layer}.mode"
            yield {"layer": layer, "route": name, "key": key, "would_have_refused": count, "ready": count == 0}


def _plain(row: Refusals) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(row)


def _text(since: str, rows: Sequence[Refusals], advice: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    if rows:
        yield _table(rows)
        yield "\nWhy one of them: garrison events show REQUEST_ID"
    else:
        yield f"Nothing was refused, and nothing would have been, in the last {since}."
    for one in advice:
        where = f"{one['layer']} on {one['route']}"
        if one["ready"]:
            yield safe(f'{where} only watches and would have refused nothing: {one["key"]} can be "enforce".', "green")
        else:
            count = one["would_have_refused"]
            yield safe(f"{where} only watches and would have refused {count}: look at those first.", "yellow")
    if any(one["ready"] for one in advice):
        yield "A quiet time proves little: look at a span with your usual traffic."


def _table(rows: Sequence[Refusals]) -> Table:
    from rich.table import Table

    # Narrow enough for 80 columns: request ids are there to be copied, and a cut one finds nothing.
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("Layer, reason", no_wrap=True)
    table.add_column("Route", overflow="fold")
    table.add_column("Outcome")
    table.add_column("Count", justify="right")
    table.add_column("Clients", justify="right")
    # A width of its own: a column that gives way is cut, not folded.
    table.add_column("Newest example", overflow="fold", width=min(max(out().width - 62, 18), 60))
    for row in rows:
        enforced = row.mode == "enforce"
        example = row.examples[0] if row.examples else None
        table.add_row(
            paragraph(f"{one_line(row.layer)}\n{one_line(row.reason)}"),
            safe(row.route),
            safe("refused" if enforced else "would refuse", "red" if enforced else "yellow"),
            str(row.count),
            str(row.clients),
            paragraph(
                f"{one_line(example.request_id)}\n{one_line(f'{example.method} {example.path}')}" if example else ""
            ),
        )
    return table
