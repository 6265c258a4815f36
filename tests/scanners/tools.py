"""Install the scanners: exact versions with hashes, in a folder of their own, once for each state of the lock files.

They are no dependency of the package or of its other tests: drHEADer (MIT, Python) and sslyze get a virtual
environment each, HTTP Observatory (MPL-2.0, Node) a node_modules folder whose install scripts don't run. A collector of
OpenTelemetry comes the same way. The folder is `.tools/` in the work tree; `GARRISON_TOOLS` names another.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.components import in_ci, need

HERE = Path(__file__).parent
_INSTALL_SECONDS = 300


def tools_folder() -> Path:
    return Path(os.environ.get("GARRISON_TOOLS") or HERE.parents[1] / ".tools")


def drheader() -> list[str]:
    """The command that runs `drheader_run.py`."""

    def install(folder: Path) -> None:
        venv.create(folder, with_pip=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:"]
        _run([*map(str, pip), "-r", str(HERE / "requirements.txt")], folder)

    folder = _once("drheader", [HERE / "requirements.txt"], install)
    return [str(folder / "bin/python"), str(HERE / "drheader_run.py")]


def sslyze() -> list[str]:
    """The command that runs sslyze (AGPL-3.0: asked as a program, never imported)."""

    def install(folder: Path) -> None:
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:"]
        _run([*pip, "-r", str(HERE / "sslyze_build.txt")], folder)
        # There is no wheel of it: built here, from the archive with the hash, by the tool that came before.
        own = ["--no-binary=sslyze", "--no-build-isolation"]
        _run([*pip, *own, "-r", str(HERE / "sslyze.txt")], folder)

    folder = _once("sslyze", [HERE / "sslyze.txt", HERE / "sslyze_build.txt"], install)
    return [str(folder / "bin/python"), "-W", "ignore", "-m", "sslyze"]


def collector() -> str:
    """The program rotel, a collector of OpenTelemetry (Apache-2.0), out of its wheel.

    It is linked to the library of the Python that the wheel is for, whichever Python runs the tests.
    """
    libraries = sorted(Path("/usr/lib").glob("*/libpython3.1[0-3].so.1.0"))
    if not libraries:
        _without("a library of Python 3.10 to 3.13 is missing (on Debian: apt install libpython3-dev)")
    version = libraries[-1].name.removeprefix("libpython").removesuffix(".so.1.0")

    def install(folder: Path) -> None:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--only-binary=:all:",
            "--no-deps",
        ]
        lock = str(HERE / "rotel.txt")
        _run([*pip, f"--python-version={version}", f"--target={folder}", "-r", lock], HERE)
        (folder / "rotel/rotel-agent").chmod(0o755)

    return str(_once(f"rotel-{version}", [HERE / "rotel.txt"], install) / "rotel/rotel-agent")


def observatory() -> tuple[list[str], Path]:
    """The command that runs `observatory.mjs`, and the folder with its packages."""
    node, npm = need("node"), _npm()

    def install(folder: Path) -> None:
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        _run([npm, "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"], folder)
        # Its install script would download the list of sites that browsers know by heart; ours is not among them.
        (folder / "node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json").write_text("{}")

    folder = _once("observatory", [HERE / "package.json", HERE / "package-lock.json"], install)
    return [node, str(HERE / "observatory.mjs")], folder


def _npm() -> str:
    npm = shutil.which("npm")
    return npm if npm is not None else _without("npm is missing (on Debian: apt install npm)")


def _without(reason: str) -> NoReturn:
    """The scanner can't be had here: a skip with its reason, and in CI a failure."""
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _once(name: str, locks: list[Path], install: Callable[[Path], None]) -> Path:
    """The folder of `name` for this state of its lock files; made by one process, renamed into place when whole."""
    mark = sha256(b"".join(lock.read_bytes() for lock in locks) + sys.version.encode()).hexdigest()[:12]
    base = tools_folder()
    base.mkdir(parents=True, exist_ok=True)
    folder = base / f"{name}-{mark}"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "complete"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(folder)
            done.touch()
    return folder


def _run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    if result.returncode:
        _without(f"{command[0]} could not install the scanner: {result.stderr[-500:]}")
