"""ClamAV's real daemon on a Unix socket, with one signature of our own: the test file every scanner has to know.

The signatures of the project itself are hundreds of megabytes from elsewhere; what is tested here is the protocol and
what becomes of each answer, not how much malware is known.
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from garrison.inputs.uploads.clamd import EICAR

_START_SECONDS: Final = 30.0


@contextmanager
def running(program: str, folder: Path, *, signature: bytes = EICAR) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a daemon that finds `signature`, and its process. Ends it."""
    base = folder / "db"
    base.mkdir()
    (base / "test.ndb").write_text(f"Eicar-Test:0:*:{signature.hex()}\n", encoding="ascii")
    link, conf = folder / "s", folder / "clamd.conf"
    lines = (
        f"DatabaseDirectory {base}",
        f"LocalSocket {link}",
        "Foreground yes",
        f"User {pwd.getpwuid(os.getuid()).pw_name}",
        "StreamMaxLength 4M",
    )
    conf.write_text("".join(f"{line}\n" for line in lines), "ascii")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, f"--config-file={conf}"], stdout=log, stderr=log)
    try:
        _wait(link, process)
        yield f"unix:{link}", process
    finally:
        process.kill()
        process.wait()


def _wait(link: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as trial:
            trial.connect(str(link))
            return
        time.sleep(0.05)
    raise RuntimeError("clamd did not start")
