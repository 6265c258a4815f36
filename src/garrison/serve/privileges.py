"""Becoming another user for good, once the ports are open.

Threat: a flaw in the application that runs with the superuser's rights. Assumption: called before any thread starts
and before the application is imported. Lets pass: files the new user may touch.

Source: setresuid(2); CWE-271, CWE-273 (the drop is checked, and so is that there is no way back).
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..secrets.private_files import private_folder
from .errors import OptionRefusedError

_NEEDED: Final = tuple(map(os.path.realpath, (sys.executable, os.__file__, __file__)))


def become(name: str, folders: Iterable[Path] = ()) -> None:
    """Run as the user `name`, with that user's groups and none of our own.

    Private `folders` that do not exist yet are made, and are that user's. Raises `OptionRefusedError`.
    """
    user = _user(name)
    if user.pw_uid == 0:
        raise _refused(f"{name!r} is the superuser.")
    if os.geteuid() == user.pw_uid and os.getuid() == user.pw_uid:
        return
    if os.geteuid() != 0:
        raise _refused("Only the superuser can become somebody else.")
    for folder in folders:
        if not os.path.lexists(folder):
            private_folder(folder)
            os.chown(folder, user.pw_uid, user.pw_gid, follow_symlinks=False)
    os.initgroups(name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.environ |= {"HOME": user.pw_dir, "USER": name, "LOGNAME": name}
    if os.getresuid() != (user.pw_uid,) * 3 or os.getresgid() != (user.pw_gid,) * 3 or 0 in os.getgroups():
        raise _refused(f"The rights of {name!r} were not taken on whole.")
    try:
        os.setuid(0)
    except OSError:
        return
    raise _refused("The superuser's rights could be taken back.")


def check_reads_python(name: str) -> None:
    """Raise `OptionRefusedError` unless the user `name` can read this Python and its packages.

    Asked while that can still be said: once it is that user, this process can't even load what prints the error. Where
    the caller is not the superuser there is nobody to ask for, and `become` says so.
    """
    user = _user(name)
    if os.geteuid() != 0:
        return
    child = os.fork()
    if child == 0:
        try:
            os.initgroups(name, user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            os._exit(0 if all(os.access(path, os.R_OK) for path in _NEEDED) else 1)
        finally:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        places = ", ".join(dict.fromkeys(str(Path(path).parent) for path in _NEEDED))
        raise OptionRefusedError(
            "user",
            f"{name!r} can't read this Python and its packages: {places}.",
            remedy="Install them where that user may read; not below /root, or in another home.",
        )


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise _refused(f"There is no user {name!r} here.") from None


def _refused(message: str) -> OptionRefusedError:
    return OptionRefusedError("user", message, remedy="Start as root with --user NAME, or as that user without it.")
