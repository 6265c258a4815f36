"""A project that is scanned is not trusted: its code does not run, and it does not say what scanners pass over.

Controls: the same names do run where Python looks in its working directory, and the same comments do silence the tools.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from garrison.findings.report import Outcome
from garrison.scan.adapter import Adapter, Limits
from garrison.scan.external import External
from garrison.scan.index import index_of_pip
from garrison.scan.process import Ended
from garrison.scan.project import read_project
from garrison.scan.tool_code import CodeScan
from garrison.scan.tool_garrison import OwnCommand
from garrison.scan.tool_hadolint import hadolint
from garrison.scan.tool_secrets import detect_secrets
from garrison.scan.tool_zizmor import zizmor

from .own_tools import installed

NAMES = ("typing.py", "json.py", "typer.py", "garrison/__init__.py", "pip/__init__.py", "sitecustomize.py")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A project whose modules have the names of those that a scan loads, and tell when they are."""
    root = tmp_path / "project"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (root / "garrison.toml").write_text('hosts = ["shop.example.com"]\n')
    return root


class TestCode:
    def test_the_control_runs_it(self, hostile: Path) -> None:
        subprocess.run(
            [sys.executable, "-m", "garrison", "--help"], cwd=hostile, check=False, capture_output=True, timeout=60
        )
        assert (hostile.parent / "ran").exists()

    @pytest.mark.parametrize("adapter", [CodeScan(), OwnCommand("check")], ids=lambda one: one.name)
    def test_a_scan_does_not(self, adapter: Adapter, hostile: Path) -> None:
        status = adapter.run(read_project(hostile), Limits(60)).status
        assert status.outcome is Outcome.OK, status
        assert not (hostile.parent / "ran").exists()

    def test_asking_pip_for_its_index_does_not(self, hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(hostile)
        monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
        assert index_of_pip() == "https://packages.example/simple"
        assert not (hostile.parent / "ran").exists()


def without(one: External, *words: str) -> list[str]:
    """The arguments without those that keep the project from having a say."""
    return [word for word in one.arguments if word not in words]


def ids(one: External, root: Path) -> set[str]:
    result = one.run(read_project(root), Limits(60))
    assert result.status.outcome is Outcome.OK, result.status
    return {finding.id for finding in result.findings}


class TestSilence:
    def test_a_comment_does_not_hide_a_secret(self, tmp_path: Path) -> None:
        (tmp_path / "settings.ini").write_text('password = "hunter2-correct-horse"  # pragma: allowlist secret\n')
        made = detect_secrets()
        filters = [word for word in made.arguments if word.startswith(("--disable-filter", "detect_secrets."))]
        old = External(made.name, without(made, *filters), made.files, made.read, made.fine)
        with installed("detect-secrets"):
            assert ids(made, tmp_path) == {"secret/secret-keyword"}
            assert ids(old, tmp_path) == set(), "the control"

    def test_a_comment_does_not_hide_a_workflow_that_gives_itself_away(self, tmp_path: Path) -> None:
        folder = tmp_path / ".github" / "workflows"
        folder.mkdir(parents=True)
        (folder / "a.yml").write_text("on: pull_request_target # zizmor: ignore[dangerous-triggers]\npermissions: {}\n"
                                      "jobs:\n  a:\n    runs-on: x\n    steps: [{run: echo}]\n")  # fmt: skip
        made = zizmor()
        old = External(made.name, without(made, "--no-ignores"), made.files, made.read, made.fine)
        with installed("zizmor"):
            assert "zizmor/dangerous-triggers" in ids(made, tmp_path)
            assert "zizmor/dangerous-triggers" not in ids(old, tmp_path), "the control"

    def test_neither_a_comment_nor_a_file_hides_what_is_wrong_in_a_dockerfile(self, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text("FROM x:1\n# hadolint ignore=DL3002\nUSER root\n")
        made = hadolint()
        settings = made.arguments[made.arguments.index("--config") + 1]
        old = External(made.name, without(made, "--disable-ignore-pragma", "--config", settings), made.files, made.read)
        with installed("hadolint"):
            assert "DL3002" in ids(made, tmp_path)
            assert "DL3002" not in ids(old, tmp_path), "the control"
            (tmp_path / "Dockerfile").write_text("FROM x:1\nUSER root\n")
            (tmp_path / ".hadolint.yaml").write_text("ignored: [DL3002]\n")
            assert "DL3002" in ids(made, tmp_path)
            assert "DL3002" not in ids(old, tmp_path), "the control"


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ("a\nboom\n\n", "boom"),
        ("╭─ No ──╮\n│ x is y │\n│        │\n│ What to do: a │\n╰────────╯\n", "x is y"),
        ("What to do: nothing", "What to do: nothing"),
        ("───\n", "no message"),
    ],
)  # fmt: skip
def test_the_reason_of_a_crash_is_a_line_that_says_something(errors: str, said: str) -> None:
    assert Ended(3, b"", errors).crash(0) == f"ended with code 3: {said}"
