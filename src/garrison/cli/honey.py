"""`garrison honey`: plant what only thieves use, and find out which planted token a text is."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import OperatorError
from .group import Group
from .options import Format, PolicyFile, load_policy
from .output import FOUND, Shape, err, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..detection.honey import Planted

app = typer.Typer(cls=Group, no_args_is_help=True, help="Tokens that only thieves use.")


class HoneyKind(StrEnum):
    """What a token pretends to be."""

    KEY = "key"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    ID = "id"


class NameTaken(OperatorError):
    """A token of that name is planted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"A token called {name!r} is planted already.", remedy="Take a name that says where this is.")


@app.callback()
def _honey() -> None:
    """A planted token stands where a thief looks and nobody else does. Its use in a request raises an alert."""


@app.command()
def plant(
    name: Annotated[str, typer.Argument(help="What to call it: say where you put it, as in `wiki-deploy-page`.")],
    kind: Annotated[HoneyKind, typer.Option("--kind", "-k", help="What it pretends to be.")] = HoneyKind.KEY,
    value: Annotated[bool, typer.Option("--value", help="Read the token from standard input: a record's id.")] = False,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Make a token, show it once, and the line for the policy that recognises it. Nothing else is kept of it."""
    from ..detection.honey import entry_of

    loaded = load_policy(policy).policy
    if name in loaded.detection.honey_tokens:
        raise NameTaken(name)
    token = sys.stdin.readline().strip() if value else _drawn(kind, loaded.api_keys.prefix)
    entry = entry_of(kind.value, token)
    loaded.detection.model_validate({"honey_tokens": {name: entry}})
    if shape is Shape.JSON:
        print_json({"name": name, "kind": kind.value, "token": token, "entry": entry})
        return
    print_raw(token)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    err().print("Put it where a thief finds it. For the policy, in every copy of it; then restart:")
    for line in ("", "[detection.honey_tokens]", f'{name} = "{entry}"  # {today}'):
        err().print(safe(line), soft_wrap=True)


def _drawn(kind: HoneyKind, prefix: str) -> str:
    """A new token; a key looks like one of the application's own in every detail, its checksum included."""
    from ..accounts.api_keys_text import make_key
    from ..detection.honey import draw

    if kind is HoneyKind.KEY:
        return make_key(prefix).whole
    return draw("id" if kind is HoneyKind.ID else "password")


@app.command()
def which(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """Say which planted tokens are in the text on standard input: a paste, a leak, a log. Exit code 1: some are."""
    from ..detection.honey import Honey

    honey = Honey(load_policy(policy).policy.detection.honey_tokens)
    found = sorted({one for line in sys.stdin.buffer for one in honey.search(line)})
    _show(found, shape)
    if found:
        raise typer.Exit(FOUND)


def _show(found: list[Planted], shape: Shape) -> None:
    if shape is Shape.JSON:
        print_json([{"name": one.name, "kind": one.kind} for one in found])
    elif not found:
        err().print("None of the planted tokens.")
    for one in found if shape is not Shape.JSON else ():
        out().print(safe(f"{one.name}  ({one.kind})"))
