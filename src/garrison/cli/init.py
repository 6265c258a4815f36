"""`garrison init`: look at the application and write a policy file that fits it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import assume_development
from .output import COULD_NOT_RUN, err, load_quietly, paragraph, print_raw, safe

if TYPE_CHECKING:
    from ..policy.example import AppFacts, HstsAnswers


def init(
    app: Annotated[str, typer.Argument(metavar="[MODULE:APP]", help="The application to look at: main:app.")] = "",
    preset: Annotated[str, typer.Option("--preset", help="browser, api or compat; otherwise the one that fits.")] = "",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write.")] = Path(
        "garrison.toml"
    ),
    print_: Annotated[bool, typer.Option("--print", help="Print it instead of writing a file.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    subdomains: Annotated[
        bool | None,
        typer.Option("--subdomains/--no-subdomains", help="Whether HSTS binds all names below yours too. Else asked."),
    ] = None,
    preload: Annotated[
        bool | None,
        typer.Option("--preload/--no-preload", help="Whether you want browsers to ship with your name. Else asked."),
    ] = None,
) -> None:
    """Write a commented garrison.toml that fits the application. An existing file is never replaced without --force.

    At a terminal it asks what can't be seen: whether HSTS is for the names below yours, too.
    """
    from ..policy.example import HstsAnswers, write_policy

    if preload and subdomains is False:
        raise typer.BadParameter("browsers take no name into their list without those below it", param_hint="--preload")
    facts = _facts(app)
    answers = HstsAnswers(True if preload else subdomains, preload)
    asking = not print_ and (force or not output.exists()) and sys.stdin.isatty() and sys.stderr.isatty()
    text = write_policy(facts, preset, ask(answers) if asking else answers)
    if print_:
        print_raw(text)
        return
    _write(output, text, force=force)
    console = err()
    console.print(safe(f"Wrote {output}.", "bold green"))
    for line in seen(facts):
        console.print(safe(f"  {line}"))
    console.print("Next: name your hosts in it, then run `garrison check`.")


def ask(answers: HstsAnswers) -> HstsAnswers:
    """Ask for what was not said. The safe answer is no: what a browser has learnt, nobody takes back."""
    from ..policy.example import HstsAnswers

    subdomains, preload = answers.subdomains, answers.preload
    if subdomains is None:
        question = "Do all names below yours speak https, other teams' included? HSTS binds them then"
        subdomains = typer.confirm(question, default=False, err=True)
    if preload is None:
        question = "Shall browsers ship with your name (hstspreload.org)? It takes months to undo"
        preload = subdomains and typer.confirm(question, default=False, err=True)
    return HstsAnswers(subdomains, preload)


def _facts(reference: str) -> AppFacts:
    from ..policy.example import AppFacts
    from .look import look

    if not reference:
        return AppFacts()
    assume_development()  # there may be no policy yet
    return look(load_quietly(reference), reference)


def _write(path: Path, text: str, *, force: bool) -> None:
    from ..policy.load import PolicyFileUnreadable

    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        err().print(paragraph(f"{path} is there already; nothing was written. Use --force to replace it."))
        raise typer.Exit(COULD_NOT_RUN) from None
    except OSError as error:
        raise PolicyFileUnreadable(path, f"can't be written: {error.strerror}") from None


def seen(facts: AppFacts) -> list[str]:
    """What was found in the application, in words; what was not found is said too, for it may only be hidden."""
    if not facts.reference:
        return ["No application was looked at: name it, as in `garrison init main:app`, for a policy that fits."]
    if not facts.framework:
        return [f"The inside of {facts.reference} can't be seen (no Starlette or FastAPI): the file is a plain one."]
    kinds = (
        ("log-in and token paths", facts.logins),
        ("uploads", facts.uploads),
        ("forms", facts.forms),
        ("health checks", facts.health),
        ("WebSockets", facts.websockets),
    )
    lines = [
        f"{facts.framework}: cookies {_yes(facts.cookies)}, pages {_yes(facts.pages)}, bearer {_yes(facts.bearer)}"
    ]
    return lines + [f"{kind}: {', '.join(paths)}" for kind, paths in kinds if paths]


def _yes(found: bool) -> str:
    return "seen" if found else "not seen"
