"""Running a tool: bounded in time, memory and output, without the caller's secrets in its environment.

Threat: a tool that hangs, eats the machine, or ends half-way and looks as if it were done. So the end is a value: it
came by itself, by a signal, or by a limit. Children of the tool die with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

from ..findings.inert import clip, one_line
from .adapter import Limits

_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "SYSTEMROOT", "VIRTUAL_ENV")
_BOUNDED: Final = (
    "import os,resource as r,sys\n"
    "for name,most in ((r.RLIMIT_AS,int(sys.argv[1])),(r.RLIMIT_FSIZE,int(sys.argv[2])),(r.RLIMIT_CORE,0)):\n"
    "    r.setrlimit(name,(most,most))\n"
    "os.execv(sys.argv[3],sys.argv[3:])\n"
)
_MEGA: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `why` is empty when the tool ended by itself, with `code`."""

    code: int
    output: bytes
    errors: str
    why: str = ""

    def crash(self, *fine: int) -> str:
        """The reason when this was no orderly end (`fine`: the codes of orderly ends), else empty."""
        if self.why:
            return self.why
        if self.code in fine:
            return ""
        return f"ended with code {self.code}: {clip(one_line(_last_word(self.errors)), 200)}"


def _last_word(errors: str) -> str:
    """The last line that says something, without the frame around our own messages and their advice."""
    lines = [line.strip(" \t\r│╭╮╰╯─") for line in errors.splitlines()]
    said = [line for line in lines if any(character.isalnum() for character in line)]
    return ([*takewhile(lambda line: not line.startswith("What to do:"), said)] or said or ["no message"])[-1]


def run_bounded(
    command: Sequence[str], folder: Path, limits: Limits, *, given: bytes = b"", extra: Mapping[str, str] | None = None
) -> Ended:
    """Run a program (an absolute path, and arguments) in `folder`, with `given` as its input."""
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(extra or {})
    most = [str(limits.memory * _MEGA), str(limits.output * _MEGA)]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as inwards:
        inwards.write(given)
        inwards.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603  # a fixed program with arguments, no shell
                [sys.executable, "-I", "-S", "-c", _BOUNDED, *most, *command],
                cwd=folder, stdin=inwards, stdout=output, stderr=errors, env=environ, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return Ended(-1, b"", "", f"could not be started: {error.strerror}")
        why = _wait(process, limits)
        if output.seek(0, os.SEEK_END) >= limits.output * _MEGA:
            return Ended(process.returncode, b"", "", f"stopped: more than {limits.output} MB of output")
        output.seek(0)
        errors.seek(0)
        return Ended(process.returncode, output.read(), errors.read(_MEGA).decode(errors="replace"), why)


def _wait(process: subprocess.Popen[bytes], limits: Limits) -> str:
    try:
        process.wait(limits.seconds)
    except subprocess.TimeoutExpired:
        return f"stopped after {limits.seconds:g} s"
    finally:
        _kill_all(process)
    if process.returncode < 0:
        return f"killed by {signal.Signals(-process.returncode).name}"
    return ""


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """The whole session: a tool's children must not outlive it."""
    with suppress(ProcessLookupError, PermissionError):  # all of them are gone already
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
