"""`garrison demo` runs, and every attack line that it prints really gets the printed answer."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from garrison.cli import find_notes
from garrison.cli.attacks import attacks
from garrison.cli.find_notes import DemoExtraMissing, NotesMissing, policy_file
from garrison.core.verdict import Reason
from tests.cli.running import Here
from tests.cli.serving import Served, serving

READY = "Ctrl-C ends the demo"


@dataclass(frozen=True)
class Printed:
    """An attack as a reader of the terminal sees it."""

    status: int
    reason: str
    command: str


def printed(said: str) -> list[Printed]:
    """Headline `… → 421 host-unknown`, then, at the beginning of a line, the command."""
    found = re.findall(r"→ (\d{3}) ([a-z-]+)\n(?:.*\n)*?((?:curl|head|for) .*)\n", said)
    return [Printed(int(status), reason, command) for status, reason, command in found]


def sh(command: str) -> str:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def log_in(served: Served) -> int:
    [(email, password)] = re.findall(r"Log in as (\S+) with the password (\S+)", served.text)
    with served.client as client:
        page = client.get("/log-in").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token, page
        form = {"csrf_token": token[1], "email": email, "password": password}
        return client.post("/log-in", data=form, headers={"origin": served.url}).status_code


@pytest.mark.server
def test_every_printed_attack_gets_the_printed_answer_and_its_explanation(here: Here) -> None:
    state = here.folder / "state"
    with serving(here, "demo", "--port", "0", "--state", str(state), until=READY) as served:
        assert log_in(served) in {302, 303}
        lines = printed(served.text)
        assert len(lines) == len(attacks("https://x", Path("x"))) >= 6
        for line in lines:
            answer = json.loads(sh(line.command))
            assert (answer["status"], answer["reason"]) == (line.status, line.reason), line.command
        show = next(line for line in served.text.splitlines() if "garrison events show" in line)
        assert served.stop() in {0, 143, -15}
    told = " ".join(sh(show.replace("REQUEST_ID", answer["request_id"])).split())  # copied as it stands
    assert "because this client asked too often" in told
    assert "Rule routes.0.rate.address" in told


@pytest.mark.server
def test_without_a_state_folder_nothing_is_left_behind(here: Here, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serving(here, "demo", "--port", "0", until=READY, TMPDIR=str(temporary)) as served:
        assert [path.name.startswith("garrison-demo-") for path in temporary.iterdir()] == [True]
        assert served.stop() in {0, 143, -15}
    assert list(temporary.iterdir()) == []
    assert list(here.folder.iterdir()) == []


def test_commands_are_made_to_be_copied() -> None:
    for attack in attacks("https://localhost:8443", Path("/a folder/ca.pem")):
        assert "\n" not in attack.command
        assert attack.command.isascii()
        assert "'/a folder/ca.pem'" in attack.command
        assert attack.reason in set(Reason)


class TestWhereTheApplicationIs:
    def test_a_checkout_has_it_in_examples(self) -> None:
        assert policy_file().is_file()

    def test_a_wheel_has_it_inside_the_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        package = tmp_path / "site" / "lib" / "garrison"
        (package / "examples" / "notes").mkdir(parents=True)
        monkeypatch.setattr(find_notes, "_PACKAGE", package)
        assert policy_file() == package / "examples" / "notes" / "garrison.toml"

    def test_an_installation_without_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(find_notes, "_PACKAGE", tmp_path / "a" / "garrison")
        with pytest.raises(NotesMissing):
            find_notes.find_notes()

    def test_a_missing_package_says_which_extra_brings_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(name: str) -> None:
            raise ModuleNotFoundError(name="sqlalchemy")

        monkeypatch.setattr("importlib.import_module", missing)
        with pytest.raises(DemoExtraMissing, match="garrison\\[demo\\]"):
            find_notes.find_notes()
