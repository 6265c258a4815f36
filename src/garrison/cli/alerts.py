"""`garrison alerts`: try out who is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..core.errors import OperatorError
from .group import Group
from .options import Format, PolicyFile, load_policy
from .output import FOUND, Shape, out, print_json, safe

if TYPE_CHECKING:
    from ..policy.model import Policy

app = typer.Typer(cls=Group, no_args_is_help=True, help="Who is told of alerts.")


class NoReceivers(OperatorError):
    """The policy names nobody."""

    def __init__(self) -> None:
        super().__init__(
            "The policy names no receiver of alerts.", remedy="Write [[alerts.receivers]].",
            reference="docs/detection/alerts.md",
        )  # fmt: skip


@app.callback()
def _alerts() -> None:
    """Alerts go to the receivers that the policy names."""


@app.command("test")
def try_all(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """Send a test message to every receiver, and say which took it. Ends with 1 when one did not."""
    loaded = load_policy(policy).policy
    if not loaded.alerts.receivers:
        raise NoReceivers
    told = [{"receiver": name, "taken": not why, "error": why} for name, why in _try(loaded)]
    if shape is Shape.JSON:
        print_json(told)
    else:
        for one in told:
            said = "took the message" if one["taken"] else f"did not take it: {one['error']}"
            out().print(safe(f"{one['receiver']} {said}"), soft_wrap=True)
    if not all(one["taken"] for one in told):
        raise typer.Exit(FOUND)


def _try(policy: Policy) -> list[tuple[str, str]]:
    from http.client import HTTPException

    from ..core.clock import SYSTEM
    from ..reactions.delivery import PURPOSE, channel_for
    from ..reactions.message import Message
    from ..secrets.keyring import Keyring
    from ..secrets.own import room_view

    key = Keyring.from_policy(policy, os.environ, Path(policy.state), SYSTEM).derive(PURPOSE, 32)
    message = Message("Garrison: a test", "This is a test. Alerts of this application will come here.")
    found = []
    with room_view(policy, os.environ, "reactions") as reveal:
        channels = [channel_for(receiver, key, reveal) for receiver in policy.alerts.receivers]
    for channel in channels:
        try:
            channel.send(message, ())
        except (OSError, HTTPException) as error:
            found.append((channel.name, str(error) or type(error).__name__))
        else:
            found.append((channel.name, ""))
    return found
