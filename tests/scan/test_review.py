"""`garrison scan review`: each topic is seen in a change that has it, and not in one that only moves things."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from garrison.scan.history import Change, Changes, UnknownRevision, read_changes
from garrison.scan.review import checklist, review
from tests.cli.running import Here
from tests.scan.test_sbom import NPM
from tests.support.components import need

HEAD = """\
from fastapi import APIRouter, Depends, FastAPI
app = FastAPI()
router = APIRouter(dependencies=[Depends(logged_in)])
"""
OPEN = HEAD + "@app.get('/items')\ndef items() -> list[str]:\n    return []\n"
GUARDED = OPEN.replace("def items()", "def items(user: str = Depends(current_user))")
KEY = "AKIA" + "ABCDEFGHIJKLMNOP"


def found(path: str, before: str, after: str, **more: str) -> list[str]:
    """The ids of the topics of a change to one file."""
    modes = {"old_mode": "100644" if before else "000000", **more}
    change = Change(path, dedent(before), dedent(after), **modes)
    report = review(Changes((change,), (), "a" * 40, "b" * 40), "0")
    assert report.complete, report.statuses
    return [one.id for one in report.findings]


SEEN = {
    "an endpoint without a guard": ("shop/app.py", HEAD, OPEN, "V001"),
    "an endpoint with a guard": ("shop/app.py", HEAD, GUARDED, "V002"),
    "an endpoint of a guarded router": ("shop/app.py", HEAD, OPEN.replace("@app", "@router"), "V002"),
    "a guard that was taken away": ("shop/app.py", GUARDED, OPEN, "V003"),
    "a hole": ("shop/app.py", "", "import pickle\ndef f(b: bytes):\n    return pickle.loads(b)\n", "V004"),
    "a dangerous call": ("shop/app.py", "", "import subprocess\nsubprocess.run(['ls'])\n", "V005"),
    "a query": ("shop/app.py", "", "def f(db):\n    db.execute('SELECT 1')\n", "V005"),
    "a loosened policy": ("garrison.toml", "", "[csrf]\nallow_insecure_off = 'later'\n", "V006"),
    "a policy in pyproject.toml": (
        "pyproject.toml",
        "",
        "[tool.garrison.csrf]\nallow_insecure_off = 'later'\n",
        "V006",
    ),
    "a defence that only watches": ("garrison.toml", "[csrf]\nmode='enforce'", "[csrf]\nmode='monitor'", "V006"),
    "a changed policy": ("garrison.toml", "hosts = ['a.example']", "hosts = ['b.example']", "V007"),
    "a new package": ("requirements.txt", "a==1\n", "a==1\nb==2\n", "V008"),
    "a newer package": ("requirements.txt", "a==1\n", "a==2\n", "V009"),
    "an older package": ("requirements.txt", "a==1.10\n", "a==1.9\n", "V010"),
    "a hash less": ("requirements.txt", f"a==1 --hash=sha256:{'a' * 64}\n", "a==1\n", "V010"),
    "a script at installation": ("package-lock.json", "", NPM, "V010"),
    "a right of a workflow": (".github/workflows/x.yml", "on: push\n", "on: push\npermissions: write-all\n", "V011"),
    "a container as root": ("Dockerfile", "USER app\n", "USER root\n", "V011"),
    "a key": ("notes.md", "", f"the key is {KEY}\n", "V012"),
    "a secret in the source": ("shop/a.py", "", "password = 'hunter2-correct-horse'\n", "V012"),
    "cryptography": ("shop/app.py", "", "import hashlib\nx = hashlib.sha256(b'')\n", "V013"),
    "a defence without a test": ("shop/auth/login.py", "x = 1\n", "x = 2\n", "V014"),
}


@pytest.mark.parametrize("case", SEEN)
def test_what_a_reviewer_should_look_at_is_seen(case: str) -> None:
    path, before, after, topic = SEEN[case]
    assert topic in found(path, before, after)


SILENT = {
    "a moved function": ("shop/app.py", GUARDED, "import os\n\n\n" + GUARDED),
    "another formatter": ("a.py", "import os\nos.system('ls')", "import os\nos.system(\n  'ls')"),
    "prose about SQL and O'Brien": ("notes.md", "", "SELECT is a word, O'Brien a name, 🎉 and eval() too\n"),
    "a sorted lock": ("requirements.txt", "a==1\nb==2\n", "b==2\na==1\n"),
    "other tables of pyproject.toml": ("pyproject.toml", "[tool.x]\nmode='enforce'", "[tool.x]\nmode='monitor'"),
    "a policy with other words around it": ("garrison.toml", "hosts = ['a']\n", "# why\nhosts = [\n  'a',\n]\n"),
    "a look-alike key": ("notes.md", "", "AKIA is a prefix, and so is ghp_\n"),
    "test code": ("tests/test_x.py", "", "import subprocess\nsubprocess.run(['ls'])\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", SILENT)
def test_what_is_no_change_is_not_told(case: str) -> None:
    assert found(*SILENT[case]) == []


def test_a_file_that_can_be_executed_now_is_told() -> None:
    assert found("run.sh", "x", "x", mode="100755") == ["V011"]
    assert found("run.sh", "x", "y", mode="100755", old_mode="100755") == []


def test_a_test_of_the_defence_answers_the_question_and_another_does_not() -> None:
    code = Change("shop/auth/login.py", "x = 1\n", "x = 2\n", "100644")
    for path, text, missing in (
        ("tests/test_login.py", "def test_x(): ...\n", False),
        ("tests/test_all.py", "from shop.auth import login\n", False),
        ("tests/test_other.py", "def test_x(): ...\n", True),
    ):
        report = review(Changes((code, Change(path, "", text)), (), "a", "b"), "0")
        assert ("V014" in [one.id for one in report.findings]) is missing


def test_a_file_that_can_not_be_parsed_is_no_reviewed_one() -> None:
    report = review(Changes((Change("a.py", "", "def (:"),), ("logo.png",), "a", "b"), "0")
    assert not report.complete
    assert "a.py (SyntaxError)" in report.statuses[0].detail
    assert [one.id for one in report.findings] == ["V015"]


def test_a_key_in_code_is_told_once() -> None:
    assert found("shop/a.py", "", f"key = {KEY!r}\n").count("V012") == 1


def test_a_secret_is_masked_wherever_it_is_shown() -> None:
    report = review(Changes((Change("a.md", "", KEY),), (), "a", "b"), "0")
    assert KEY not in checklist(report)


def test_text_of_the_change_is_no_markup_of_the_checklist() -> None:
    name = "x](https://evil.example) <img src=x> @team.py"
    said = checklist(review(Changes((Change(name, "", "import os\nos.system(1)\n"),), (), "a", "b"), "0"))
    assert "](https" not in said
    assert "<img" not in said


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git = need("git")

    def run(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run([git, *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    run("init", "-q", "-b", "main")
    (tmp_path / "app.py").write_text(HEAD)
    (tmp_path / "old.py").write_text("import os\nos.system('x')\n")
    run("add", "-A")
    run("commit", "-qm", "one")
    run("checkout", "-qb", "change")
    (tmp_path / "app.py").write_text(OPEN)
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "old.py").unlink()
    run("add", "-A")
    run("commit", "-qm", "two")
    return tmp_path


class TestGit:
    def test_a_change_is_read_from_the_repository(self, repository: Path) -> None:
        changes = read_changes(repository, "main..change")
        assert [one.path for one in changes.files] == ["app.py", "old.py"]
        assert changes.left_out == ("logo.png",)
        assert changes.files[1].after == ""

    def test_the_command_gives_the_checklist_and_the_marks(self, repository: Path, tmp_path: Path) -> None:
        words = ("scan", "review", "main..HEAD", "--path", str(repository))
        said = Here(tmp_path).run(*words, "--format", "markdown")
        assert said.code == 0
        assert "- [ ] medium: app" in said.out
        assert Here(tmp_path).run(*words, "--fail", "medium").code == 1
        marks = json.loads(Here(tmp_path).run(*words, "--format", "sarif").out)["runs"][0]["results"]
        assert {one["ruleId"] for one in marks} == {"V001", "V015"}

    @pytest.mark.parametrize("span", ["nowhere..HEAD", "main", "..", "--output=x..HEAD", "main..--exec=touch"])
    def test_what_is_no_change_is_wrong_usage(self, repository: Path, span: str) -> None:
        with pytest.raises(UnknownRevision):
            read_changes(repository, span)
        assert Here(repository).run("scan", "review", "--path", str(repository), "--", span).code == 2

    def test_a_repository_can_not_make_the_review_run_a_program(self, repository: Path) -> None:
        mark = repository / "ran"
        with (repository / ".git" / "config").open("a") as file:
            file.write(f'[core]\n fsmonitor = "touch {mark}"\n[diff]\n external = "touch {mark}"\n')
        assert read_changes(repository, "main..change").files
        assert not mark.exists()
