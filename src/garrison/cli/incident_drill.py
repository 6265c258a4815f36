"""`garrison incident drill`: simulate an attack, marked as one, and measure until it is seen, told of and contained."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .drill_shown import show, show_all
from .options import Format, PolicyFile, State, event_store, load_policy
from .output import FOUND, Shape, Usage, err, safe

if TYPE_CHECKING:
    from ..events.event import Event
    from ..policy.model import Policy
    from ..reactions.drills import Drill
    from ..reactions.incidents import Incident, Incidents
    from .ban_book import Opened
    from .drill_requests import Scenario, Sender

_LOOK: Final = 0.25
_AT_ONCE: Final = 5000
_LONGEST: Final = 86_400.0

Within = Annotated[str, typer.Option("--within", help="How long to wait for the alert, and for a receiver to take it.")]
Wait = Annotated[str, typer.Option("--wait", help="How long to wait for somebody to run `incident contain`.")]


def drill(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The application: this machine, or a host of scan.targets.")
    ] = "https://localhost:8443",
    scenario: Annotated[
        str, typer.Option("--scenario", help="probing, scanner, injection, or trap (a honey path).")
    ] = "probing",
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="Who may have signed its certificate.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The Host to ask for; otherwise the address's.")] = "",
    within: Within = "60s",
    wait: Wait = "0s",
    past: Annotated[bool, typer.Option("--list", help="Begin none; list those before.")] = False,
    policy: PolicyFile = None,
    state: State = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Simulate an attack on the running application, and measure until it is detected, told of and contained.

    Its requests are marked and signed: every event, alert, message and incident says that it is a drill, no reaction
    follows, and nobody without the root key can make such a mark. Ends with 1 when it was not detected, or nobody was
    told.
    """
    if past:
        show_all(policy, shape)
        return
    loaded = load_policy(policy).policy
    chosen = _scenario(loaded, scenario)
    patience, contained = _time("--within", within), _time("--wait", wait)
    sender = _sender(loaded, url, host, ca)
    sender.ready(loaded.prefix)
    store = event_store(policy, state)
    begun = _begin(policy, sender, scenario, chosen)
    if not loaded.alerts.receivers:
        err().print(safe("Nobody is told of alerts: alerts.receivers is empty."))
    made = _measure(begun, store, sender, chosen, patience, policy, told=bool(loaded.alerts.receivers))
    incident = _until_contained(policy, made.incident, contained)
    show(made, incident, shape)
    raise typer.Exit(0 if made.finished else FOUND)


def _scenario(loaded: Policy, name: str) -> Scenario:
    from .drill_requests import scenarios

    known = scenarios(loaded)
    if name not in known:
        why = " (there is no honey path in the policy)" if name == "trap" else ""
        raise Usage(f"There is no scenario {name!r}{why}; there are {', '.join(known)}.")
    return known[name]


def _time(option: str, text: str) -> float:
    from ..policy.units import parse_duration

    try:
        return min(parse_duration(text), _LONGEST)
    except ValueError as error:
        raise Usage(f"{option} is {error}.") from None


def _sender(loaded: Policy, url: str, host: str, ca: Path | None) -> Sender:
    """Raises `TargetRefused` for what is neither this machine nor listed with its proof."""
    import os
    from urllib.parse import urlsplit

    from ..core.clock import SYSTEM
    from ..core.drill import PURPOSE
    from ..reactions.drills import new_id
    from ..scan.live import TargetRefused, live, may_attack
    from ..secrets.keyring import Keyring
    from .drill_requests import Sender, context_for, forwarded

    target = live(url)
    if not target.is_loopback and not url.startswith("https://"):
        raise TargetRefused("A drill leaves this machine over https only.", remedy="Name the https address.")
    may_attack(target, loaded.scan.targets)
    if host and not (host.isascii() and host.isprintable() and " " not in host):
        raise Usage("--host is no name of a host.")
    try:
        context = context_for(target, ca)
    except OSError as error:
        raise Usage(f"--ca {ca} can't be read: {error}.") from None
    sign = Keyring.from_policy(loaded, os.environ, Path(loaded.state), SYSTEM).signer(PURPOSE)
    named = host or urlsplit(target.url).netloc
    return Sender(target, new_id(), sign, named, context, time.time, forwarded(loaded) if target.is_loopback else {})


def _begin(policy: Path | None, sender: Sender, scenario: str, chosen: Scenario) -> Drill:
    """An incident for it, before anything is sent: nobody who looks can wonder what this is."""
    from ..events.terms import Severity
    from ..reactions.drills import Drill, keep
    from .ban_book import operator
    from .incident_book import with_incidents

    async def work(kept: Incidents, opened: Opened) -> Drill:
        now, by = time.time(), operator()
        title, where = f"Drill: {chosen.says}", f"details.drill={sender.drill}"
        incident = await kept.open(title, Severity.NOTICE, where, now - 1, by=by, now=now, drill=sender.drill)
        made = Drill(sender.drill, incident.id, scenario, sender.target.shown, by, now)
        await keep(opened.records, made)
        return made

    return with_incidents(policy, work)


def _measure(
    begun: Drill, store: Path, sender: Sender, chosen: Scenario, patience: float, policy: Path | None, *, told: bool
) -> Drill:
    """Send, and watch the record until a receiver has taken the alert (`told`: there is one) or patience ends; what is
    known is kept, however it ends."""
    from dataclasses import replace

    from ..reactions.drills import keep, observe
    from .incident_book import with_incidents

    events = _new_events(store)
    next(events)  # from here on
    made = replace(begun, began=time.time())
    try:
        made = replace(made, requests=sender.send(chosen))
        end = time.monotonic() + patience
        while not made.finished and (told or not made.detected) and time.monotonic() < end:
            time.sleep(_LOOK)
            made = observe(made, next(events))
    finally:
        with_incidents(policy, lambda _, opened: keep(opened.records, made))
    return made


def _new_events(store: Path) -> Iterator[Sequence[Event]]:
    """What was written since the last time; the first time nothing. A store that is not there yet is empty."""
    from ..events.query import NoEvents, tail

    last, first = 0, True
    while True:
        found = []
        with suppress(NoEvents):
            found = tail(store, 1 if first else _AT_ONCE, after=last)
        last = found[-1].id if found else last
        yield [] if first else [one.event for one in found]
        first = False


def _until_contained(policy: Path | None, what: str, patience: float) -> Incident:
    from .incident_book import read

    end = time.monotonic() + patience
    if patience:
        err().print(safe(f"Waiting for: garrison incident contain {what} --ban 127.0.0.1"))
    while True:
        incident, _ = read(policy, what)
        if incident.contained or time.monotonic() >= end:
            return incident
        time.sleep(1.0)
