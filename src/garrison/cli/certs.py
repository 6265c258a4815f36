"""`garrison certs`: the certificates that `garrison serve` uses, and the development certificate authority."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from . import certs_check
from .group import Group
from .options import Format, PolicyFile, load_policy
from .output import FINE, FOUND, Shape, Usage, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..policy.model import Policy
    from ..serve.issuing.state import Sets

app = typer.Typer(cls=Group, no_args_is_help=True, help="Certificates: in use, renewed, examined; the development CA.")
Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The first name of a set; needed with several.")]


@app.callback()
def _certs() -> None:
    """Certificates that `garrison serve --domain` keeps, those of other servers, and the development CA."""


@app.command()
def ca() -> None:
    """Print the file of the development CA, and make the CA if there is none.

    For curl: curl --cacert "$(garrison certs ca)" https://localhost:8443/
    """
    from ..serve.devca import DevCA

    print_raw(str(DevCA.open(None, datetime.now(UTC)).certificate_file))


@app.command("list")
def list_(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """List the certificates that are kept, with their days left and when they are renewed. Exit code 1: one alarms."""
    from .certs_shown import described, lines

    now = datetime.now(UTC)
    entries = [described(sets, now) for sets in _all(load_policy(policy).policy)]
    if shape is Shape.JSON:
        print_json(entries)
    elif entries:
        for entry in entries:
            for line in lines(entry):
                out().print(line, soft_wrap=True)
    else:
        out().print(safe("There are none. `garrison serve --domain NAME` has one made."))
    raise typer.Exit(FOUND if any(entry["alarm"] for entry in entries) else FINE)


@app.command()
def history(name: Name = None, policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """Show when certificates were issued, and what went wrong."""
    from ..serve.issuing.state import KEPT

    entries = _one(load_policy(policy).policy, name).history()
    if shape is Shape.JSON:
        print_json(entries)
        return
    for entry in entries[-KEPT:]:
        details = " ".join(f"{key}={value}" for key, value in entry.items() if key not in {"time", "what"})
        out().print(safe(f"{entry.get('time', '?')} {entry.get('what', '?')} {details}"), soft_wrap=True)


@app.command()
def renew(name: Name = None, policy: PolicyFile = None) -> None:
    """Renew now: by the server that looks after the certificate, or here if none runs (port 80 must be free then)."""
    from ..core.clock import SYSTEM
    from ..events.build import build_bus
    from ..serve.issuing.run import renew_now

    loaded = load_policy(policy).policy
    sets = _one(loaded, name)
    bus = build_bus(loaded, SYSTEM)
    try:
        found = renew_now(loaded, sets, bus.emit, os.environ)
    finally:
        bus.close()
    out().print(safe(f"{sets.name}: serial {found.certificate.serial_number:x}, until {found.ends:%Y-%m-%d %H:%M} UTC"))


app.command()(certs_check.check)
app.command()(certs_check.trust)


def _all(policy: Policy) -> list[Sets]:
    from ..serve.issuing.run import acme_folder
    from ..serve.issuing.state import Sets

    return Sets.all(acme_folder(policy))


def _one(policy: Policy, name: str | None) -> Sets:
    found = _all(policy)
    chosen = [sets for sets in found if name in (None, sets.name)]
    if len(chosen) != 1:
        there = ", ".join(sets.name for sets in found) or "none"
        raise Usage("Which certificate?" if name is None else f"There is no {name!r}.", remedy=f"There are: {there}.")
    return chosen[0]
