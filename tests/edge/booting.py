"""A systemd of our own, in namespaces of its own: process 1 there, with one unit to run and nothing of this machine.

`/run`, `/tmp`, `/srv`, `/opt` and `/var/lib` are empty file systems in memory, `/etc` is a copy, and the folder of
units holds the few that every unit needs: no service of the machine is started, no file of it is written. The Python
under test and its packages are mounted below `/opt`, where a user that exists for this run only can read them.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SYSTEMD: Final = Path("/lib/systemd/systemd")
SOURCE: Final = Path(__file__).parents[2] / "src"
STARTED: Final = 60.0
_APART: Final = ("unshare", "--pid", "--fork", "--mount", "--cgroup", "--uts", "--ipc", "--kill-child")
_TARGETS: Final = ("sysinit", "basic", "shutdown", "multi-user", "network-online", "sockets", "umount", "final")
_BOOT: Final = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
for empty in /opt /srv; do mount -t tmpfs -o mode=0755 tmpfs $empty; done
mkdir /opt/python /opt/packages /opt/source /srv/app /opt/etc /opt/units
mount --bind "$PREFIX" /opt/python
mount --bind "$PACKAGES" /opt/packages
mount --bind "$SOURCE" /opt/source
cp -a "$FOLDER/app/." /srv/app
cp -a /etc/. /opt/etc
cp -a "$FOLDER/etc/." /opt/etc
cp -a "$FOLDER/units/." /opt/units
for empty in /run /tmp /var/lib; do mount -t tmpfs -o mode=0755 tmpfs $empty; done
chmod 1777 /tmp
mount --bind /opt/etc /etc
rm -rf /etc/systemd/system && mkdir /etc/systemd/system
mount --bind /opt/units /usr/lib/systemd/system
exec env -i container=tests PATH=/usr/sbin:/usr/bin:/sbin:/bin "$SYSTEMD" --system --unit=garrison.service \
    --show-status=no --log-level=notice --log-target=console --default-standard-output=null
"""


def why_not() -> str:
    """What keeps a systemd from being started here; empty when nothing does."""
    if os.geteuid() != 0:
        return "only the superuser can start systemd in namespaces of its own"
    tried = subprocess.run([*_APART, "mount", "--make-rprivate", "/"], capture_output=True, text=True, timeout=20)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


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


@contextmanager
def booted(folder: Path, unit: str, app: Mapping[str, str], etc: Mapping[str, str]) -> Iterator[Booted]:
    """Run `unit` with the files `app` in /srv/app and `etc` in /etc; everything there may be read by everybody."""
    # A Python below /root finds its shared library by a path that the unit hides.
    python = "PYTHONPATH=/opt/source:/opt/packages\nLD_LIBRARY_PATH=/opt/python/lib\nPYTHONDONTWRITEBYTECODE=1\n"
    shim = '#!/bin/sh\nexec /opt/python/bin/python3 -m garrison "$@"\n'
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
    places = {
        "FOLDER": str(folder), "PREFIX": sys.base_prefix, "SOURCE": str(SOURCE), "SYSTEMD": str(SYSTEMD.resolve()),
        "PACKAGES": sysconfig.get_path("purelib") or site.getsitepackages()[0],
    }  # fmt: skip
    with log.open("wb") as said:
        process = subprocess.Popen([*_APART, "sh", "-c", _BOOT], env={**os.environ, **places}, stdout=said, stderr=said)
    try:
        yield Booted(process, log)
    finally:
        process.kill()
        process.wait(20)
        shutil.rmtree(folder / "app", ignore_errors=True)
