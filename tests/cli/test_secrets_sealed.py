"""`garrison secrets` and the sealed file: values by standard input, nothing shown that was not asked for."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.cli.secrets_edit import _edited
from garrison.core.errors import OperatorError
from garrison.secrets import in_memory
from garrison.secrets.age import new_identity
from garrison.secrets.in_memory import folder_in_memory, leftovers, memory_folder, remove_leftovers
from tests.cli.running import GARRISON, Here, Ran

CANARY = "canary-6d20fe"


def typed(here: Here, text: str, *arguments: str, **environ: str) -> Ran:
    """`garrison secrets ARGUMENTS`, with `text` on standard input."""
    keys = () if "--keys" in arguments else ("--keys", str(here.folder / "keys"))
    return here.run("secrets", *arguments, *keys, stdin=text, **environ)


@pytest.fixture
def made(here: Here) -> Here:
    ran = typed(here, "", "init")
    assert ran.code == 0, ran.err
    here.write("garrison.toml", f'hosts = ["shop.example.com"]\n{ran.out}named = {{"db.dsn" = "sealed:db.dsn"}}\n')
    return here


def test_what_init_prints_is_a_policy_and_the_whole_way_works(made: Here) -> None:
    section = tomllib.loads((made.folder / "garrison.toml").read_text())["secrets"]
    assert section["file"] == "secrets.sealed"
    assert typed(made, f"{CANARY}\n", "set", "db.dsn").code == 0
    assert typed(made, "", "get", "db.dsn").out == f"{CANARY}\n"
    assert typed(made, "second", "set", "db.dsn").code == 0
    assert typed(made, "", "get", "db.dsn", "--version", "1").out == f"{CANARY}\n"
    assert typed(made, "", "export").json == {"db.dsn": "second"}
    listed = typed(made, "", "list", "--format", "json").json
    assert [(row["secret"], row["version"], row["earlier"]) for row in listed["secrets"]] == [("db.dsn", 2, 1)]
    checked = made.process("check", GARRISON_KEY="x7Kq2vN9wLpR4tYb8cZd3fGh6jMn1sQa5uWe0iOkTyU")
    assert checked.code == 0, checked.out
    assert CANARY not in checked.out + checked.err


def test_nothing_but_get_and_export_shows_a_value(made: Here) -> None:
    _, recipient = new_identity()
    shown = ""
    for text, *words in (
        (CANARY, "set", "a"), ("", "list"), ("", "seal-for", recipient), ("", "rotate", "--remove", recipient),
        ("", "get", "nothing"), (CANARY, "set", "../a"), ("", "who"),
    ):  # fmt: skip
        ran = typed(made, text, *words) if words[0] != "who" else made.process("secrets", "who")
        shown += ran.out + ran.err
    assert CANARY not in shown
    assert CANARY not in (made.folder / "secrets.sealed").read_text()
    assert typed(made, "", "get", "a").out == f"{CANARY}\n"
    assert recipient not in (made.folder / "secrets.sealed").read_text()


def test_a_value_is_not_taken_as_an_argument(made: Here) -> None:
    ran = typed(made, "", "set", "a", CANARY)
    assert ran.code == 2
    assert "garrison secrets set a < FILE" in ran.said
    assert CANARY not in ran.out + ran.err


def test_rotate_makes_a_new_identity_and_the_old_recipient_is_gone(made: Here) -> None:
    typed(made, CANARY, "set", "a")
    before = typed(made, "", "list", "--format", "json").json["recipients"]
    assert typed(made, "", "rotate").code == 0
    after = typed(made, "", "list", "--format", "json").json["recipients"]
    assert (len(after), set(before) & set(after)) == (1, set())
    assert typed(made, "", "get", "a").out == f"{CANARY}\n"


def test_init_touches_nothing_that_is_there(made: Here) -> None:
    before = (made.folder / "secrets.sealed").read_bytes()
    ran = typed(made, "", "init")
    assert ran.code == 3
    assert "there already" in ran.said
    assert (made.folder / "secrets.sealed").read_bytes() == before


def test_a_second_person_is_told_what_to_hand_over_and_works_on_the_file_with_it(made: Here) -> None:
    assert typed(made, CANARY, "set", "a").code == 0
    said = typed(made, "", "init", "--keys", "theirs").said.replace("\n", " ")
    recipient, signer = re.search(r"age1[a-z0-9]{58}", said), re.search(r"[A-Za-z0-9+/]{43}=", said)
    assert recipient is not None
    assert signer is not None
    assert typed(made, "", "get", "a", "--keys", "theirs").code == 3  # control: not let in yet
    assert typed(made, "", "seal-for", recipient[0]).code == 0
    assert typed(made, "", "get", "a", "--keys", "theirs").out == f"{CANARY}\n"
    assert typed(made, "new", "set", "a", "--keys", "theirs").code == 3  # they may read, and not change
    policy = (made.folder / "garrison.toml").read_text()
    made.write("garrison.toml", policy.replace('signers = ["', f'signers = ["{signer[0]}", "'))
    assert typed(made, "new", "set", "a", "--keys", "theirs").code == 0
    assert typed(made, "", "get", "a").out == "new\n"


def test_edit_shows_values_to_the_editor_alone_and_leaves_no_file(made: Here) -> None:
    typed(made, CANARY, "set", "a")
    typed(made, "gone", "set", "b")
    editor = made.write(
        "editor.py",
        """
        import json, os, stat, sys
        path = sys.argv[1]
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
        values = json.load(open(path))
        json.dump({"a": values["a"] + "!", "c": "new"}, open(path, "w"))
        open("was", "w").write(path)
        """,
    )
    ran = typed(made, "", "edit", EDITOR=f"{GARRISON[0]} {editor}", VISUAL="")
    assert ran.code == 0, ran.err
    assert "2 set, 1 removed" in ran.said
    assert typed(made, "", "export").json == {"a": f"{CANARY}!", "c": "new"}
    assert not Path((made.folder / "was").read_text()).parent.exists()
    assert CANARY not in ran.out + ran.err


def test_an_edit_that_fails_changes_nothing(made: Here) -> None:
    typed(made, CANARY, "set", "a")
    before = (made.folder / "secrets.sealed").read_bytes()
    broken = made.write("broken.py", "import sys; open(sys.argv[1], 'w').write('{')")
    for editor in ("false", f"{GARRISON[0]} {broken}"):
        ran = typed(made, "", "edit", EDITOR=editor, VISUAL="")
        assert ran.code == 3
        assert "nothing was changed" in ran.said
    assert (made.folder / "secrets.sealed").read_bytes() == before


@pytest.mark.parametrize(
    "editor",
    [
        "/nowhere/editor",
        "rm",
        "sh -c 'printf \"\\377\" > $0'",
        'sh -c \'echo "{\\"a\\": \\"1\\", \\"a\\": \\"2\\"}" > $0\'',
    ],
)
def test_an_editor_that_is_none_or_leaves_no_values_is_told(editor: str) -> None:
    before = set(Path("/dev/shm").glob("garrison-*"))  # noqa: S108 - where values are edited
    with pytest.raises(OperatorError, match="nothing was changed") as caught:
        _edited(shlex.split(editor), {"a": CANARY})
    assert CANARY not in f"{caught.value} {caught.value.__cause__}"
    assert set(Path("/dev/shm").glob("garrison-*")) <= before  # noqa: S108


def test_an_edit_whose_terminal_is_closed_leaves_no_file(made: Here) -> None:
    typed(made, CANARY, "set", "a")
    editor = made.write("slow.sh", 'echo "$1" > was.new && mv was.new was && exec sleep 60')
    run = [*GARRISON, "secrets", "edit", "--keys", str(made.folder / "keys")]
    with subprocess.Popen(run, cwd=made.folder, env={**os.environ, "EDITOR": f"sh {editor}", "VISUAL": ""}) as process:
        while not (made.folder / "was").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 128 + signal.SIGHUP
    assert not Path((made.folder / "was").read_text().strip()).parent.exists()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place in memory of this test alone."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def left_in(memory: Path) -> list[Path]:
    return [one for one in leftovers() if one.parent == memory]


def test_what_a_killed_edit_left_is_named_and_removed_by_the_next_once_its_editor_is_gone(
    made: Here, memory: Path
) -> None:
    typed(made, CANARY, "set", "a")
    slow = made.write("slow.sh", 'echo "$$ $1" > was.new && mv was.new was && exec sleep 600')
    run = [*GARRISON, "secrets", "edit", "--keys", str(made.folder / "keys")]
    with subprocess.Popen(run, cwd=made.folder, env={**os.environ, "EDITOR": f"sh {slow}", "VISUAL": ""}) as process:
        while not (made.folder / "was").exists():
            assert process.poll() is None
            time.sleep(0.02)
        editor, _, name = (made.folder / "was").read_text().strip().partition(" ")
        process.kill()
    try:
        typed(made, "", "edit", EDITOR="true", VISUAL="")
        assert CANARY in Path(name).read_text()  # the control: it is in clear, and somebody is at work
        assert left_in(memory) == []
    finally:
        os.kill(int(editor), signal.SIGKILL)
    end = time.monotonic() + 30
    while not left_in(memory) and time.monotonic() < end:
        time.sleep(0.02)
    found = made.run("secrets", "doctor")
    assert (found.code, str(Path(name).parent) in found.flat) == (1, True)
    ran = typed(made, "", "edit", EDITOR="true", VISUAL="")
    assert (ran.code, "is removed" in ran.said) == (0, True)
    assert not Path(name).parent.exists()
    assert CANARY not in ran.out + ran.err + found.out + found.err


def test_nothing_but_leftovers_of_this_user_is_removed(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (memory / "kept").mkdir()
    (memory / "kept" / "file").touch()
    (memory / "garrison-edit-link").symlink_to(memory / "kept")
    (memory / "garrison-edit-file").touch()
    (memory / "garrison-edit-gone").mkdir()
    with folder_in_memory() as (folder, _):
        with monkeypatch.context() as patch:
            patch.setattr(os, "geteuid", lambda: os.getuid() + 1)  # of another user
            assert left_in(memory) == []
        assert [one for one in remove_leftovers() if one.parent == memory] == [memory / "garrison-edit-gone"]
        assert folder.is_dir()
    assert sorted(one.name for one in memory.iterdir()) == ["garrison-edit-file", "garrison-edit-link", "kept"]
    assert (memory / "kept" / "file").exists()


def test_a_folder_that_is_taken_for_a_leftover_before_it_is_locked_is_made_anew(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, flock = [], in_memory.fcntl.flock

    def after_another(lock: int, how: int) -> None:
        if not made:
            made.extend(memory.iterdir())
            remove_leftovers()
        flock(lock, how)

    with monkeypatch.context() as patch:
        patch.setattr(in_memory.fcntl, "flock", after_another)
        with folder_in_memory() as (folder, _):
            assert made != []
            assert [*memory.iterdir()] == [folder] != made


def test_a_leftover_that_can_not_be_removed_is_told(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (memory / "garrison-edit-stays").mkdir()

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refused)
    with pytest.raises(OperatorError, match="Permission denied"):
        remove_leftovers()
    monkeypatch.undo()


def test_edit_is_refused_where_no_file_system_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert memory_folder("tmpfs /dev/shm tmpfs rw 0 0\n") == Path("/dev/shm")  # noqa: S108 - what is asked for
    with pytest.raises(OperatorError, match="in memory"):
        memory_folder("/dev/sda1 / ext4 rw 0 0\n/dev/sda1 /dev/shm ext4 rw 0 0\n")


def test_json_is_json(made: Here) -> None:
    assert json.loads(typed(made, "", "list", "--format", "json").out)["serial"] == 1
