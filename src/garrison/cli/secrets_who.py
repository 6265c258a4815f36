"""`garrison secrets who`: which component can read what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .options import Format, PolicyFile, load_policy
from .output import Shape, out, print_json, safe


def who(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """Print every secret of the policy: where it is kept, and which components may read it. No value is read.

    Parts of Garrison itself stand as `garrison.PART`, and what they read under its key of the policy; what the
    application's own configuration refers to stands under `config.KEY`.
    """
    from ..policy.needs import covers
    from ..policy.own_references import own_references
    from .config_secrets import READER, config_references

    loaded = load_policy(policy).policy
    section = loaded.secrets

    def readers(name: str) -> Iterator[str]:
        for component, patterns in section.needs.items():
            if any(covers(pattern, name) for pattern in patterns):
                yield component

    rows = [(name, reference, list(readers(name))) for name, reference in section.named.items()]
    own: dict[tuple[str, str], list[str]] = {}
    for one in own_references(loaded):
        own.setdefault((one.key, one.reference), []).append(f"garrison.{one.room}")
    rows += [(key, reference, rooms) for (key, reference), rooms in own.items()]
    for name, rights in loaded.vault.transit.items():
        who = ["garrison.events"] if name == loaded.audit.transit else ["who is given it by the code"]
        kept = f"transit:{loaded.vault.transit_mount}/{name}, for {', '.join(rights)}"
        rows.append((f"vault.transit.{name}", kept, who))
    rows += [(key, reference, [READER]) for key, reference in config_references(loaded).items()]
    if shape is Shape.JSON:
        print_json([{"secret": name, "reference": where, "readers": components} for name, where, components in rows])
        return
    _show(rows)


def _show(rows: Sequence[tuple[str, str, list[str]]]) -> None:
    from rich.table import Table

    if not rows:
        out().print("The policy names no secrets.")
        return
    table = Table("Secret", "Kept in", "Read by", box=None, pad_edge=False)
    for name, where, components in rows:
        table.add_row(safe(name), safe(where), safe(", ".join(components) or "no component"))
    out().print(table)
