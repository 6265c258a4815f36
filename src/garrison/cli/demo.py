"""`garrison demo`: the reference application behind Garrison, and attacks to try on it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Environment, settle
from .output import err, paragraph, safe

if TYPE_CHECKING:
    from ..asgi.onion import Onion
    from ..serve.dev import Ready


def demo(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8443,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FOLDER", help="Keep notes and events here; otherwise a new folder."),
    ] = None,
    log_level: Annotated[str, typer.Option("--log-level", help="critical, error, warning or info.")] = "warning",
) -> None:
    """Run the reference application behind Garrison over HTTPS, and print attacks to try."""
    import tempfile

    from .serve import run

    with tempfile.TemporaryDirectory(prefix="garrison-demo-", ignore_cleanup_errors=True) as made:
        folder = (state or Path(made)).absolute()
        app, login = build(folder)

        def announce(ready: Ready) -> None:
            _announce(ready, login, folder / "garrison")
            if open_:
                typer.launch(f"{ready.url}/")

        run(app, host="localhost", port=port, log_level=log_level, announce=announce)


def build(folder: Path) -> tuple[Onion, tuple[str, str]]:
    """The hardened application with its data in `folder`, and the seeded log-in."""
    from .find_notes import find_notes

    settle(None, Environment.DEVELOPMENT)
    os.environ["GARRISON_STATE"] = str(folder / "garrison")
    os.environ.setdefault("GARRISON_EVENTS__OUTPUT", "none")  # they are kept; the terminal is for the tour
    notes = find_notes()
    settings = notes.settings(folder / "notes")
    return notes.hardened(settings), notes.login(settings)


def own_command() -> str:
    """What to type for this very program in another terminal: its name where that finds it, else its path."""
    beside = Path(sys.executable).with_name("garrison")
    found = shutil.which("garrison")
    return str(beside) if beside.exists() and (found is None or not beside.samefile(found)) else "garrison"


def _announce(ready: Ready, login: tuple[str, str], state: Path) -> None:
    import shlex

    from rich.panel import Panel
    from rich.text import Text

    from .attacks import attacks
    from .find_notes import policy_file

    console = err()
    garrison = shlex.quote(own_command())
    where = f"{shlex.quote(str(state))} --policy {shlex.quote(str(policy_file()))}"
    email, password = login
    about = Text.assemble(("A team's notes", "bold"), " at ", (f"{ready.url}/", "bold green"), "\n")
    about.append_text(paragraph(f"Log in as {email} with the password {password}\n"))
    about.append_text(paragraph(f"Browsers trust it once you import {ready.certificate_file} as an authority."))
    console.print(Panel(about, title="Garrison demo", title_align="left", border_style="green", expand=False))
    console.print(safe("Attacks to try in another terminal:", "bold"))
    for number, attack in enumerate(attacks(ready.url, ready.certificate_file), start=1):
        console.print()
        console.print(safe(f"{number}. {attack.title}", "bold"), safe(f"→ {attack.status} {attack.reason}", "red"))
        console.print(safe(f"   {attack.why}", "dim"))
        # Without frame, wrapping and colour: the line is made to be copied.
        console.print(paragraph(attack.command), soft_wrap=True, highlight=False)
    console.print()
    console.print(safe("Why was one refused? Take the request_id of an answer:", "bold"))
    console.print(paragraph(f"{garrison} events show --state {where} REQUEST_ID"), soft_wrap=True)
    console.print(paragraph(f"{garrison} report --state {where}"), soft_wrap=True)
    console.print(safe("Ctrl-C ends the demo.", "dim"))
