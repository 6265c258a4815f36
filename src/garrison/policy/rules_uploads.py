"""Checks on uploads: where files lie, and bounds that never come to hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.verdict import Mode
from ..findings.severity import Severity
from .checks import Objection, Subject, check


@check(
    "P110", "Uploads inside a served folder", Severity.CRITICAL,
    consequence="Whoever uploads a file has a page on your site, also one that was refused, while it is judged.",
    remedy="Move uploads.folder out of it, such as to /var/lib.",
    reference="OWASP File Upload Cheat Sheet; OWASP ASVS 5.0 V5.4", cwe=(434, 552),
)  # fmt: skip
def served(subject: Subject) -> Iterator[Objection]:
    section = subject.policy.uploads
    if not section.folder:
        return
    folder = Path(section.folder).resolve()
    for one in (*section.served, *_static_folders(subject.app)):
        if folder.is_relative_to(Path(one).resolve()):
            yield Objection("uploads.folder", f"it lies in {one!r}, which is served.")


@check(
    "P111", "Uploads that others can read", Severity.MEDIUM,
    consequence="Other users of this machine read what was uploaded, or put files among it, until the start closes it.",
    remedy="chmod 700, let the application's user own it, and find out who opened it.",
    reference="OWASP File Upload Cheat Sheet", production_only=True, cwe=(732,),
)  # fmt: skip
def readable(subject: Subject) -> Iterator[Objection]:
    for folder in _folders(subject):
        found = _stat(folder)
        if found is not None and stat.S_IMODE(found.st_mode) & 0o077:
            yield Objection("uploads.folder", f"{str(folder)!r} has mode {stat.S_IMODE(found.st_mode):04o}.")


@check(
    "P112", "Quarantine and store on two file systems", Severity.HIGH,
    consequence="A file can't move from one to the other in one step, so none is kept: every upload is answered 503.",
    remedy="Mount the whole folder, not what is in it.", reference="docs/inputs/uploads.md",
)  # fmt: skip
def two_file_systems(subject: Subject) -> Iterator[Objection]:
    devices = {found.st_dev for found in map(_stat, _folders(subject)[1:]) if found is not None}
    if len(devices) > 1:
        yield Objection("uploads.folder", "`quarantine` and `files` in it are on two file systems.")


@check(
    "P113", "Upload bound that is never reached", Severity.MEDIUM,
    consequence="The layer size refuses the body before the file is as large as the policy says it may be.",
    remedy="Raise size.body in the route class of the upload, or lower the bound.",
    reference="docs/inputs/uploads.md",
)  # fmt: skip
def unreachable(subject: Subject) -> Iterator[Objection]:
    policy = subject.policy
    if not policy.uploads.folder:
        return
    bodies = [effective.size.body for _, effective, _ in subject.classes("size")]
    bounds = {"uploads.most": policy.uploads.most}
    bounds |= {f"uploads.named.{name}.most": own.most for name, own in policy.uploads.named.items() if own.most}
    for key, most in bounds.items():
        if most > max(bodies):
            yield Objection(key, f"{most} bytes, and no route class lets more than {max(bodies)} through.")


@check(
    "P114", "Unexamined files and no virus scanner", Severity.MEDIUM,
    consequence="Documents with known malware are stored and handed on.",
    remedy='Run clamd and set uploads.scanner = "unix:/run/clamav/clamd.ctl".',
    reference="OWASP ASVS 5.0 V5.4.3", production_only=True, cwe=(434,),
)  # fmt: skip
def unscanned(subject: Subject) -> Iterator[Objection]:
    section = subject.policy.uploads
    if section.scanner:
        return
    if section.allow_unexamined:
        yield Objection("uploads.allow_unexamined", "nothing looks into them.")
    for name, own in section.named.items():
        if own.allow_unexamined:
            yield Objection(f"uploads.named.{name}.allow_unexamined", "nothing looks into them.")


@check(
    "P115", "Uploads that no route class takes", Severity.MEDIUM,
    consequence="The layer content answers every form with a file with 415 before the upload is looked at.",
    remedy='Add "multipart/form-data" to content.types in the route class of the upload.',
    reference="docs/inputs/uploads.md",
)  # fmt: skip
def untaken(subject: Subject) -> Iterator[Objection]:
    if not subject.policy.uploads.folder:
        return
    sections = [effective.content for _, effective, _ in subject.classes("content")]
    if all(one.mode is Mode.ENFORCE and not any(map(_is_multipart, one.types)) for one in sections):
        yield Objection("uploads.folder", "content.types has no multipart/form-data, also in no route class.")


def _is_multipart(media_type: str) -> bool:
    return media_type.lower().startswith("multipart/")


def _folders(subject: Subject) -> tuple[Path, ...]:
    if not subject.policy.uploads.folder:
        return ()
    folder = Path(subject.policy.uploads.folder)
    return folder, folder / "quarantine", folder / "files"


def _stat(folder: Path) -> os.stat_result | None:
    try:
        return folder.stat()
    except OSError:
        return None  # not made yet, or not ours to look at: `UploadPolicy.prepare` says so when it can't


def _static_folders(app: Any, depth: int = 8) -> Iterator[str]:
    """Folders that mounts of Starlette's StaticFiles give out, also below other mounts."""
    for route in getattr(app, "routes", None) or ():
        mounted = getattr(route, "app", None)
        directories = getattr(mounted, "all_directories", None) or ()
        yield from map(str, directories)
        if depth and mounted is not None:
            yield from _static_folders(mounted, depth - 1)
