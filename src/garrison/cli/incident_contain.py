"""`garrison incident contain`: stop what goes on, step by step, and say how each step is undone."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .contain_wanted import Wanted, switches
from .incident_book import Id
from .options import Format, PolicyFile
from .output import Shape, Usage, out, print_json, safe

if TYPE_CHECKING:
    from ..core.bans import Target
    from ..reactions.containment import Containing, Kind, Step
    from ..reactions.incidents import Incidents
    from .ban_book import Opened

Ban = Annotated[
    list[str] | None,
    typer.Option("--ban", metavar="TARGET", help="Whom to shut out: an address, a network, principal:ID, api-key:ID."),
]
Slow = Annotated[list[str] | None, typer.Option("--slow", metavar="ADDRESS", help="Whom to slow down.")]
Close = Annotated[
    list[str] | None, typer.Option("--close-route", metavar="NAME", help="Which route class of the policy to close.")
]
Revoke = Annotated[
    list[str] | None,
    typer.Option("--revoke", metavar="WHAT", help="What to end for good: principal:ID (all its sessions), api-key:ID, "
                 "session:PRINCIPAL/HASH (as events call it)."),
]  # fmt: skip


def contain(
    what: Id,
    ban: Ban = None,
    slow: Slow = None,
    revoke: Revoke = None,
    close_route: Close = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse whatever has side effects, everywhere.")
    ] = False,
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="How long; what is revoked has no end.")] = "24h",
    force: Annotated[bool, typer.Option("--force", help="Also loopback and very wide networks.")] = False,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Stop what goes on, for all nodes, and mark the incident as contained. Each step says how `garrison undo` takes
    it back; ended sessions and revoked keys stay ended. In a drill the steps are rehearsed: nothing is done."""
    from ..policy.units import parse_duration
    from .incident_book import with_incidents

    if not (ban or slow or revoke or close_route or read_only):
        raise Usage("Say what to do: --ban, --slow, --revoke, --close-route or --read-only.")
    try:
        seconds = parse_duration(for_)
    except ValueError as error:
        raise Usage(f"--for is {error}.") from None
    if seconds <= 0:
        raise Usage("--for must be more than nothing.")

    async def work(kept: Incidents, opened: Opened) -> list[Step]:
        drill = (await kept.get(what)).drill
        wanted = Wanted(opened, ban or [], slow or [], revoke or [], force or bool(drill))
        wanted.switch = switches(opened.policy, close_route or [], read_only)
        return await _contain(kept, opened, what, wanted, seconds)

    steps = with_incidents(policy, work)
    if shape is Shape.JSON:
        print_json([{"id": one.id, "kind": one.kind, "target": one.target, "said": one.said, "undo": one.undo}
                    for one in steps])  # fmt: skip
        return
    for step in steps:
        out().print(safe(step.text), soft_wrap=True)


async def _contain(kept: Incidents, opened: Opened, what: str, wanted: Wanted, seconds: float) -> list[Step]:
    from ..core.clock import SYSTEM
    from ..reactions.build import build_books
    from ..reactions.containment import Containing
    from ..reactions.incidents import IncidentClosed
    from .ban_book import operator

    incident = await kept.get(what)
    if incident.state == "closed":
        raise IncidentClosed(what)
    slowed, by, now = build_books(opened.policy, opened.records, SYSTEM)["slow"], operator(), time.time()
    await slowed.refresh()
    hands = Containing(opened.records, opened.bans, slowed, opened.emit, what, by, now)
    if not incident.drill:
        await _all_keys(opened, wanted)
    steps = []
    for do in _rehearsals(hands, wanted) if incident.drill else _doings(hands, opened, wanted, seconds):
        step = await do()
        steps.append(step)
        await kept.note(what, step.text, by=by, now=time.time(), kind="containment")  # at once: the next may fail
    await kept.turn(what, "contained", by=by, now=time.time())
    return steps


def _doings(
    hands: Containing, opened: Opened, wanted: Wanted, seconds: float
) -> Sequence[Callable[[], Awaitable[Step]]]:
    """Who must stay out is banned before sessions are ended: otherwise they log in again in between."""

    def banning(target: Target) -> Callable[[], Awaitable[Step]]:
        return lambda: hands.shut_out(target, seconds, force=wanted.force)

    def slowing(target: Target) -> Callable[[], Awaitable[Step]]:
        return lambda: hands.slow_down(target, seconds, force=wanted.force)

    def revoking(kind: str, name: str) -> Callable[[], Awaitable[Step]]:
        return lambda: _revoke(hands, opened, kind, name)

    def switching(name: str, said: str) -> Callable[[], Awaitable[Step]]:
        return lambda: hands.switch_off(name, said, seconds)

    held = [*map(banning, wanted.ban), *map(slowing, wanted.slow), *(switching(*one) for one in wanted.switch)]
    return [*held, *(revoking(*one) for one in wanted.revoke)]


def _rehearsals(hands: Containing, wanted: Wanted) -> Sequence[Callable[[], Awaitable[Step]]]:
    """The steps of a drill: what the operator would do is on record, and nobody feels it."""
    asked: list[tuple[Kind, str]] = [("ban", str(one)) for one in wanted.ban]
    asked += [("slow", str(one)) for one in wanted.slow]
    asked += [("switch", name) for name, _ in wanted.switch]
    asked += [("revoke", f"{kind}:{name}") for kind, name in wanted.revoke]

    def rehearsing(kind: Kind, target: str) -> Callable[[], Awaitable[Step]]:
        async def do() -> Step:
            return hands.rehearsed(kind, target)

        return do

    return [rehearsing(*one) for one in asked]


async def _revoke(hands: Containing, opened: Opened, kind: str, name: str) -> Step:
    from ..accounts.revoking import end_sessions, revoke_key
    from ..events.shape import fingerprint

    if kind == "api-key":
        await revoke_key(opened.records, opened.emit, name, now=hands.now)
        return await hands.ended(f"api-key:{name}", f"revoked api-key:{name}")
    if kind == "principal":
        count = await end_sessions(opened.records, opened.emit, name)
        return await hands.ended(f"principal:{name}", f"ended {count} sessions of {name}")
    principal, _, short = name.rpartition("/")
    count = await end_sessions(opened.records, opened.emit, principal, lambda one: fingerprint(one.id) == short)
    said = f"ended the session {short} of {principal}" if count else f"{principal} has no session {short} any more"
    return await hands.ended(f"principal:{principal}", said)


async def _all_keys(opened: Opened, wanted: Wanted) -> None:
    """Raises `NoSuchKey` before anything is done: a mistyped id must not look contained."""
    from ..accounts.revoking import KEY, NoSuchKey

    for kind, name in wanted.revoke:
        if kind == "api-key":
            record = await opened.records.get(KEY, name)
            if record is None or record.data["revoked"]:
                raise NoSuchKey(name)
