"""Run commands: in this process where that is enough, as a real process where streams or signals matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from typer.testing import CliRunner

from garrison.cli.main import app

GARRISON = (sys.executable, "-m", "garrison")
KEY = "x7Kq2vN9wLpR4tYb8cZd3fGh6jMn1sQa5uWe0iOkTyU"


@dataclass(frozen=True)
class Ran:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def flat(self) -> str:
        """Standard output with all white space as single blanks: tables wrap where they like."""
        return " ".join(self.out.split())

    @property
    def said(self) -> str:
        """Standard error likewise, without the frames of panels."""
        return " ".join(self.err.translate(str.maketrans("│╭╮╰╯─", " " * 6)).split())

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Here:
    """A folder to run commands in."""

    folder: Path

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(dedent(text), "utf-8")
        return path

    def run(self, *arguments: str, stdin: str | None = None, **environ: str) -> Ran:
        """`garrison ARGUMENTS` in this process."""
        result = CliRunner().invoke(app, list(arguments), input=stdin, env=environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def process(self, *arguments: str, **environ: str) -> Ran:
        """`garrison ARGUMENTS` as a process of its own."""
        done = subprocess.run(
            [*GARRISON, *arguments], cwd=self.folder, env={**os.environ, **environ}, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
