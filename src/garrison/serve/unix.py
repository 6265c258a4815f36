"""A listening Unix socket for the proxy in front.

Threat: another user of this machine who connects past the proxy and names any client he likes, or who puts a socket of
his own in the way. So the socket is made with rights for owner and group only, from its first moment, and a path that
holds anything but a dead socket is refused. Assumption: the folder belongs to the operator. Lets pass: members of the
socket's group, who must be the proxy alone.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import SocketUnavailableError
from .listen import BACKLOG

_NOBODY_ELSE = 0o117


@contextmanager
def unix_listener(path: Path) -> Iterator[socket.socket]:
    """A socket that listens at `path` (0660), removed at the end. Raises `SocketUnavailableError`."""
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(_NOBODY_ELSE)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SocketUnavailableError(path, os.strerror(error.errno) if error.errno else str(error)) from error
    finally:
        os.umask(before)
    made = path.lstat().st_ino
    try:
        yield listener
    finally:
        listener.close()
        with suppress(OSError):
            if path.lstat().st_ino == made:  # a successor may have put its own there
                path.unlink()


def _clear(path: Path) -> None:
    """Remove what a server that was killed left behind. Raises `SocketUnavailableError` for everything else."""
    try:
        found = path.lstat()
    except OSError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketUnavailableError(path, "something that is no socket stands there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(str(path))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                path.unlink(missing_ok=True)
                return
            raise SocketUnavailableError(path, os.strerror(error.errno or errno.EAGAIN)) from error
    raise SocketUnavailableError(path, "another program listens there")
