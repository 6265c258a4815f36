"""The command line as a whole: what there is, how fast it is there, and how it says no."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest
import typer

from garrison import __version__
from garrison.cli.main import app
from garrison.core.errors import DependencyError, OperatorError
from tests.cli.running import GARRISON, Here

HEAVY = ("cryptography", "uvicorn", "sqlite3", "garrison.wire", "garrison.policy.model", "fastapi")


def test_help_lists_what_there_is_and_nothing_that_is_not_made_yet(here: Here) -> None:
    group = typer.main.get_command(app)
    assert set(group.list_commands(None)) == {  # type: ignore[attr-defined, arg-type]  # a group, asked without a context
        "demo", "init", "serve", "check", "explain", "report", "events", "bans", "certs",
        "secrets", "edge", "audit", "routes", "scan", "undo", "alerts", "incident", "config", "honey",
    }  # fmt: skip
    assert "console" not in here.run("--help").out


@pytest.mark.parametrize("arguments", [("--help",), ("check", "--help"), ("events", "--help"), ("--version",)])
def test_help_and_version_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.argv = ['garrison', *{arguments!r}]\n"
        "from garrison.cli.main import main\n"
        "try: main()\nexcept SystemExit as stop: assert not stop.code, stop.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    measured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it imports sqlite3
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=measured
    )
    assert done.stderr.strip() == "[]"


def test_the_version_is_printed(here: Here) -> None:
    assert here.run("--version").out == f"garrison {__version__}\n"


@pytest.mark.parametrize(("word", "right"), [("chek", "check"), ("explan", "explain"), ("sevre", "serve")])
def test_an_unknown_command_gets_the_nearest_name(here: Here, word: str, right: str) -> None:
    ran = here.run(word)
    assert ran.code == 2
    assert f"'{right}'" in ran.said


def test_an_unknown_option_is_wrong_usage(here: Here) -> None:
    assert here.run("check", "--formt", "json").code == 2
    assert here.run("check", "--format", "jsn").code == 2
    assert here.run("events", "shw").code == 2


class TestErrors:
    @pytest.mark.parametrize("error", [OperatorError, DependencyError])
    def test_ours_are_a_panel_with_the_remedy_and_no_traceback(
        self, here: Here, monkeypatch: pytest.MonkeyPatch, error: type[OperatorError | DependencyError]
    ) -> None:
        def fail(*_: object) -> None:
            raise error("It is [bold]broken[/]\x1b[31m.", remedy="Mend it.", reference="RFC 1")

        monkeypatch.setattr("garrison.cli.options.load_policy", fail)
        monkeypatch.setattr("garrison.cli.explain.load_policy", fail)
        ran = here.run("explain")
        assert ran.code == 3
        assert ran.out == ""
        assert "It is [bold]broken[/]\\x1b[31m." in ran.said
        assert "What to do: Mend it. More: RFC 1" in ran.said
        assert "Traceback" not in ran.said

    def test_a_bug_is_not_dressed_up(self, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr("garrison.cli.explain.load_policy", fail)
        with pytest.raises(RuntimeError, match="a bug"):
            here.run("explain")


class TestStreams:
    def test_a_reader_that_has_seen_enough_is_no_error_to_look_at(self, here: Here) -> None:
        line = f"{shlex.join(GARRISON)} explain --format json | head -n 1"
        done = subprocess.run(
            ["sh", "-c", line], cwd=here.folder, env=dict(os.environ),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stdout == "[\n"
        assert "Traceback" not in done.stderr

    def test_a_terminal_without_unicode_gets_its_answer(self, here: Here) -> None:
        here.write("garrison.toml", 'hosts = ["münchen.example"]\n')
        narrow = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
        assert here.process("explain", "hosts", **narrow).code == 0
        assert here.process("check", **narrow).code == 1
        assert here.process("explain", "nothing", **narrow).code == 2

    def test_json_is_alone_on_standard_output(self, here: Here) -> None:
        ran = here.process("explain", "--format", "json")
        assert (ran.code, ran.err) == (0, "")
        assert isinstance(ran.json, list)
