"""The tools around the code keep their word: locks, set-up, Makefile and continuous integration."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import bootstrap
from tests.support.components import need

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("dev", "demo", "build", "bootstrap")


def pins(lock: str) -> dict[str, str]:
    """{package: version} of a lock file."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", text, re.MULTILINE))


def executable(path: Path, script: str) -> Path:
    """A shell script that stands for a program this machine does not have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


class TestLocks:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_package_is_pinned_to_one_version_with_a_hash(self, lock: str) -> None:
        text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
        entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
        assert entries
        for entry in entries:
            assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
            assert "--hash=sha256:" in entry, entry

    @pytest.mark.parametrize("lock", LOCKS)
    def test_no_lock_names_a_place_to_download_from(self, lock: str) -> None:
        text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
        assert not re.search(r"://|--(extra-)?index|--find-links|@ ", text)

    def test_the_development_lock_satisfies_every_requirement_of_the_project(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        lists = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
        lists += project["dependency-groups"].values()
        wanted = [Requirement(each) for names in lists for each in names if isinstance(each, str)]
        locked = pins("dev")
        for requirement in wanted:
            name = canonicalize_name(requirement.name)
            if name != "garrison":
                assert requirement.specifier.contains(locked[name]), f"{requirement} but {locked[name]}: make lock"

    @pytest.mark.parametrize("lock", LOCKS[1:])
    def test_a_package_has_the_same_version_in_every_lock(self, lock: str) -> None:
        everything = pins("dev")
        assert {name: version for name, version in pins(lock).items() if everything.get(name, version) != version} == {}

    def test_the_demo_lock_is_a_part_of_the_development_lock(self) -> None:
        assert pins("demo").keys() < pins("dev").keys()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine: nothing on the PATH but what the test puts there, and an empty home."""
    for name in ("PATH", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path / "path"


class TestFindingPython:
    def test_the_newest_python_on_the_path_is_taken(self, machine: Path) -> None:
        executable(machine / "python3.11", "echo 3.11.9")
        executable(machine / "python3.13", "echo 3.13.1")
        assert bootstrap.choose().version == (3, 13, 1)

    def test_a_command_that_does_not_start_is_passed_over(self, machine: Path) -> None:
        executable(machine / "python3.13", "echo not this one >&2; exit 127")
        executable(machine / "python3.11", "echo 3.11.9")
        assert bootstrap.choose().version == (3, 11, 9)

    def test_a_version_may_be_asked_for_and_is_looked_for_among_the_managed_ones(self, machine: Path) -> None:
        executable(machine / "python3.11", "echo 3.11.9")
        executable(machine.parent / "home/.pyenv/versions/3.13.2/bin/python", "echo 3.13.2")
        assert bootstrap.choose("3.13").version == (3, 13, 2)
        assert bootstrap.choose("3.11").version == (3, 11, 9)

    def test_without_any_recent_python_the_message_says_what_was_seen_and_what_is_needed(self, machine: Path) -> None:
        executable(machine / "python3", "echo 3.9.2")
        with pytest.raises(bootstrap.SetupError, match=r"needs Python 3\.11 or newer.*Python 3\.9\.2"):
            bootstrap.choose()

    def test_a_python_without_venv_is_refused_with_the_package_to_install(self, machine: Path) -> None:
        executable(machine / "python3.12", "echo 3.12.3; exit 1")
        with pytest.raises(bootstrap.SetupError, match=r"apt install python3\.12-venv"):
            bootstrap.choose()
        executable(machine / "python3.11", "echo 3.11.9")
        assert bootstrap.choose().version == (3, 11, 9)

    def test_the_set_up_ends_with_a_message_and_no_traceback(self, machine: Path, tmp_path: Path) -> None:
        command = [sys.executable, bootstrap.__file__, "demo", "--venv", str(tmp_path / "venv"), "--python", "3.99"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert "PYTHON=3.99 was asked for" in done.stderr
        assert "Traceback" not in done.stderr

    def test_the_set_up_is_written_in_a_python_old_enough_to_say_so(self) -> None:
        ast.parse(Path(bootstrap.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


RECORDER = """
case "$*" in *version_info*) echo 3.11.9; exit 0;; esac
echo "$0 $*" >> "{log}"
case "$*" in *{failing}*) echo "no build for this machine"; exit 1;; esac
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the set-up reads, with an environment whose programs only note how they were called."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    programs(tmp_path)
    return tmp_path


def programs(tree: Path, failing: str = "nothing-fails") -> None:
    for name in ("python", "pip", "uv"):
        executable(tree / ".venv/bin" / name, RECORDER.format(log=tree / "log", failing=failing))


def calls(tree: Path) -> list[str]:
    """The commands the set-up ran since the last time this was asked."""
    log = tree / "log"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


class TestInstalling:
    def test_a_second_run_runs_nothing(self, tree: Path) -> None:
        bootstrap.prepare("dev", tree / ".venv")
        assert calls(tree)
        bootstrap.prepare("dev", tree / ".venv")
        assert calls(tree) == []

    @pytest.mark.parametrize("changed", ["requirements/dev.txt", "requirements/build.txt", "pyproject.toml"])
    def test_a_changed_lock_or_project_file_installs_again(self, tree: Path, changed: str) -> None:
        bootstrap.prepare("dev", tree / ".venv")
        calls(tree)
        with (tree / changed).open("a", encoding="utf-8") as file:
            file.write("\n# changed\n")
        bootstrap.prepare("dev", tree / ".venv")
        assert any("sync" in call for call in calls(tree))

    def test_an_interrupted_run_is_not_taken_for_a_finished_one(self, tree: Path) -> None:
        bootstrap.prepare("dev", tree / ".venv")
        (tree / "requirements/dev.txt").write_text("anyio==1 --hash=sha256:00\n", encoding="utf-8")
        programs(tree, failing="install")
        with pytest.raises(bootstrap.SetupError, match="no build for this machine"):
            bootstrap.prepare("dev", tree / ".venv")
        shutil.copy(ROOT / "requirements/dev.txt", tree / "requirements/dev.txt")
        programs(tree)
        calls(tree)
        bootstrap.prepare("dev", tree / ".venv")
        assert calls(tree)

    def test_everything_from_an_index_is_installed_with_its_hash_checked(self, tree: Path) -> None:
        bootstrap.prepare("dev", tree / ".venv")
        fetching = [call for call in calls(tree) if ".txt" in call]
        assert len(fetching) == 2
        assert all("--require-hashes" in call for call in fetching)

    def test_the_project_itself_is_built_with_the_locked_backend_only(self, tree: Path) -> None:
        bootstrap.prepare("dev", tree / ".venv")
        [editable] = [call for call in calls(tree) if "--editable" in call]
        assert "--no-deps" in editable
        assert "--no-build-isolation" in editable

    def test_where_uv_cannot_be_had_pip_installs_the_same_hashes(self, tree: Path) -> None:
        programs(tree, failing="bootstrap.txt")
        bootstrap.prepare("dev", tree / ".venv")
        [fallback] = [call for call in calls(tree) if "dev.txt" in call]
        assert "python -m pip" in fallback
        assert "--require-hashes" in fallback

    def test_a_demo_leaves_a_developers_environment_as_it_is(self, tree: Path) -> None:
        bootstrap.prepare("dev", tree / ".venv")
        calls(tree)
        bootstrap.prepare("demo", tree / ".venv")
        assert calls(tree) == []

    def test_a_demo_environment_becomes_a_developers_when_the_tests_need_it(self, tree: Path) -> None:
        bootstrap.prepare("demo", tree / ".venv")
        assert any("demo.txt" in call for call in calls(tree))
        bootstrap.prepare("dev", tree / ".venv")
        assert any("dev.txt" in call for call in calls(tree))

    def test_uv_gets_the_certificates_and_the_index_that_pip_was_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("SSL_CERT_FILE", "UV_DEFAULT_INDEX"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_CERT", "/certificates.pem")
        monkeypatch.setenv("PIP_INDEX_URL", "file:///index")
        assert bootstrap.environment()["SSL_CERT_FILE"] == "/certificates.pem"
        assert bootstrap.environment()["UV_DEFAULT_INDEX"] == "file:///index"
        monkeypatch.setenv("SSL_CERT_FILE", "/chosen.pem")
        assert bootstrap.environment()["SSL_CERT_FILE"] == "/chosen.pem"


class TestMake:
    def test_plain_make_lists_every_target_with_what_it_does(self) -> None:
        done = subprocess.run([need("make"), "-C", str(ROOT)], capture_output=True, text=True, timeout=30, check=True)
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        declared = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
        assert declared
        for target in declared[1].split():
            assert re.search(rf"\x1b\[36m{target} *\x1b\[0m \w+", done.stdout), target


FAKE_MAKE = """
case "$*" in
  "test PYTHON=3.13"*) echo "===== 7 passed in 1.00s =====";;
  "test PYTHON=3.11"*) echo "===== 5 passed, 2 deselected in 1.00s =====";;
  *) {other};;
esac
cat  # would wait for ever if there were anything to read from
"""


@pytest.fixture
def unattended(tmp_path: Path) -> Path:
    """The CI script in a tree of its own, with a `make` that only says it passed."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    executable(tmp_path / "scripts/install_components.sh", "exit 0")
    executable(tmp_path / "path/make", FAKE_MAKE.format(other="exit 0"))
    return tmp_path


def run_ci(tree: Path) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ, PATH=f"{tree / 'path'}{os.pathsep}{os.environ['PATH']}")
    command = [need("bash"), str(tree / ".ci/run")]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


class TestContinuousIntegration:
    def test_it_ends_with_the_test_runners_summary(self, unattended: Path) -> None:
        done = run_ci(unattended)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1] == "===== 7 passed in 1.00s ====="
        assert "5 passed, 2 deselected" in done.stdout

    def test_one_failed_step_fails_the_run_and_the_other_steps_still_run(self, unattended: Path) -> None:
        executable(unattended / "path/make", FAKE_MAKE.format(other='[ "$1" != check ]; exit'))
        done = run_ci(unattended)
        assert done.returncode == 1
        assert re.search(r"FAILED\s+check", done.stdout)
        assert re.search(r"ok\s+package", done.stdout)

    def test_a_suite_that_prints_no_summary_is_said_to_have_none(self, unattended: Path) -> None:
        executable(unattended / "path/make", "exit 1")
        done = run_ci(unattended)
        assert done.returncode == 1
        assert "the test runner printed no summary" in done.stdout

    def test_the_workflow_gives_no_rights_it_does_not_need_and_pins_what_it_runs(self) -> None:
        text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
        assert re.search(r"^permissions: \{\}$", text, re.MULTILINE)
        assert set(re.findall(r"^      (\w+): (\w+)$", text, re.MULTILINE)) >= {("contents", "read")}
        assert "write" not in text
        uses = re.findall(r"uses: (\S+)(.*)", text)
        assert uses
        for action, comment in uses:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), action
            assert re.match(r" # v\d", comment), action
        assert text.count("persist-credentials: false") == text.count("actions/checkout@")

    def test_no_step_of_the_workflow_pastes_an_expression_into_a_shell(self) -> None:
        text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
        assert not re.search(r"run:.*\$\{\{", text)
