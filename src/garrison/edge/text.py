"""Lines of a configuration file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from .site import Site


def head(server: str, comment: str = "#") -> list[str]:
    """Who wrote the file, and how to write it anew."""
    return [
        f"{comment} Written by `garrison edge {server}` from the policy. Change the policy, not this file,",
        f"{comment} and write it anew; `garrison edge {server} --check` tries it out.",
        "",
    ]


def note(text: str, indent: int = 0, comment: str = "#") -> Iterator[str]:
    """`text` as comment lines."""
    lead = " " * indent + comment + " "
    yield from textwrap.wrap(" ".join(text.split()), 110, initial_indent=lead, subsequent_indent=lead)


def indented(lines: Iterable[str], by: int) -> Iterator[str]:
    for line in lines:
        yield " " * by + line if line else line


def joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def all_names(site: Site) -> list[str]:
    return [*site.names, *(f"*.{name}" for name in site.below)]
