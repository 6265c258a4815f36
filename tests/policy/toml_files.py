"""Policy files for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from garrison.policy.load import Loaded, load
from garrison.policy.problems import PolicyInvalid, Problem


def write(folder: Path, text: str, name: str = "garrison.toml") -> Path:
    """A policy file with the dedented text."""
    path = folder / name
    path.write_text(dedent(text), "utf-8")
    return path


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Loaded:
    """The policy of a file with this text."""
    return load(write(folder, text), environ or {})


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> dict[str, Problem]:
    """What is wrong with such a policy, by key."""
    try:
        loaded(folder, text, environ)
    except PolicyInvalid as error:
        return {problem.key: problem for problem in error.problems}
    return {}
