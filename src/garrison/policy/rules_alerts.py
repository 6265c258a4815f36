"""Checks on who is told of alerts: that steps are reached, that quiet hours hold something, that both are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..findings.severity import Severity
from .checks import Objection, Subject, check

_GRAVITY: Final = ("info", "notice", "warning", "error", "critical")


@check(
    "P124", "Escalation that reaches nobody", Severity.HIGH,
    consequence="Receivers wait for a step that never comes, or alerts for an answer that changes nothing.",
    remedy="Set alerts.escalate, one receiver with step = 0, and one with a higher step.",
    reference="docs/detection/alerts.md",
)  # fmt: skip
def escalation_to_nobody(subject: Subject) -> Iterator[Objection]:
    alerts = subject.policy.alerts
    steps = [one.step for one in alerts.receivers]
    if alerts.escalate and len({*steps}) < 2:
        yield Objection("alerts.escalate", "all receivers are of one step.")
    if steps and 0 not in steps:
        yield Objection("alerts.receivers", "none is of step 0, so nobody is told at once.")
    for index, step in enumerate(steps):
        if step and not alerts.escalate:
            yield Objection(f"alerts.receivers.{index}.step", f"{step}, and alerts.escalate is 0.")


@check(
    "P125", "Step that leaves out what is escalated", Severity.MEDIUM,
    consequence="Alerts that nobody acknowledges are not told to this receiver, although it is the next.",
    remedy="Lower the receiver's least to alerts.escalate_least.",
    reference="docs/detection/alerts.md",
)  # fmt: skip
def deaf_step(subject: Subject) -> Iterator[Objection]:
    alerts = subject.policy.alerts
    for index, one in enumerate(alerts.receivers):
        if alerts.escalate and one.step and _GRAVITY.index(one.least) > _GRAVITY.index(alerts.escalate_least):
            yield Objection(f"alerts.receivers.{index}.least", f"{one.least}, above {alerts.escalate_least}.")


@check(
    "P126", "Quiet hours that hold nothing", Severity.MEDIUM,
    consequence="This receiver is told at night what was meant to wait, or a key is read by nobody.",
    remedy="Set quiet, and wakes above least; or take zone and wakes out.",
    reference="docs/detection/alerts.md",
)  # fmt: skip
def loud_quiet(subject: Subject) -> Iterator[Objection]:
    for index, one in enumerate(subject.policy.alerts.receivers):
        key = f"alerts.receivers.{index}"
        if one.quiet and _GRAVITY.index(one.wakes) <= _GRAVITY.index(one.least):
            yield Objection(f"{key}.wakes", f"{one.wakes}: whatever this receiver is told wakes it.")
        if not one.quiet and (one.zone, one.wakes) != ("UTC", "critical"):
            yield Objection(f"{key}.quiet", "empty, so zone and wakes mean nothing.")


@check(
    "P127", "Alerts kept in memory", Severity.HIGH,
    consequence="`garrison alerts ack` can't reach what waits, and a restart forgets it.",
    remedy='Write store = "embedded" for one machine, or the address of a shared store.',
    reference="docs/detection/alerts.md", production_only=True,
)  # fmt: skip
def forgetful_alerts(subject: Subject) -> Iterator[Objection]:
    alerts = subject.policy.alerts
    if subject.policy.store == "memory":
        if alerts.escalate:
            yield Objection("alerts.escalate", 'store is "memory".')
        for index, one in enumerate(alerts.receivers):
            if one.quiet:
                yield Objection(f"alerts.receivers.{index}.quiet", 'store is "memory".')
