"""Configurations of Dependabot and Renovate: each update waits for the cool-down, a known hole does not.

Assumption: both hosts leave security updates out of the cool-down (Dependabot by itself, Renovate by
`vulnerabilityAlerts`). Nothing is merged by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

_OF_LOCK: Final = {
    "uv.lock": "uv", "poetry.lock": "pip", "pdm.lock": "pip", "Pipfile.lock": "pip", "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm", "yarn.lock": "npm", "pnpm-lock.yaml": "npm", "bun.lock": "bun", "bun.lockb": "bun",
}  # fmt: skip


def dependabot(locks: Iterable[str], cool_down: int) -> str:
    """`.github/dependabot.yml` for the lock files of a project, and for its workflows."""
    places = sorted({(_OF_LOCK.get(PurePosixPath(lock).name, "pip"), _folder(lock)) for lock in locks})
    lines = ["# Written by `garrison scan init`: updates wait, security updates do not.", "version: 2", "updates:"]
    for system, folder in [*places, ("github-actions", "/")]:
        lines += [
            f"  - package-ecosystem: {system}",
            f"    directory: {json.dumps(folder)}",
            "    schedule:",
            "      interval: weekly",
            "    cooldown:",
            f"      default-days: {cool_down}",
        ]
        if system != "github-actions":
            lines.append(f"      semver-major-days: {max(cool_down, 30)}")
        lines += ["    open-pull-requests-limit: 10"]
    return "\n".join(lines) + "\n"


def renovate(cool_down: int) -> str:
    """`renovate.json`."""
    settings = {
        "$schema": "https://docs.renovatebot.com/renovate-schema.json",
        "extends": ["config:recommended", "helpers:pinGitHubActionDigests"],
        "minimumReleaseAge": f"{cool_down} days",
        "internalChecksFilter": "strict",
        "automerge": False,
        "vulnerabilityAlerts": {"enabled": True, "minimumReleaseAge": None, "labels": ["security"]},
        "packageRules": [{"matchUpdateTypes": ["major"], "minimumReleaseAge": f"{max(cool_down, 30)} days"}],
    }
    return json.dumps(settings, indent=2) + "\n"


def _folder(lock: str) -> str:
    parent = PurePosixPath(lock).parent.as_posix()
    return "/" if parent == "." else f"/{parent}"
