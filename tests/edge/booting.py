"""A systemd of our own, in namespaces of its own: process 1 there, with one unit to run and nothing of this machine.

`/run`, `/tmp`, `/srv`, `/opt` and `/var/lib` are empty file systems in memory, `/etc` is a copy, and the folder of
units holds the few that every unit needs: no service of the machine is started, no file of it is written. The Python
under test and its packages are mounted below `/opt`, where a user that exists for this run only can read them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.readable_python import APART, ENVIRONMENT, MOUNTS, PYTHON, places, why_not

SYSTEMD: Final = Path("/lib/systemd/systemd")
STARTED: Final = 60.0
_TARGETS: Final = ("sysinit", "basic", "shutdown", "multi-user", "network-online", "sockets", "umount", "final")
_BOOT: Final = """
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 tmpfs /srv
mkdir /srv/app /opt/etc /opt/units
cp -a "$FOLDER/app/." /srv/app
cp -a /etc/. /opt/etc
cp -a "$FOLDER/etc/." /opt/etc
cp -a "$FOLDER/units/." /opt/units
for empty in /run /tmp /var/lib; do mount -t tmpfs -o mode=0755 tmpfs $empty; done
chmod 1777 /tmp
mount --bind /opt/etc /etc
rm -rf /etc/systemd/system && mkdir /etc/systemd/system
mount --bind /opt/units /usr/lib/systemd/system
mount --make-rshared /  # within these namespaces; systemd mounts credentials from a child of its own
exec env -i container=tests PATH=/usr/sbin:/usr/bin:/sbin:/bin "$SYSTEMD" --system --unit=garrison.service \
    --show-status=no --log-level=notice --log-target=console --default-standard-output=null
"""


class Booted:
    """`root` is the file system as the unit's machine has it, seen from here."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def root(self) -> Path:
        [first] = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return Path(f"/proc/{first}/root")

    def wait_for(self, path: str) -> Path:
        """Wait until `path` is there, and where it is. Raises AssertionError with what systemd said."""
        deadline = time.monotonic() + STARTED
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                found = self.root / path.lstrip("/")
                if found.exists():
                    return found
            except (OSError, ValueError):  # it is only being started
                pass
            time.sleep(0.1)
        raise AssertionError(f"{path} did not appear:\n{self.log.read_text()}")


def why_not_here(folder: Path) -> str:
    """What keeps systemd from running here, tried with a unit that asks for nothing; empty when it runs."""
    if reason := why_not():
        return reason
    unit = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/touch /run/it-runs\n"
    try:
        with booted(folder, unit, {}, {"garrison/environment": ""}) as machine:
            machine.wait_for("/run/it-runs")
    except AssertionError as error:
        return f"systemd can't be process 1 of a namespace here: {str(error)[-300:]}"
    return ""


@contextmanager
def booted(folder: Path, unit: str, app: Mapping[str, str], etc: Mapping[str, str]) -> Iterator[Booted]:
    """Run `unit` with the files `app` in /srv/app and `etc` in /etc; everything there may be read by everybody."""
    python = "".join(f"{name}={value}\n" for name, value in ENVIRONMENT.items())
    shim = f'#!/bin/sh\nexec {PYTHON} -m garrison "$@"\n'
    files = {f"app/{name}": text for name, text in app.items()} | {"app/.venv/bin/garrison": shim}
    files |= {f"etc/{name}": text for name, text in etc.items()}
    files["etc/garrison/environment"] = python + etc["garrison/environment"]
    files |= {f"units/{name}.target": "[Unit]\nDefaultDependencies=no\n" for name in _TARGETS}
    files |= {"units/garrison.service": unit}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if path.name == "garrison" else 0o644)
    log = folder / "systemd.log"
    told = {"FOLDER": str(folder), "SYSTEMD": str(SYSTEMD.resolve()), **places()}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*APART, "sh", "-c", MOUNTS + _BOOT], env={**os.environ, **told}, stdout=said, stderr=said
        )
    try:
        yield Booted(process, log)
    finally:
        process.kill()
        process.wait(20)
        shutil.rmtree(folder / "app", ignore_errors=True)
