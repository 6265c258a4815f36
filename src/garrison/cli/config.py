"""`garrison config`: the application's own configuration, as a schema, an example, and what holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .group import Group
from .options import Format, PolicyFile, load_policy
from .output import FOUND, Shape, Usage, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..config import Config
    from ..config.drift import Difference

app = typer.Typer(cls=Group, no_args_is_help=True, help="The application's own configuration.")

Schema = Annotated[
    str, typer.Option("--schema", metavar="MODULE:CLASS", help="The schema; otherwise the policy's `config`.")
]


@app.callback()
def _config() -> None:
    """Read a `garrison.config` schema. No command prints a secret."""


@app.command()
def example(schema: Schema = "", policy: PolicyFile = None) -> None:
    """Print a TOML file with every key, its description and default as comments."""
    from ..config.written import example as written

    print_raw(written(_chosen(schema, policy)))


@app.command()
def docs(schema: Schema = "", policy: PolicyFile = None) -> None:
    """Print the documentation of every key in Markdown."""
    from ..config.written import documentation

    print_raw(documentation(_chosen(schema, policy)))


@app.command()
def show(schema: Schema = "", policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """Read it as the application would, and print every value and where it came from; secrets are masked."""
    from ..config.live import shown
    from ..config.load import look_at_config

    config = look_at_config(_chosen(schema, policy), policy)
    rows = [
        {"key": name, "value": value, "from": str(config.source(name)), "reference": config.reference(name)}
        for name, value in shown(config).items()
    ]
    if shape is Shape.JSON:
        print_json(rows)
        return
    _table(("Key", "Value", "From", "Reference"), [list(row.values()) for row in rows])


@app.command()
def drift(
    left: Annotated[str, typer.Argument(metavar="NAME[=FILE]", help="An environment, and a file of its variables.")],
    right: Annotated[str, typer.Argument(metavar="NAME[=FILE]", help="Another one.")],
    schema: Schema = "",
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Show what differs between two environments; secrets are compared and masked.

    Exit code 1 when a required key is missing in one of them, or both have the same secret.
    """
    from ..config.drift import drift as differences

    found = differences(_chosen(schema, policy), _side(left), _side(right))
    names = left.partition("=")[0], right.partition("=")[0]
    if shape is Shape.JSON:
        print_json([_plain(one, names) for one in found])
    elif found:
        _table(("Key", *names, ""), [[one.key, one.left, one.right, one.wrong] for one in found])
    else:
        out().print("Nothing differs.")
    if any(one.wrong for one in found):
        raise typer.Exit(FOUND)


def schema_of(reference: str) -> type[Config]:
    """The schema that `reference` names. Raises `Usage`, and what keeps the module from being imported."""
    from ..config import Config
    from ..serve.load import load_named

    found = load_named(reference)
    if not (isinstance(found, type) and issubclass(found, Config)) or found is Config:
        raise Usage(f"{reference!r} is no schema.", remedy="Name a subclass of garrison.config.Config.")
    return found


def _chosen(schema: str, policy: Path | None) -> type[Config]:
    reference = schema or load_policy(policy).policy.config
    if not reference:
        raise Usage("No schema is named.", remedy='Write config = "shop.settings:Shop" in the policy, or --schema.')
    return schema_of(reference)


def _side(written: str) -> tuple[str, Mapping[str, str]]:
    """The name of an environment, and its variables: of a file, or those of this process."""
    name, equals, file = written.partition("=")
    if not equals:
        return name, {key: text for key, text in os.environ.items() if not key.upper().endswith("_ENVIRONMENT")}
    from dotenv import dotenv_values

    if not Path(file).is_file():
        raise Usage(f"There is no file {file}.", remedy="Name a file of lines NAME=value.")
    return name, {key: text for key, text in dotenv_values(file, interpolate=False).items() if text}


def _plain(one: Difference, names: tuple[str, str]) -> dict[str, Any]:
    sides = zip(names, (one.left, one.right), (one.left_source, one.right_source), strict=True)
    return {
        "key": one.key, "wrong": one.wrong,
        "sides": [{"environment": name, "value": value, "from": str(source)} for name, value, source in sides],
    }  # fmt: skip


def _table(head: tuple[str, ...], rows: list[list[str]]) -> None:
    from rich.table import Table

    table = Table(*head, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(safe(cell) for cell in row))
    out().print(table)
