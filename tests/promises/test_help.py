"""What `--help` and the documentation say about the command line is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from garrison.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for path in (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.is_file()
]
PLANNED = {"attack", "evidence", "console"}
"""Commands of later versions: they must not be there yet, not even as stubs."""

# A command in a code block or between backticks, up to what ends it in a shell.
_USED = re.compile(r"(?:^\s*(?:\$ )?|`|\$\(|&& |\| )garrison ([a-z][^`\n|;&)#]*)", re.MULTILINE)
_FENCED = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_TICKED = re.compile(r"`[^`\n]+`")


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, groups included."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def used(text: str) -> Iterator[list[str]]:
    """The commands that a page shows, as words."""
    for block in [*_FENCED.findall(text), *(match[0] for match in _FENCED.finditer(text)), *_TICKED.findall(text)]:
        for line in _USED.findall(block):
            yield [word for word in shlex.split(line.replace("\\\n", " "), comments=True) if word != "\\"]


@pytest.mark.parametrize("path", ALL)
def test_every_command_has_help_that_can_be_asked_for(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    assert "Usage: garrison" in result.stdout
    assert (ALL[path].help or "").strip()


@pytest.mark.parametrize("path", [path for path, command in ALL.items() if path])
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    for parameter in ALL[path].params:
        assert getattr(parameter, "help", None), f"{path} {parameter.name}"


def test_commands_of_later_versions_are_not_there() -> None:
    assert {path[0] for path in ALL if path}.isdisjoint(PLANNED)


@pytest.mark.parametrize(
    "command", ["check", "explain", "report", "events show", "events tail", "events list", "bans list"]
)
def test_what_prints_data_can_print_json(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert re.search(r"--format.*\bjson\b", result.stdout)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_in_the_documentation_exist_with_the_options_shown(page: Path) -> None:
    for words in used(page.read_text("utf-8")):
        path = tuple(word for word in words[:2] if word.isalpha())
        command = ALL.get(path) or ALL.get(path[:1])
        if (fallback := getattr(command, "fallback", None)) is not None:
            command = ALL[*path[:1], fallback]
        if path[0] in PLANNED:
            continue  # the page tells what a later version will do
        assert command is not None, f"garrison {' '.join(words)}"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        options = {word.partition("=")[0] for word in words if word.startswith("-")} - {"--help", "-h"}
        if command is not ALL[()]:
            assert options <= known, f"garrison {' '.join(words)}"


def test_the_search_for_commands_finds_them() -> None:
    text = '```console\n$ garrison check --format json\ncurl "$(garrison certs ca)"\n```\nand `garrison explain KEY`.'
    assert list(used(text))[-3:] == [["check", "--format", "json"], ["certs", "ca"], ["explain", "KEY"]]
