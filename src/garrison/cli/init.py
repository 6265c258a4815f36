"""`garrison init`: look at the application and write a policy file that fits it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import COULD_NOT_RUN, err, paragraph, print_raw, safe

if TYPE_CHECKING:
    from ..policy.example import AppFacts


def init(
    app: Annotated[str, typer.Argument(metavar="[MODULE:APP]", help="The application to look at: main:app.")] = "",
    preset: Annotated[str, typer.Option("--preset", help="browser, api or compat; otherwise the one that fits.")] = "",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write.")] = Path(
        "garrison.toml"
    ),
    print_: Annotated[bool, typer.Option("--print", help="Print it instead of writing a file.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented garrison.toml that fits the application. An existing file is never replaced without --force."""
    from ..policy.example import write_policy

    facts = _facts(app)
    text = write_policy(facts, preset)
    if print_:
        print_raw(text)
        return
    _write(output, text, force=force)
    console = err()
    console.print(safe(f"Wrote {output}.", "bold green"))
    for line in seen(facts):
        console.print(safe(f"  {line}"))
    console.print("Next: name your hosts in it, then run `garrison check`.")


def _facts(reference: str) -> AppFacts:
    from ..policy.example import AppFacts
    from ..serve.load import load_app
    from .look import look

    if not reference:
        return AppFacts()
    # There may be no policy yet, and an application that hardens itself must not be refused for that.
    os.environ.setdefault("GARRISON_ENVIRONMENT", "development")
    return look(load_app(reference), reference)


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
