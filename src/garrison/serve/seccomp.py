"""A seccomp filter: system calls that no web application makes fail with EPERM. x86-64 and AArch64 Linux.

Threat: a flaw in the application that goes on to the kernel or to other processes (loading modules, tracing,
namespaces, BPF, mounting, keyrings, changing the clock). A list of what is refused and not of what is allowed: Python's
libraries call too much for the latter. Lets pass: everything not in the list, starting programs among it.

Source: seccomp(2); linux/audit.h for the architectures.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from typing import Final

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32: Final = 0x40000000

# Name: number on x86-64, number on AArch64 (asm/unistd_64.h, asm-generic/unistd.h); None: it has no such call.
REFUSED: Final[Mapping[str, tuple[int, int | None]]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265), "unshare": (272, 97), "setns": (308, 268),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266), "iopl": (172, None),
    "ioperm": (173, None), "quotactl": (179, 60), "io_uring_setup": (425, 425), "personality": (135, 92),
}  # fmt: skip
_MACHINES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def no_new_privileges() -> None:
    """No program started from here on gains rights by its file. Raises `OSError`."""
    _called(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def known_machine() -> bool:
    """Whether there is a list for this machine."""
    return platform.system() == "Linux" and platform.machine() in _MACHINES


def program() -> bytes:
    """The filter for this machine, in classic BPF."""
    audit, column = _MACHINES[platform.machine()]
    numbers = sorted(found for row in REFUSED.values() if (found := row[column]) is not None)
    refuse = _ERRNO | errno.EPERM
    # Another architecture's calls have other numbers: a process that makes them is ended.
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    if column == 0:
        lines += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, refuse)]
    for number in numbers:
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def restrict() -> None:
    """Put the filter to work, for this process and its children, for good. Raises `OSError`."""
    code = program()
    buffer = ctypes.create_string_buffer(code, len(code))
    loaded = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
    _called(_libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(loaded), 0, 0))


def refuses() -> bool:
    """Whether the filter works: a harmless call that is in the list must fail with EPERM."""
    number = REFUSED["kcmp"][_MACHINES[platform.machine()][1]]
    ctypes.set_errno(0)
    # Comparing a process with itself is allowed to everybody, so only the filter can refuse it.
    me = os.getpid()
    return _libc.syscall(number, me, me, 1, 0, 0) < 0 and ctypes.get_errno() == errno.EPERM


def _called(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
