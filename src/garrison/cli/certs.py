"""`garrison certs`: the development certificate authority."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from .group import Group
from .output import print_raw

app = typer.Typer(cls=Group, no_args_is_help=True, help="The development certificate authority.")


@app.callback()
def _certs() -> None:
    """Certificates for development. They are good for loopback names only and never trusted automatically."""


@app.command()
def ca() -> None:
    """Print the file of the development CA, and make the CA if there is none.

    For curl: curl --cacert "$(garrison certs ca)" https://localhost:8443/
    """
    from ..serve.devca import DevCA

    print_raw(str(DevCA.open(None, datetime.now(UTC)).certificate_file))
