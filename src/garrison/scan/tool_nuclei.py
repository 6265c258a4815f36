"""nuclei 3, where it is on the PATH: its HTTP templates that may be sent, by its JSONL output and its final count.

No package index has it, so it was not there when this was written: docs/scan-live.md tells what was tried. It ends with
0 whatever it found, also when it gave the host up half-way, so its words count: as many templates loaded as it was
given, requests sent, no host skipped, no more matches counted than written. It asks nobody but the target: updates,
callbacks and redirects are off, its settings and its cloud key stay out (its home is an empty folder). The credential
stands in a file of that private folder, bound to the host; requests, answers and `curl` lines are never read back.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..findings.report import ToolStatus
from .adapter import Limits, Result, whole
from .live import Live, ask
from .nuclei_output import NAME, read_output
from .nuclei_templates import HARMFUL, choose
from .process import run_bounded
from .project import Project

_MEMORY: Final = 16_000
"""Megabytes of address space: its runtime reserves much more than it uses."""
_OLDEST: Final = (3, 2)
"""The first with a file for secrets (`-secret-file`). Of version 4 nothing is known."""
_VERSION: Final = re.compile(r"Engine Version:\s*v?((\d+)\.(\d+)[\w.-]*)")


@dataclass(frozen=True, slots=True)
class Nuclei:
    """The adapter."""

    live: Live
    program: Path | None = None
    """Another program than that on the PATH: for tests."""
    name: str = NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        program = self.program or shutil.which(NAME)
        if not program:
            return _skipped("not installed: nuclei is not on the PATH")
        templates = _templates()
        if templates is None:
            return _skipped("not installed: its templates; GARRISON_NUCLEI_TEMPLATES names no folder with them")
        with tempfile.TemporaryDirectory(prefix="garrison-nuclei-") as name:
            return self._run(str(program), templates, Path(name), limits)

    def _run(self, program: str, templates: Path, folder: Path, limits: Limits) -> Result:
        bounds = replace(limits, memory=max(limits.memory, _MEMORY))
        version, wrong = _version(program, folder, bounds)
        if wrong:
            return _failed(wrong, version)
        try:
            ask(self.live, "/")
            chosen, seen = choose(templates, self.live.methods)
        except (OSError, ValueError) as error:
            return _failed(f"{self.live.shown} or {templates.name}: {error or type(error).__name__}", version)
        if not chosen:
            return _failed(f"none of {seen} templates may be sent to {self.live.shown}", version)
        command = [program, *self._arguments(folder, chosen)]
        environ = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "settings"),
                   "NUCLEI_TEMPLATES_DIR": str(folder / "templates")}  # fmt: skip
        ended = run_bounded(command, folder, bounds, extra=environ)
        stopped = ended.why.startswith("stopped after")
        if (why := ended.crash(0)) and not stopped:
            return _failed(why, version)
        written = folder / "found.jsonl"

        def read() -> Result:
            text = written.read_text(encoding="utf-8") if written.is_file() else ""
            return read_output(text, ended.errors, self.live, (len(chosen), seen), why)

        result = whole(NAME, read)
        return Result(replace(result.status, version=version), result.findings)

    def _arguments(self, folder: Path, chosen: Mapping[str, str]) -> list[str]:
        for path, text in chosen.items():
            copy = folder / "templates" / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8")
        arguments = [
            "-target", self.live.url, "-templates", str(folder / "templates"), "-type", "http",
            "-exclude-tags", ",".join(HARMFUL), "-no-interactsh", "-disable-update-check", "-disable-redirects",
            "-no-stdin", "-rate-limit", str(self.live.rate), "-bulk-size", "1", "-concurrency", "5", "-timeout", "10",
            "-retries", "1", "-jsonl", "-output", "found.jsonl", "-omit-raw", "-omit-template", "-no-color", "-stats",
            "-stats-json", "-stats-interval", "5",
        ]  # fmt: skip
        if self.live.secret:
            (folder / "secrets.yaml").write_text(self._secrets(), encoding="utf-8")
            arguments += ["-secret-file", "secrets.yaml"]
        return arguments

    def _secrets(self) -> str:
        """JSON, which is YAML. A host with its port, as nuclei compares it; alone where the port is the usual one."""
        place = urlsplit(self.live.url)
        host = place.netloc if place.port else f"{place.netloc}:{443 if place.scheme == 'https' else 80}"
        usual = host.endswith((":443", ":80"))
        domains = [host, *([host.rpartition(":")[0]] if usual else [])]
        header = {"key": self.live.header, "value": self.live.secret}
        info = {"name": "garrison", "author": "garrison"}
        return json.dumps(
            {
                "id": "garrison",
                "info": info,
                "static": [{"type": "header", "domains": domains, "headers": [header]}],
            }
        )


def _version(program: str, folder: Path, limits: Limits) -> tuple[str, str]:
    """The version, and what is wrong with it."""
    ended = run_bounded([program, "-version"], folder, replace(limits, seconds=30), extra={"HOME": str(folder)})
    if why := ended.crash(0):
        return "", why
    match = _VERSION.search(ended.errors + ended.output.decode(errors="replace"))
    if match is None:
        return "", "it tells no version"
    known = (int(match[2]), int(match[3])) >= _OLDEST and int(match[2]) == _OLDEST[0]
    return match[1], "" if known else f"is {match[1]}: known are versions from 3.2 on, before 4"


def _templates() -> Path | None:
    """GARRISON_NUCLEI_TEMPLATES, or where nuclei keeps them."""
    if named := os.environ.get("GARRISON_NUCLEI_TEMPLATES"):
        usual = [Path(named)]
    else:
        usual = [Path.home() / "nuclei-templates", Path.home() / ".local" / "nuclei-templates"]
    return next((one.absolute() for one in usual if one.is_dir()), None)


def _skipped(why: str) -> Result:
    return Result(ToolStatus.skipped(NAME, why, required=False))


def _failed(why: str, version: str) -> Result:
    return Result(ToolStatus.failed(NAME, why, version=version))
