"""sqlmap and wapiti for real, on a small application with holes: found at their operation, nothing else touched.

Both exit with 0 whatever happened: each way in which they say too little is told.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.scan import toolbox
from garrison.scan.adapter import Limits, Result
from garrison.scan.live import Live, live
from garrison.scan.project import Project
from garrison.scan.tool_sqlmap import Sqlmap
from garrison.scan.tool_sqlmap import read_output as read_sqlmap
from garrison.scan.tool_wapiti import Wapiti
from garrison.scan.tool_wapiti import read_report as read_wapiti
from scripts.bootstrap import candidates, probe
from tests.asgi.serving import serving
from tests.support.components import in_ci

from .own_tools import ROOT

NOBODY = Project(Path())
RECORDED = Path(__file__).parent / "recorded"
pytestmark = pytest.mark.xdist_group("scan-dast")


def shop(changed: list[str]) -> FastAPI:
    """Two holes, one right way, and what must not be touched: it tells `changed`."""
    app = FastAPI()
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE goods (id INTEGER, name TEXT)")
    db.executemany("INSERT INTO goods VALUES (?, ?)", [(1, "cup"), (2, "O'Brien")])

    @app.get("/goods")
    def goods(name: str = "cup") -> list[object]:
        try:
            return [list(row) for row in db.execute(f"SELECT id, name FROM goods WHERE name = '{name}'")]  # noqa: S608
        except sqlite3.Error as error:
            return [str(error)]

    @app.get("/right")
    def right(name: str = "cup") -> list[object]:
        return [list(row) for row in db.execute("SELECT id, name FROM goods WHERE name = ?", (name,))]

    @app.get("/hello", response_class=HTMLResponse)
    def hello(name: str = "you") -> str:
        form = "<form method=post action=/buy><input name=n value=1></form><a href=/linked?x=1>more</a>"
        return f"<html><body><p>Hello {name}</p>{form}</body></html>"

    @app.get("/linked", include_in_schema=False)
    def linked() -> int:
        changed.append("a link that is not in the document")
        return 1

    @app.post("/buy")
    def buy() -> int:
        changed.append("POST")
        return 1

    @app.delete("/goods/{n}")
    def gone(n: int) -> int:
        changed.append("DELETE")
        return n

    return app


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[Live, list[str]]]:
    changed: list[str] = []
    with serving(shop(changed), lifespan="off") as port:
        yield live(f"http://127.0.0.1:{port}", rate=1000), changed


@pytest.fixture(scope="module")
def sqlmap() -> Path:
    folder = Path(os.environ.get("GARRISON_TOOLS") or ROOT / ".tools") / "scan"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GARRISON_TOOLS", str(folder.absolute()))
        tool = toolbox.tool("sqlmap")
        try:
            toolbox.install(tool)
        except toolbox.InstallFailed as error:
            (pytest.fail if in_ci() else pytest.skip)(str(error))
        assert toolbox.state(tool) == ""
        assert tool.program is not None
        return tool.program


@pytest.fixture(scope="module")
def wapiti() -> Path:
    """It needs Python 3.12, the tests may run on an older one: an environment by whatever newer one is there."""
    tool = toolbox.tool("wapiti")
    folder = Path(os.environ.get("GARRISON_TOOLS") or ROOT / ".tools").absolute() / f"wapiti-{tool.version}"
    seen = [probe(path) for wanted in ("3.13", "3.12", "3.14") for path in candidates(wanted)]
    found = next((one.path for one in seen if one is not None and one.complete), "")
    if not found:
        (pytest.fail if in_ci() else pytest.skip)("no Python 3.12 or newer is there")
    if not (folder / "complete").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([found, "-m", "venv", str(folder)], check=True, timeout=100)
        (folder / "lock.txt").write_text(tool.lock)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:"]
        subprocess.run([*pip, "-r", str(folder / "lock.txt")], check=True, timeout=300)
        (folder / "complete").touch()
    return folder / "bin" / "wapiti"


class TestSqlmap:
    def test_it_shows_the_hole_and_touches_nothing_else(self, sqlmap: Path, target: tuple[Live, list[str]]) -> None:
        result = Sqlmap(target[0], program=sqlmap).run(NOBODY, Limits(100))
        assert result.status.outcome is Outcome.OK, result.status
        assert [(one.id, one.location and one.location.key) for one in result.findings] == [
            ("sqlmap/injection", "GET /goods")
        ]
        assert result.findings[0].cwe == (89,)
        assert result.status.examined[0].startswith("3 of 3 operations")
        assert target[1] == []

    def test_nobody_there_is_an_error(self, sqlmap: Path) -> None:
        """No document can be had; the control for sqlmap itself, which exits with 0, is recorded."""
        status = Sqlmap(live("http://127.0.0.1:9"), program=sqlmap).run(NOBODY, Limits(20)).status
        assert status.outcome is Outcome.ERROR

    def test_the_credential_is_in_a_private_file_and_in_no_argument(
        self, target: tuple[Live, list[str]], tmp_path: Path
    ) -> None:
        seen = tmp_path / "seen"
        fake = tmp_path / "sqlmap"
        fake.write_text(f"#!{sys.executable}\nimport os, sys\nfrom pathlib import Path\n"
                        f"Path({str(seen)!r}).write_text(repr((sys.argv, dict(os.environ),"
                        " Path('sqlmap.conf').read_text(), oct(os.stat('.').st_mode & 0o777))))\n")  # fmt: skip
        fake.chmod(0o700)
        given = live(target[0].url, header="Authorization", secret="Bearer s3cret")
        Sqlmap(given, program=fake).run(NOBODY, Limits(20))
        arguments, environ, settings, mode = eval(seen.read_text())  # noqa: S307  # written by the test itself
        assert "s3cret" not in repr(arguments) + repr(environ)
        assert "headers = Authorization: Bearer s3cret" in settings
        assert mode == "0o700"

    def read(self, log: str, count: int = 3, table: str = "") -> Result:
        return read_sqlmap(log, table, live("http://127.0.0.1:8000"), count)

    def test_its_recorded_output_is_read(self) -> None:
        log, table = ((RECORDED / f"sqlmap.{end}").read_text() for end in ("log", "csv"))
        result = self.read(log, table=table)
        assert (result.status.outcome, len(result.findings)) == (Outcome.OK, 1)
        assert self.read(log, 4, table).status.outcome is Outcome.INCOMPLETE, "an operation that it left out"
        assert self.read(log, table="").status.outcome is Outcome.INCOMPLETE, "a table that was lost"
        cut = log[: log.index("/right")]
        assert self.read(cut, table=table).status.outcome is Outcome.INCOMPLETE, "ended early"

    def test_a_server_that_went_away_is_no_clean_one(self) -> None:
        """Recorded: every operation refused, an empty table, exit code 0."""
        status = self.read((RECORDED / "sqlmap-away.log").read_text()).status
        assert (status.outcome, "Connection refused" in status.detail) == (Outcome.ERROR, True)
        assert self.read("").status.outcome is Outcome.ERROR


class TestWapiti:
    def test_it_finds_the_holes_and_touches_nothing_else(self, wapiti: Path, target: tuple[Live, list[str]]) -> None:
        result = Wapiti(target[0], program=wapiti).run(NOBODY, Limits(100, 4000))
        assert result.status.outcome is Outcome.OK, result.status
        found = {(one.id, one.location and one.location.key): one for one in result.findings}
        assert set(found) == {
            ("wapiti/sql-injection", "GET /goods"), ("wapiti/reflected-cross-site-scripting", "GET /hello"),
        }  # fmt: skip
        assert found["wapiti/sql-injection", "GET /goods"].severity is Severity.HIGH
        assert target[1] == [], "no form, no link, no other method"

    def test_it_is_not_asked_where_it_could_not_be_held(self, tmp_path: Path) -> None:
        program = tmp_path / "never"
        for given in (live("https://staging.example.com"), live("http://localhost", header="A", secret="s3cret")):
            status = Wapiti(given, program=program).run(NOBODY, Limits()).status
            assert (status.outcome, status.required) == (Outcome.SKIPPED, False)

    def test_its_recorded_output_is_read(self) -> None:
        data, log = json.loads((RECORDED / "wapiti.json").read_text()), (RECORDED / "wapiti.log").read_text()
        result = read_wapiti(data, log, live("http://127.0.0.1:8000"), 3)
        assert (result.status.outcome, result.status.version, len(result.findings)) == (Outcome.OK, "3.3.2", 2)

    @pytest.mark.parametrize(
        ("pages", "log", "outcome"),
        [
            (0, "", Outcome.ERROR), (2, "", Outcome.INCOMPLETE),
            (3, "7 requests were skipped due to network issues\n", Outcome.INCOMPLETE),
            (3, "Max attack time was reached for module sql, stopping.\n", Outcome.INCOMPLETE),
        ],
    )  # fmt: skip
    def test_what_it_did_not_try_is_told(self, pages: int, log: str, outcome: Outcome) -> None:
        """Seen, all with exit code 0: `crawled_pages_nbr` 0 where nobody answers, and these lines of its log."""
        data = json.loads((RECORDED / "wapiti.json").read_text())
        data["infos"]["crawled_pages_nbr"] = pages
        assert read_wapiti(data, log, live("http://127.0.0.1:8000"), 3).status.outcome is outcome


LIES: dict[str, tuple[str, str]] = {
    "no report": ("", ""), "a crash": ("sys.exit('boom')", "ended with code 1: boom"),
    "a strange end": ("sys.exit(7)", "ended with code 7"), "no end": ("time.sleep(60)", "stopped after"),
    "half a report": ("open('report.json', 'w').write('{')", ""),
    "another shape": ("open('report.json', 'w').write('[]')", ""),
}  # fmt: skip


@pytest.mark.parametrize("scanner", [Sqlmap, Wapiti])
@pytest.mark.parametrize("lie", LIES)
def test_a_run_that_did_not_look_is_an_error(
    scanner: Callable[..., Sqlmap | Wapiti], lie: str, target: tuple[Live, list[str]], tmp_path: Path
) -> None:
    body, reason = LIES[lie]
    program = tmp_path / "scanner"
    program.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    program.chmod(0o700)
    status = scanner(target[0], program=program).run(NOBODY, Limits(2 if lie == "no end" else 20)).status
    assert (status.outcome, reason in status.detail) == (Outcome.ERROR, True), status


@pytest.mark.parametrize("scanner", [Sqlmap, Wapiti])
def test_they_may_be_missing_and_say_so(
    scanner: Callable[..., Sqlmap | Wapiti], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARRISON_TOOLS", str(tmp_path))
    status = scanner(live("http://localhost")).run(NOBODY, Limits()).status
    assert (status.outcome, status.required, "not installed" in status.detail) == (Outcome.SKIPPED, False, True)
