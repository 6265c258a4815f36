"""gixy, hadolint, kingfisher and pip-audit for real: what they find, and each way in which they say too little."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.scan import tool_history
from garrison.scan.adapter import Adapter, Limits, Result
from garrison.scan.lockfiles import Dependency
from garrison.scan.process import Ended
from garrison.scan.project import read_project
from garrison.scan.tool_gixy import Gixy, balanced
from garrison.scan.tool_hadolint import hadolint
from garrison.scan.tool_history import History
from garrison.scan.tool_history import read_report as read_history
from garrison.scan.tool_pip_audit import PipAudit
from garrison.scan.tool_pip_audit import read_report as read_audit
from tests.support.components import need

from .own_tools import installed

KEY = "AKIA" + "Q3EGTVXWZ5NMLKJH"
SECRET = "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYzKq3vT8LmN"
KEYS = f'aws_key = "{KEY}"\nsecret = "{SECRET}"\n'
NGINX = """\
events {}
http {
  server {
    listen 80;
    location /files { alias /srv/files/; }
    location / { proxy_pass http://$http_x; }
  }
}
"""


@pytest.fixture(scope="module", autouse=True)
def these_installed() -> Iterator[None]:
    with installed("gixy", "hadolint", "kingfisher", "pip-audit"):
        yield


def run(adapter: Adapter, root: Path) -> Result:
    return adapter.run(read_project(root), Limits(100))


class TestGixy:
    def test_holes_of_a_proxy_are_found_at_their_lines(self, tmp_path: Path) -> None:
        (tmp_path / "nginx.conf").write_text(NGINX)
        result = run(Gixy(), tmp_path)
        assert result.status.outcome is Outcome.OK, result.status
        found = {one.id: one for one in result.findings}
        assert {"gixy/ssrf", "gixy/alias_traversal"} <= set(found)
        where = found["gixy/ssrf"].location
        assert where is not None
        assert (where.path, where.line) == ("nginx.conf", 6)

    @pytest.mark.parametrize("text", ["http {\n server {\n", NGINX + "}\n", NGINX.replace("  }\n}", "  }")])
    def test_a_configuration_that_it_can_not_parse_is_no_clean_one(self, text: str, tmp_path: Path) -> None:
        """The control: gixy itself answers with an empty list, and exit code 0."""
        (tmp_path / "nginx.conf").write_text(text)
        result = run(Gixy(), tmp_path)
        assert result.status.outcome is Outcome.INCOMPLETE
        assert "nginx.conf" in result.status.detail

    def test_braces_in_comments_and_quotes_do_not_count(self) -> None:
        assert balanced('http { # }}}\n  log_format x "{";\n  map $a $b { "~*}" 1; }\n}')

    def test_other_configurations_are_none_of_its_business(self, tmp_path: Path) -> None:
        (tmp_path / "redis.conf").write_text("port 6379\n")
        assert run(Gixy(), tmp_path).status.outcome is Outcome.SKIPPED


class TestHadolint:
    def test_a_container_as_root_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN apt-get install curl\nUSER root\n")
        result = run(hadolint(), tmp_path)
        assert result.status.outcome is Outcome.OK
        assert {one.id: one.severity for one in result.findings}["DL3002"] is Severity.MEDIUM

    def test_a_file_that_it_can_not_parse_is_no_clean_one(self, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text("FROM x\nBROKEN {{\n")
        result = run(hadolint(), tmp_path)
        assert (result.status.outcome, "Dockerfile" in result.status.detail) == (Outcome.INCOMPLETE, True)


class TestHistory:
    def commit(self, root: Path, *words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run([need("git"), *identity, *words], cwd=root, check=True, capture_output=True)

    def repository_of(self, folder: Path, files: Mapping[str, str]) -> Path:
        root = folder / "repository"
        root.mkdir()
        self.commit(root, "init", "-q")
        for name, text in files.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
        self.commit(root, "add", "-A")
        self.commit(root, "commit", "-qm", "one")
        return root

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Path:
        root = self.repository_of(tmp_path, {"settings.txt": KEYS})
        (root / "settings.txt").write_text("nothing here\n")
        self.commit(root, "commit", "-qam", "two")
        return root

    def test_a_secret_that_was_taken_out_again_is_found_and_never_shown(self, repository: Path) -> None:
        result = run(History(), repository)
        assert result.status.outcome is Outcome.OK, result.status
        assert {one.location.path for one in result.findings if one.location} == {"settings.txt"}
        assert KEY not in repr(result)
        assert SECRET not in repr(result)

    def test_the_comment_that_silences_it_is_not_honoured(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The control: told to honour it, the same program finds nothing."""
        root = self.repository_of(tmp_path, {"settings.txt": KEYS.replace("\n", "  # kingfisher:ignore\n")})
        assert [one.id for one in run(History(), root).findings] == ["history/aws-access-token"]
        given = tool_history.run_bounded

        def honouring(command: Sequence[str], *rest: Any) -> Ended:
            return given([word for word in command if word != "--no-ignore"], *rest)

        monkeypatch.setattr(tool_history, "run_bounded", honouring)
        result = run(History(), root)
        assert (result.status.outcome, result.findings) == (Outcome.OK, ())

    def test_a_secret_in_several_files_is_found_in_each_and_once_in_each(self, tmp_path: Path) -> None:
        """Else one in a test, which weighs little, could stand for the one that is in use."""
        root = self.repository_of(tmp_path, {"tests/test_a.txt": KEYS, "settings.txt": KEYS})
        (root / "settings.txt").write_text(f"# moved\n{KEYS}")
        self.commit(root, "commit", "-qam", "two")
        (root / "fresh.txt").write_text(KEYS)
        findings = run(History(), root).findings
        found = {str(one.location and one.location.path): one for one in findings}
        assert {path: one.severity for path, one in found.items()} == {
            "tests/test_a.txt": Severity.LOW, "settings.txt": Severity.HIGH, "fresh.txt": Severity.HIGH,
        }  # fmt: skip
        assert len(findings) == 3
        again = {str(one.location and one.location.path): one for one in run(History(), root).findings}
        assert [again[path].fingerprint for path in found] == [one.fingerprint for one in found.values()]

    def test_a_shallow_clone_is_no_whole_history(self, repository: Path, tmp_path: Path) -> None:
        self.commit(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
        result = run(History(), tmp_path / "shallow")
        assert (result.status.outcome, "shallow" in result.status.detail) == (Outcome.INCOMPLETE, True)

    def test_a_run_that_scanned_nothing_is_an_error(self) -> None:
        account = {"scan_succeeded": 1, "scan_partial": 0, "scan_failed": 0, "pending": 0}
        total = {"blobs_scanned": 0, "kingfisher": {"version_used": "2.14.0"}}
        assert read_history([{"findings": [], "audit": {"summary": account}}, total]).status.outcome is Outcome.ERROR
        partly = {"findings": [], "audit": {"summary": {**account, "scan_partial": 1}}}
        assert read_history([partly, {**total, "blobs_scanned": 3}]).status.outcome is Outcome.INCOMPLETE

    def test_a_folder_without_history_says_so(self, tmp_path: Path) -> None:
        assert run(History(), tmp_path).status.outcome is Outcome.SKIPPED


@pytest.fixture
def osv() -> Iterator[str]:
    """An OSV service on loopback that knows one hole."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            events = [{"introduced": "0"}, {"fixed": "2.11"}]
            package = {"ecosystem": "PyPI", "name": "jinja2"}
            affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}], "versions": ["2.10"]}]
            hole = {"id": "PYSEC-2027-1", "aliases": ["CVE-2027-1"], "summary": "sandbox", "affected": affected}
            hit = asked["package"]["name"] == "jinja2"
            body = json.dumps({"vulns": [hole]} if hit else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/query"
    server.shutdown()
    server.server_close()


class TestPipAudit:
    def test_a_known_hole_is_found_and_the_others_are_fine(self, tmp_path: Path, osv: str) -> None:
        (tmp_path / "requirements.txt").write_text("fine==1.0\njinja2==2.10\n")
        result = run(PipAudit(osv), tmp_path)
        assert result.status.outcome is Outcome.OK, result.status
        assert [one.id for one in result.findings] == ["advisory/PYSEC-2027-1"]
        assert "Update to 2.11" in result.findings[0].remedy

    def test_no_network_is_no_clean_project(self, tmp_path: Path) -> None:
        (tmp_path / "requirements.txt").write_text("jinja2==2.10\n")
        assert run(PipAudit("http://127.0.0.1:9/query"), tmp_path).status.outcome is Outcome.ERROR

    def test_packages_that_it_skipped_are_named_although_it_exits_with_0(self) -> None:
        """Recorded: an index without the API, all packages skipped, `No known vulnerabilities found`, exit code 0."""
        reason = "Dependency not found on PyPI and could not be audited: jinja2 (2.10)"
        recorded = {"dependencies": [{"name": "jinja2", "skip_reason": reason}], "fixes": []}
        result = read_audit(recorded, {"jinja2": Dependency("jinja2", "2.10", "x")}, [])
        assert (result.status.outcome, "jinja2" in result.status.detail) == (Outcome.INCOMPLETE, True)

    def test_a_package_that_is_not_in_its_report_is_missed(self) -> None:
        result = read_audit({"dependencies": []}, {"jinja2": Dependency("jinja2", "2.10", "x")}, [])
        assert result.status.outcome is Outcome.INCOMPLETE
