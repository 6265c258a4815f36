"""`--sandbox`: what a worker process gives up before it imports the application.

Threat: code execution in the application, which then plants files, reads the keys that certificates are asked for and
made with, or goes on to the kernel and to other processes. Three independent parts: no-new-privileges, Landlock for
files, seccomp for system calls. Each is tried out once it is in force; what the kernel does not have is said, and what
should hold and does not stops the start.

Assumption: applied before the first thread and the first import of the application. Lets pass: reading other files of
the user, the network, files below the writable folders (destroying what stands there included), the key of the
certificate that is served: a worker needs it.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ..core.errors import DependencyError
from . import landlock, seccomp


class SandboxBroken(DependencyError):
    """A part of the sandbox should hold and does not. `part` is which."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(
            f"The sandbox could not be put to work ({part}): {why}.",
            remedy="Serve without --sandbox only if something else confines the workers, such as the systemd unit.",
        )
        self.part = part


@dataclass(frozen=True, slots=True)
class Walls:
    """What workers may not read, and below what they may write."""

    hidden: Sequence[Path]
    writable: Sequence[Path]


def enter(walls: Walls) -> list[str]:
    """Give up rights for good. What of the sandbox this kernel does not have, for the operator to know.

    Temporary files go to `tmp` in the first writable folder. Raises `SandboxBroken`.
    """
    if threading.active_count() > 1:
        raise SandboxBroken("start", "a thread is running already, and would stay outside")
    temporary = walls.writable[0] / "tmp"
    temporary.mkdir(mode=0o700, exist_ok=True)
    os.environ["TMPDIR"] = str(temporary)
    missing = []
    if platform.system() != "Linux":
        return ["This system has nothing of what the sandbox is made of: workers may do what their user may."]
    _held("no-new-privileges", seccomp.no_new_privileges)
    if landlock.version():
        _held("Landlock", lambda: landlock.restrict(walls.hidden, (*walls.writable, Path("/dev/null"))))
        _try_files(walls)
    else:
        missing.append("This kernel has no Landlock: workers may read and write what their user may.")
    if seccomp.known_machine():
        _held("seccomp", seccomp.restrict)
        if not seccomp.refuses():
            raise SandboxBroken("seccomp", "a refused system call was made all the same")
    else:
        missing.append("There is no list of system calls for this machine: workers may make all of them.")
    return missing


def _held(part: str, act: Callable[[], object]) -> None:
    try:
        act()
    except OSError as error:
        raise SandboxBroken(part, error.strerror or type(error).__name__) from error


def _files(place: Path) -> Iterable[Path]:
    """Everything below `place`, or itself; nothing where this user may not even look, which hides it well enough."""
    try:
        return place.rglob("*") if place.is_dir() else (place,)
    except OSError:
        return ()


def _try_files(walls: Walls) -> None:
    """Reading what is hidden must fail, and so must writing outside."""
    for path in chain.from_iterable(map(_files, walls.hidden)):
        with suppress(OSError), path.open("rb"):
            raise SandboxBroken("Landlock", f"{path} can still be read")
    outside = Path(f"/tmp/.garrison-probe-{os.getpid()}")  # noqa: S108  it must not come to be
    with suppress(OSError):
        os.close(os.open(outside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        outside.unlink()
        if not any(outside.is_relative_to(one.resolve()) for one in walls.writable):
            raise SandboxBroken("Landlock", f"{outside} could still be written")
    inside = walls.writable[0] / f".garrison-probe-{os.getpid()}"
    try:
        os.close(os.open(inside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        inside.unlink()
    except OSError as error:
        raise SandboxBroken("Landlock", f"{inside.parent} can't be written any more") from error
