"""Checks on reactions and incidents: that what is asked for can happen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..core.path import compile_paths
from ..findings.severity import Severity
from .bill import NoBill, read_bill
from .checks import Objection, Subject, check

_ANYWHERE = "/garrison-selftest"
_DEEPER = "/garrison-selftest/a/b"


@check(
    "P120", "Step-up without a page", Severity.LOW,
    consequence="Rules that ask a user to confirm who they are ask nobody: each time the reaction is withheld.",
    remedy="Name the page that asks for the password again: reactions.step_up_page.",
    reference="docs/detection/reactions.md",
)  # fmt: skip
def no_step_up_page(subject: Subject) -> Iterator[Objection]:
    section = subject.policy.reactions
    if section.mode == "enforce" and subject.policy.detection.enabled and not section.step_up_page:
        yield Objection("reactions.step_up_page", "empty.")


@check(
    "P121", "Paths of a step-up that never is", Severity.HIGH,
    consequence="The paths are read by nobody: without a page no confirmation is asked for.",
    remedy="Set reactions.step_up_page, or take the paths out.",
    reference="docs/detection/reactions.md",
)  # fmt: skip
def unused_step_up_paths(subject: Subject) -> Iterator[Objection]:
    section = subject.policy.reactions
    if section.step_up_page or section.mode == "off":  # off is off, whatever else the section says
        return
    for name in ("step_up_free", "step_up_also"):
        if getattr(section, name):
            yield Objection(f"reactions.{name}", "no confirmation is ever asked for.")


@check(
    "P122", "Step-up that asks nothing", Severity.HIGH,
    consequence="A stolen session goes on changing things although its user was told to confirm who they are.",
    remedy="Free the few paths that make things safer: log-in, log-out, ending sessions.",
    reference="docs/detection/reactions.md", cwe=(306,),
)  # fmt: skip
def free_everything(subject: Subject) -> Iterator[Objection]:
    section = subject.policy.reactions
    for name in ("step_up_free", "step_up_also"):
        for index, text in enumerate(getattr(section, name)):
            try:
                matches = compile_paths((text,))
            except ValueError as error:
                yield Objection(f"reactions.{name}.{index}", f"{error}.")
                continue
            if name == "step_up_free" and (matches(_ANYWHERE) or matches(_DEEPER)):
                yield Objection(f"reactions.{name}.{index}", f"{text} frees every path.")


@check(
    "P123", "Reactions without detection", Severity.HIGH,
    consequence="Reactions follow from alerts, and with detection off there are none.",
    remedy='Take detection.enabled = false out, or write reactions.mode = "off".',
    reference="docs/detection/reactions.md",
)  # fmt: skip
def reactions_without_detection(subject: Subject) -> Iterator[Objection]:
    if subject.policy.reactions.mode == "enforce" and not subject.policy.detection.enabled:
        yield Objection("reactions.mode", '"enforce", and detection is off.')


@check(
    "P128", "Bill of materials that can't be read", Severity.HIGH,
    consequence="`garrison incident export` ends without a bundle, in the hour when evidence is asked for.",
    remedy="Make it with `garrison scan sbom . --output FILE`, or take incidents.sbom out.",
    reference="docs/detection/incidents.md",
)  # fmt: skip
def no_bill(subject: Subject) -> Iterator[Objection]:
    file = subject.policy.incidents.sbom
    try:
        if file:
            read_bill(Path(file))
    except NoBill as error:
        yield Objection("incidents.sbom", f"{file!r}: {error}.")
