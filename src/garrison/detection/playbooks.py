"""Playbooks: what to do about a kind of alert, by the parts of NIST SP 800-61r3. They ship as Markdown.

A rule names its own (`playbook`), and every alert says how to read it, also where the documentation is out of reach.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from ..core.errors import OperatorError

PARTS: Final = ("Prepare (Govern, Identify, Protect)", "Detect", "Respond", "Recover", "Improve (Identify)")
"""The headings that each has: the functions of the CSF 2.0 community profile in NIST SP 800-61r3, chapter 3."""


class NoSuchPlaybook(OperatorError):
    """No playbook has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No playbook goes by {name!r}.", remedy=f"There are: {', '.join(names())}.")


@cache
def names() -> tuple[str, ...]:
    """All that ship, in order."""
    folder = files(__package__).joinpath("playbooks")
    return tuple(sorted(one.name.removesuffix(".md") for one in folder.iterdir() if one.name.endswith(".md")))


def read(name: str) -> str:
    """The text of one. Raises `NoSuchPlaybook`."""
    if name not in names():
        raise NoSuchPlaybook(name)
    return files(__package__).joinpath("playbooks", f"{name}.md").read_text("utf-8")


def how_to_read(name: str) -> str:
    """The command that prints it."""
    return f"garrison incident playbook {name}"
