"""Secrets that this process was handed when it started, and that its environment does not show.

`garrison serve` takes variables that hold secrets out of its environment by starting itself anew, and gets them back
through a pipe: /proc/PID/environ, and the environment that child processes inherit, hold none. What is read with the
superuser's rights before they are given up is handed on likewise.

Threat: a child process, a crash reporter, a page that prints variables, or another process of the same user reads the
environment. Lets pass: whoever can read this process's memory; Python can't promise that a value is ever overwritten
there.

This is process-wide, as the environment is that it stands for.
"""

from __future__ import annotations

import json
import os
from collections import ChainMap
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from .model import Policy
from .own_references import own_references
from .reference import is_reference, texts_in

_ROOT: Final = "GARRISON_KEY"
_variables: dict[str, str] = {}
_references: dict[str, str] = {}


class _Environment(ChainMap[str, str]):
    """Shows none of its values: a crash report with local names has it in many frames of a start that was refused."""

    def __repr__(self) -> str:
        return f"Environment({len(self)} variables)"


def environment() -> Mapping[str, str]:
    """The environment of this process, with what is held in the place of what was taken out."""
    return _Environment(_variables, os.environ)


def held_reference(reference: str) -> str | None:
    """What `file:` or `mounted:` held when the superuser read it; None when it is read as it is now."""
    return _references.get(reference)


def hold(content: bytes) -> None:
    """Hold what `packed` packed."""
    found = json.loads(content)
    _variables.update(found["variables"])
    _references.update(found["references"])


def packed() -> bytes:
    """All that is held, for a process of our own. Only a pipe is a place for it."""
    return json.dumps({"variables": _variables, "references": _references}).encode()


def take(names: Iterator[str] | frozenset[str]) -> None:
    """Hold these variables, and take them out of the environment that child processes inherit."""
    for name in names:
        if name in os.environ:
            _variables[name] = os.environ.pop(name)


def hold_reference(reference: str, text: str) -> None:
    """Hold what the reference led to."""
    _references[reference] = text


def secret_variables(policy: Policy, environ: Mapping[str, str]) -> frozenset[str]:
    """The variables of `environ` that hold secrets as far as the policy tells: the root key, every `env:` reference,
    and what `serve.secret_environment` names."""
    named = {_ROOT, *(text.partition(":")[2] for text in references_in(policy) if text.startswith("env:"))}
    patterns = policy.serve.secret_environment
    return frozenset(
        name for name in environ if name in named or any(fnmatchcase(name, pattern) for pattern in patterns)
    )


def references_in(policy: Policy) -> frozenset[str]:
    """Every value of the policy that is a reference to a secret, and those inside of the store's address."""
    texts = texts_in(policy.model_dump(mode="python"))
    return frozenset(text for text in texts if is_reference(text)) | {one.reference for one in own_references(policy)}
