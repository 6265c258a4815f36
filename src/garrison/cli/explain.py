"""`garrison explain`: what holds, where it came from, and why it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, PolicyFile, Where, load_policy
from .output import Shape, Usage, out, print_json, safe

if TYPE_CHECKING:
    from rich.table import Table

    from ..policy.explain import Entry


def explain(
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="A key or section: csrf, size.body.")] = "",
    route: Annotated[str, typer.Option("--route", metavar="NAME", help="As it holds for this route class.")] = "",
    changed: Annotated[bool, typer.Option("--changed", help="Only what somebody set.")] = False,
    policy: PolicyFile = None,
    environment: Where = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Show the effective policy: each value, where it came from, and what it is for."""
    from ..policy.explain import UnknownKey, UnknownRoute, select
    from ..policy.explain import explain as entries_of
    from ..policy.source import Kind

    loaded = load_policy(policy, environment)
    try:
        entries = entries_of(loaded, route)
        entries = select(entries, key) if key else entries
    except (UnknownKey, UnknownRoute) as error:
        raise Usage(error.message, remedy=error.remedy) from None
    if changed:
        entries = [entry for entry in entries if entry.source.kind not in {Kind.DEFAULT, Kind.PRESET}]
    if shape is Shape.JSON:
        print_json([entry.to_dict() for entry in entries])
    elif len(entries) == 1 and key:
        out().print(_one(entries[0]))
    elif entries:
        out().print(_many(entries, key))
    else:
        out().print("Nothing: every value is a default or comes from the preset.")


def _many(entries: list[Entry], key: str) -> Table:
    from rich.table import Table

    title = entries[0].section if key and all(entry.section == entries[0].section for entry in entries) else None
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", title=title, title_justify="left")
    table.add_column("Key", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From", overflow="fold")
    for entry in entries:
        plain = entry.source.kind in {"default", "preset"}
        table.add_row(safe(entry.key), safe(shown(entry)), safe(entry.source, "dim" if plain else "cyan"))
    return table


def _one(entry: Entry) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    about = (
        ("Key", entry.key),
        ("Value", shown(entry)),
        ("From", entry.source),
        ("What for", entry.meaning),
        ("Section", entry.section),
        ("Reference", entry.reference),
    )
    for name, text in about:
        if str(text):
            table.add_row(name, safe(text))
    return table


def shown(entry: Entry) -> str:
    """The value as a person writes it."""
    return f"{_written(entry.value)} {entry.unit if entry.value is not None else ''}".rstrip()


def _written(value: Any) -> str:
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    if isinstance(value, float):
        return f"{value:g}" if value < 1e6 else f"{value:.0f}"
    return str(value)
