"""This Python and its packages where every user can read them: mounted below `/opt`, for one process and its children.

Pythons that live in the superuser's home can't be started by anybody else, and hiding homes hides them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PYTHON: Final = "/opt/python/bin/python3"
ENVIRONMENT: Final = {
    "PYTHONPATH": "/opt/source:/opt/packages",
    "LD_LIBRARY_PATH": "/opt/python/lib",  # where a Python with a shared library looks for it, it is not to be found
    "PYTHONDONTWRITEBYTECODE": "1",
}
APART: Final = ("unshare", "--pid", "--fork", "--mount", "--cgroup", "--uts", "--ipc", "--kill-child")
"""What a process and its children are given namespaces of their own with."""
MOUNTS: Final = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs /opt
mkdir /opt/python /opt/packages /opt/source
mount --bind "$PREFIX" /opt/python
mount --bind "$PACKAGES" /opt/packages
mount --bind "$SOURCE" /opt/source
"""
"""For `sh`, in a mount namespace of its own, with `places()` in the environment."""


def places() -> Mapping[str, str]:
    """Where this Python, its packages and the source are."""
    source = Path(__file__).parents[2] / "src"
    return {"PREFIX": sys.base_prefix, "PACKAGES": sysconfig.get_path("purelib"), "SOURCE": str(source)}


def why_not() -> str:
    """What keeps it from being mounted here; empty when nothing does."""
    if os.geteuid() != 0:
        return "only the superuser can mount anything"
    tried = subprocess.run([*APART, "mount", "--make-rprivate", "/"], capture_output=True, text=True, timeout=20)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""
