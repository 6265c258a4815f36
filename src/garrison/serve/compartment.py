"""What a serving process keeps to itself: no core dumps, and no secret in its environment.

Threat: a crash writes the memory of the process, with every key, to a disk that others read; a debugger of the same
user attaches; `/proc/PID/environ` and the environment of child processes show secrets. Assumption: Linux for all of
it; elsewhere only core files are off. Lets pass: the superuser; a kernel that dumps regardless (kdump, a virtual
machine's snapshot); swap, which should be encrypted. Memory that held a secret is not overwritten when the secret is
no longer used: Python copies and keeps text as it likes, and can't promise it.

Sources: core(5), proc(5), prctl(2) PR_SET_DUMPABLE; OWASP ASVS 5.0 V13.3; CWE-526, CWE-528.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import sys
from typing import Final

from ..policy import held
from ..policy.model import Policy
from .errors import OptionRefusedError

HANDED: Final = "_GARRISON_SECRETS"
"""Number of the pipe that this process is handed its secrets through; no policy key begins with an underscore."""
_GET_DUMPABLE: Final = 3
_SET_DUMPABLE: Final = 4
_LINUX: Final = sys.platform == "linux"
_MOST: Final = 1024 * 1024
"""Bytes that a pipe of an ordinary user can hold: `fs.pipe-max-size`."""


def refuse_dumps() -> None:
    """No core file of this process, and no other process of this user looks into it. Raises `OptionRefusedError`.

    To be called again after an exec or a change of user, which set it back.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _LINUX:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0) or libc.prctl(_GET_DUMPABLE, 0, 0, 0, 0):
            why = "The kernel does not let core dumps be switched off."
            raise OptionRefusedError("serve", why, remedy="A crash would write every key to the disk.")


def hide_environment(policy: Policy) -> None:
    """Take variables that hold secrets out of this process's environment, by starting it anew without them.

    Returns in the new process, or when there are none. Raises `OptionRefusedError`.
    """
    receive()
    names = held.secret_variables(policy, os.environ)
    if not names or policy.serve.allow_insecure_environment:
        return
    held.take(names)
    os.environ[HANDED] = str(hand(held.packed()))
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  ourselves, with the words we were started with


def receive() -> None:
    """Hold what the process before this one has handed over, if it has."""
    number = os.environ.pop(HANDED, "")
    if number.isdecimal():
        with os.fdopen(int(number), "rb") as pipe:
            held.hold(pipe.read())


def hand(content: bytes) -> int:
    """A pipe that a process of ours can read `content` from; its reading end is inherited. Raises
    `OptionRefusedError`."""
    reads, writes = os.pipe()
    os.set_inheritable(reads, True)
    with os.fdopen(writes, "wb") as pipe:
        # Written whole before anybody reads, so it has to fit.
        room = fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, min(max(len(content), 1), _MOST)) if _LINUX else 16_384
        if len(content) > room:
            os.close(reads)
            why = f"The environment's secrets have {len(content)} bytes, and a pipe takes {room}."
            raise OptionRefusedError("serve", why, remedy="Keep them in files: file:/absolute/path.")
        pipe.write(content)
    return reads
