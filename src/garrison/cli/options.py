"""Options that several commands take, and what they mean."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import Shape

if TYPE_CHECKING:
    from ..policy.load import Loaded


class Environment(StrEnum):
    """Where the application runs."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", "-p", metavar="FILE", help="The policy file; otherwise found as the application does."),
]
Where = Annotated[
    Environment | None,
    typer.Option("--environment", "-e", help="Check for this environment instead of GARRISON_ENVIRONMENT."),
]
Format = Annotated[Shape, typer.Option("--format", "-f", help="How to print.")]
State = Annotated[
    Path | None,
    typer.Option("--state", metavar="FOLDER", help="The folder with the events; otherwise the policy's `state`."),
]


def settle(policy: Path | None, environment: Environment | None) -> None:
    """Put the choice into the environment, so that an application that hardens itself on import sees it too."""
    if environment is not None:
        os.environ["GARRISON_ENVIRONMENT"] = environment
    if policy is not None:
        os.environ["GARRISON_POLICY"] = str(policy)


def assume_development() -> None:
    """For a command that only looks at the application: one that hardens itself must not be refused for want of a key.

    An environment that somebody named stays.
    """
    os.environ.setdefault("GARRISON_ENVIRONMENT", Environment.DEVELOPMENT)


def load_policy(policy: Path | None, environment: Environment | None = None) -> Loaded:
    """The policy as the application would find it. Raises `PolicyInvalid`, `PolicyFileUnreadable`."""
    from ..policy.load import load

    settle(policy, environment)
    return load(policy, os.environ)


def event_store(policy: Path | None, state: Path | None) -> Path:
    """The event store of the policy, or the one in the folder `state`."""
    from ..events.sqlite import FILE_NAME

    return state_folder(policy, state) / FILE_NAME


def state_folder(policy: Path | None, state: Path | None) -> Path:
    """The folder that was named, or the policy's `state`."""
    return state or Path(load_policy(policy).policy.state)
