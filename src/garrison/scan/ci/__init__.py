"""Configurations that run the scan: in GitHub Actions, GitLab CI, pre-commit, cron and a systemd timer.

Threat: the scan as a way in. So actions are named by commit, the image by digest, packages by hash; workflows get no
right but to read; nothing from a pull request is put into a command. Lets pass: who may change these files.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final

from ...core.errors import OperatorError
from .updates import dependabot, renovate

FAST: Final = ("code", "bandit", "ruff", "detect-secrets", "check")
"""What looks at every change; the night runs all."""
_INSTALLED: Final = ("bandit", "ruff", "detect-secrets")
_DIGEST: Final = re.compile(r"[a-z0-9][a-z0-9./_:-]*@sha256:[0-9a-f]{64}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9._/-]+")


class Kind(StrEnum):
    """What runs the scan."""

    GITHUB = "github"
    GITLAB = "gitlab"
    PRE_COMMIT = "pre-commit"
    CRON = "cron"
    SYSTEMD = "systemd"
    DEPENDABOT = "dependabot"
    RENOVATE = "renovate"


class NotPinned(OperatorError):
    """Something that should be pinned can be moved, or a name holds what a configuration can't."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Choices:
    """What the files say about this project.

    `requirements`: a lock file with hashes and Garrison in it. `baseline`: a file of known findings, or empty. `image`:
    a Python image with its digest, for GitLab. `folder`, `program`, `user`: where and as whom cron and systemd run.
    `cool_down`: days that an update waits; `locks`: the project's lock files.
    """

    requirements: str = "requirements/garrison.txt"
    baseline: str = ""
    image: str = ""
    folder: str = "/srv/app"
    program: str = "/srv/app/.venv/bin/garrison"
    user: str = "garrison-scan"
    cool_down: int = 7
    locks: tuple[str, ...] = ()


_PLACES: Final = {
    Kind.GITHUB: {".github/workflows/garrison.yml": "github.yml"},
    Kind.GITLAB: {".gitlab/garrison.yml": "gitlab.yml"},
    Kind.PRE_COMMIT: {".pre-commit-config.yaml": "pre-commit.yml"},
    Kind.CRON: {"deploy/garrison-scan.cron": "cron"},
    Kind.SYSTEMD: {"deploy/garrison-scan.service": "service", "deploy/garrison-scan.timer": "timer"},
}


def configurations(kind: Kind, choices: Choices) -> dict[str, str]:
    """The files of one kind: relative path and text. Raises `NotPinned`."""
    if kind is Kind.GITLAB and not _DIGEST.fullmatch(choices.image):
        raise NotPinned(
            "The image of the GitLab jobs has to be named by its digest.",
            remedy="Name it: --image python:3.13-slim@sha256:… (docker images --digests shows it).",
        )
    for word in (choices.requirements, choices.baseline, choices.folder, choices.program, choices.user):
        if word and not _PLAIN.fullmatch(word):
            raise NotPinned(f"{word!r} can't stand in these files.", remedy="Letters, digits and ._/- only.")
    if kind is Kind.DEPENDABOT:
        return {".github/dependabot.yml": dependabot(choices.locks, choices.cool_down)}
    if kind is Kind.RENOVATE:
        return {"renovate.json": renovate(choices.cool_down)}
    words = {
        "REQUIREMENTS": choices.requirements,
        "IMAGE": choices.image,
        "FAST": shlex.join(_INSTALLED),
        "FAST_ONLY": " ".join(f"--only {name}" for name in FAST),
        "BASELINE": f" --baseline {choices.baseline}" if choices.baseline else "",
        "FOLDER": choices.folder,
        "PROGRAM": choices.program,
        "USER": choices.user,
    }
    return {path: _filled(name, words) for path, name in _PLACES[kind].items()}


def _filled(name: str, words: dict[str, str]) -> str:
    text = files("garrison.scan.ci").joinpath(name).read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda found: words[found[1]], text)
