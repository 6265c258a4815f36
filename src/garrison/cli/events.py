"""`garrison events`: what happened, and why a request was refused."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from .group import Group
from .options import Format, PolicyFile, State, event_store, load_policy
from .output import COULD_NOT_RUN, FOUND, Shape, Usage, err, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ..events.event import Event

app = typer.Typer(cls=Group, no_args_is_help=True, help="What happened, and why a request was refused.")
Where = Annotated[str, typer.Option("--where", "-w", metavar="FILTER", help="Only these: severity>=warning layer=csrf")]
Since = Annotated[str, typer.Option("--since", help="How far back: 24h, 90 minutes, 7 days.")]
_EVERY = 0.5
_BATCH = 1000


@app.callback()
def _events() -> None:
    """Security events kept in the state folder (`events.store`). Secrets in them are redacted."""


@app.command()
def show(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="From X-Request-Id or the error page.")],
    policy: PolicyFile = None,
    state: State = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Show all events of one request, and why it was refused: the rule, where it is set, and what to change."""
    from ..events.query import find
    from .explained import explained, plain

    store, loaded = event_store(policy, state), load_policy(policy)
    found = find(store, request_id.strip())
    if not found:
        err().print(safe(f"No event of the request {request_id!r} is in {store}."))
        err().print("A request that passed without remark leaves none; the oldest events are dropped.")
        raise typer.Exit(COULD_NOT_RUN)
    if shape is Shape.JSON:
        print_json([plain(event, loaded) for event in found])
        return
    for event in found:
        out().print(explained(event, loaded))


@app.command()
def tail(
    count: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the newest events.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new ones until Ctrl-C.")] = False,
    where: Where = "",
    policy: PolicyFile = None,
    state: State = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Show the newest events, oldest first; as JSON one on each line."""
    from ..events.filter import compile_filter
    from ..events.query import tail as newest

    test = compile_filter(where)
    store = event_store(policy, state)
    found = newest(store, 1)
    last = found[-1].id if found else 0
    _print_lines(_newest(store, count, test), shape)
    while follow:
        time.sleep(_EVERY)
        found = newest(store, _BATCH, after=last)
        last = found[-1].id if found else last
        _print_lines([stored.event for stored in found if test(stored.event)], shape)


@app.command()
def query(
    where: Annotated[str, typer.Argument(metavar="FILTER", help="Such as: severity>=warning and path=/login*")],
    since: Since = "24h",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many; the newest.")] = 1000,
    policy: PolicyFile = None,
    state: State = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Show the events a filter asks for, oldest first; as JSON one on each line. Exits with 1 when there is none."""
    from ..events.filter import compile_filter

    found = _newest(event_store(policy, state), limit, compile_filter(where), _start(since))
    _print_lines(found, shape)
    if not found:
        err().print("No event is like that.")
        raise typer.Exit(FOUND)


@app.command()
def stats(
    where: Annotated[str, typer.Argument(metavar="[FILTER]", help="Count only what the filter asks for.")] = "",
    since: Since = "1h",
    by: Annotated[str, typer.Option("--by", metavar="FIELD", help="Count by this field of events.")] = "name",
    follow: Annotated[bool, typer.Option("--follow", help="A live histogram, until Ctrl-C.")] = False,
    policy: PolicyFile = None,
    state: State = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Count events by a field and over time."""
    from ..events.filter import FIELDS, compile_filter
    from ..events.query import scan
    from ..events.query import tail as newest
    from ..events.stats import Tally
    from . import events_stats

    if by not in FIELDS:
        raise Usage(f"Events have no field {by!r}.", remedy=f"One of {', '.join(FIELDS)}.")
    if follow and (shape is Shape.JSON or not sys.stdout.isatty()):
        raise Usage("--follow draws on a terminal, and this is none.", remedy="Leave --follow out.")
    test, store, now = compile_filter(where), event_store(policy, state), time.time()
    start = _start(since)
    last = [stored.id for stored in newest(store, 1)]
    tally = Tally(by, max((now - start) / events_stats.BUCKETS, 1.0))
    tally.add(one.event for one in scan(store, start) if test(one.event))
    if shape is Shape.JSON:
        print_json(events_stats.plain(tally))
    elif follow:
        events_stats.follow(store, tally, test, last[0] if last else 0)
    else:
        out().print(events_stats.picture(tally, now))


@app.command("list")
def list_(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Only events of this name: host_refused.")] = "",
    since: Annotated[str, typer.Option("--since", help="How far back: 24h, 90 minutes, 7 days.")] = "24h",
    layer: Annotated[str, typer.Option("--layer", help="Only what this layer decided.")] = "",
    policy: PolicyFile = None,
    state: State = None,
    shape: Format = Shape.TEXT,
) -> None:
    """List events by name, time and layer, oldest first."""
    from ..events.query import tail as newest

    _check_name(name)
    start = _start(since)
    stored = newest(event_store(policy, state), load_policy(policy).policy.events.keep)
    found = [
        one.event
        for one in stored
        if one.event.when >= start and name in ("", one.event.name) and layer in ("", one.event.layer)
    ]
    if shape is Shape.JSON:
        print_json([event.to_dict() for event in found])
    else:
        _print_lines(found, shape)


@app.command("webhook-key")
def webhook_key(policy: PolicyFile = None) -> None:
    """Print the key that signs webhooks, as libraries of Standard Webhooks take it. It is a secret."""
    import base64
    import os
    from pathlib import Path

    from ..core.clock import SYSTEM
    from ..events.exports.build import WEBHOOK
    from ..secrets.keyring import Keyring

    loaded = load_policy(policy).policy
    key = Keyring.from_policy(loaded, os.environ, Path(loaded.state), SYSTEM).derive(WEBHOOK, 32)
    print_raw(f"whsec_{base64.b64encode(key).decode('ascii')}")


def _newest(store: Path, count: int, test: Callable[[Event], bool], since: float = 0.0) -> list[Event]:
    """The newest `count` events that pass `test`, oldest first."""
    from itertools import islice

    from ..events.query import scan

    fitting = (one.event for one in scan(store, since, newest_first=True) if test(one.event))
    return list(islice(fitting, count))[::-1]


def _start(since: str) -> float:
    from ..policy.units import parse_duration

    try:
        return time.time() - parse_duration(since)
    except ValueError as error:
        raise Usage(f"--since is {error}.") from None


def _check_name(name: str) -> None:
    import difflib

    from ..events.vocabulary import TERMS

    if name and name not in TERMS:
        near = difflib.get_close_matches(name, TERMS, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else "The names stand in docs/events.md."
        raise Usage(f"No event is called {name!r}.", remedy=remedy)


def _print_lines(events: Iterable[Event], shape: Shape) -> None:
    from .explained import line

    if shape is Shape.JSON:
        sys.stdout.write("".join(f"{event.to_json()}\n" for event in events))
        sys.stdout.flush()
        return
    console = out()
    for event in events:
        console.print(line(event), soft_wrap=True)
