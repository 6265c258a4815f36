"""A session of its own with a real keyring: a message bus, and GNOME Keyring behind it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.support.components import need


@contextmanager
def session(folder: Path) -> Iterator[Any]:
    """The back end of the library `keyring` for an unlocked, empty keyring in `folder`."""
    import keyring
    from keyring.backends import SecretService

    bus, daemon = need("dbus"), need("gnome-keyring")
    (folder / "run").mkdir(0o700)
    environ = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}
    with subprocess.Popen(
        [bus, "--session", "--nofork", "--print-address"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as bus_process:
        assert bus_process.stdout is not None
        address = bus_process.stdout.readline().decode().strip()
        environ["DBUS_SESSION_BUS_ADDRESS"] = address
        # Not in the foreground: it goes to the background once the keyring is open. It ends with the bus.
        subprocess.run(
            [daemon, "--unlock", "--components=secrets"], env=environ, input=b"a password\n", check=True, timeout=30,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            backend = SecretService.Keyring()  # type: ignore[no-untyped-call]  # the library has types for callers only
            with patch.dict(os.environ, {"DBUS_SESSION_BUS_ADDRESS": address}):
                _until_open(backend)
                before = keyring.get_keyring()
                keyring.set_keyring(backend)
                try:
                    yield backend
                finally:
                    keyring.set_keyring(before)
        finally:
            bus_process.terminate()


def _until_open(backend: Any) -> None:
    """The service comes onto the bus, and opens its collection, in its own time."""
    deadline = time.monotonic() + 30
    while True:
        try:
            backend.get_preferred_collection().connection.close()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
