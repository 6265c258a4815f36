"""What all commands share: consoles, exit codes, JSON, and the panel an error is shown in.

Threat: text of others (paths, headers, file names) that recolours or rewrites the terminal. It is made inert, and
handed to rich as `Text`, which is never read as markup.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ..core.errors import GarrisonError, OperatorError
from ..findings.inert import lines, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from ..serve.load import ASGIApp

FINE: Final = 0
FOUND: Final = 1
USAGE: Final = 2
COULD_NOT_RUN: Final = 3


class Shape(StrEnum):
    """What `--format` takes where a command prints data."""

    TEXT = "text"
    JSON = "json"


class Usage(OperatorError):
    """The command was asked for something that does not exist or does not go together."""

    exit_code = USAGE


def out() -> Console:
    """Standard output. Made anew for each use: tests and shells redirect it."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False)


def err() -> Console:
    """Standard error, for everything that is not the answer itself."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False)


def load_quietly(reference: str) -> ASGIApp:
    """The application, loaded. What it prints at that goes to stderr: on stdout stands our report, which others parse.

    Raises what `load_app` raises.
    """
    from ..serve.load import load_app

    with redirect_stdout(sys.stderr):
        return load_app(reference)


def print_json(value: object) -> None:
    """`value` as JSON on standard output, and nothing else."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def print_raw(text: str) -> None:
    """`text` exactly: no wrapping, no colour. For what another program reads."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def safe(text: object, style: str = "") -> Text:
    """Somebody's text on one line, harmless in a terminal."""
    from rich.text import Text

    return Text(one_line(str(text)), style=style)


def paragraph(text: object, style: str = "") -> Text:
    """Somebody's text with its line feeds, harmless in a terminal."""
    from rich.text import Text

    return Text(lines(str(text)), style=style)


def show_error(error: GarrisonError) -> None:
    """Message, remedy and reference on standard error; never a traceback."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    parts = [paragraph(error.message)]
    if details := getattr(error, "details", ""):
        parts += [Text(), paragraph(str(details).rstrip(), "dim")]
    if error.remedy:
        parts += [Text(), Text("What to do: ", style="bold").append_text(paragraph(error.remedy, "not bold"))]
    if error.reference:
        parts += [Text("More: ", style="bold").append_text(safe(error.reference, "not bold"))]
    title = "Not possible" if isinstance(error, OperatorError) else "Something is missing"
    err().print(Panel(Group(*parts), title=title, title_align="left", border_style="red", expand=False))
