"""TLS of running servers by `certs check` and by sslyze: a good one, one of yesterday, none, and one that stalls."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from garrison.findings.report import Outcome
from garrison.scan.adapter import Limits, Result
from garrison.scan.live import live
from garrison.scan.project import Project
from garrison.scan.tool_tls import Sslyze, read_report, tls
from garrison.serve.devca import DevCA
from tests.scanners.tools import sslyze
from tests.serve.authority import pem_of
from tests.serve.running import production
from tests.support.components import need

NOBODY = Project(Path())
RECORDED = Path(__file__).parent / "recorded" / "sslyze-yesterday.json"
pytestmark = [pytest.mark.server, pytest.mark.xdist_group("scan-tls")]


@contextmanager
def yesterday(folder: Path) -> Iterator[int]:
    """OpenSSL as servers were set up once: TLS 1.0, CBC with RSA key exchange, 1024 bits, a certificate that ended."""
    key, name = rsa.generate_private_key(65537, 1024), x509.Name([])  # noqa: S505
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now - timedelta(900), now - timedelta(30))
    (folder / "c.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "k.pem").write_bytes(pem_of(key))
    command = [
        need("openssl"), "s_server", "-accept", "127.0.0.1:0", "-cert", "c.pem", "-key", "k.pem", "-www", "-no_tls1_3",
        "-min_protocol", "TLSv1", "-cipher", "AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        line = next(one for one in process.stdout if one.startswith("ACCEPT"))
        yield int(line.rpartition(":")[2])
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("good")
    ca = DevCA.open(folder / "ca", datetime.now(UTC))
    with production(folder, ca) as running:
        yield f"https://localhost:{running.port}"


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with yesterday(tmp_path_factory.mktemp("bad")) as port:
        yield f"https://127.0.0.1:{port}"


def ids(result: Result) -> set[str]:
    return {one.id for one in result.findings}


class TestCertsCheck:
    def test_our_own_server_only_lacks_an_authority_that_this_machine_knows(self, good: str) -> None:
        result = tls(live(good)).run(NOBODY, Limits(60))
        assert ids(result) == {"TLS001"}
        assert result.status.outcome is Outcome.OK, result.status

    def test_a_server_of_yesterday_is_told_all_that_is_wrong(self, bad: str) -> None:
        result = tls(live(bad)).run(NOBODY, Limits(60))
        assert {"TLS001", "TLS002", "TLS003", "TLS005", "TLS007", "TLS008"} <= ids(result)
        assert all(one.cwe for one in result.findings)
        asked = "can't speak" not in result.status.detail
        assert ("TLS004" in ids(result)) is asked, "it is found, or told as not asked; never passed over"


class TestSslyze:
    def run(self, url: str, limits: Limits | None = None) -> Result:
        return Sslyze(live(url), command=tuple(sslyze())).run(NOBODY, limits or Limits(100, 4000))

    def test_our_own_server_is_fine(self, good: str) -> None:
        result = self.run(good)
        assert (result.status.outcome, result.findings) == (Outcome.OK, ()), result.status

    def test_a_server_of_yesterday_speaks_old_protocols(self, bad: str) -> None:
        result = self.run(bad)
        assert result.status.outcome is Outcome.OK, result.status
        assert {one.title for one in result.findings} >= {"Speaks TLS 1.0", "Speaks TLS 1.1"}

    def test_its_recorded_output_is_read_alike(self) -> None:
        result = read_report(json.loads(RECORDED.read_text()), "127.0.0.1:8443")
        assert {one.title for one in result.findings} >= {"Speaks TLS 1.0", "Speaks TLS 1.1"}

    def test_holes_of_the_protocol_are_told(self) -> None:
        said = json.loads(RECORDED.read_text())
        seen = said["server_scan_results"][0]["scan_result"]
        seen["robot"]["result"]["robot_result"] = "VULNERABLE_STRONG_ORACLE"
        seen["heartbleed"]["result"]["is_vulnerable_to_heartbleed"] = True
        assert {"sslyze/robot", "sslyze/heartbleed"} <= ids(read_report(said, "127.0.0.1:8443"))

    @pytest.mark.parametrize("lie", ["no server", "no scan", "cut", "another shape"])
    def test_what_is_not_whole_is_an_error_or_names_what_is_missing(self, lie: str, tmp_path: Path) -> None:
        said = json.loads(RECORDED.read_text())
        if lie == "no server":
            said["server_scan_results"] = []
        if lie == "no scan":
            said["server_scan_results"][0]["scan_result"]["robot"]["status"] = "ERROR"
        text = "[]" if lie == "another shape" else json.dumps(said)[: -100 if lie == "cut" else None]
        program = tmp_path / "sslyze"
        (tmp_path / "said.json").write_text(text)
        program.write_text(f"#!/bin/sh\ncat {tmp_path}/said.json\n")
        program.chmod(0o700)
        outcome = Sslyze(live("https://127.0.0.1:8443"), command=(str(program),)).run(NOBODY, Limits(20)).status.outcome
        assert outcome is (Outcome.INCOMPLETE if lie == "no scan" else Outcome.ERROR)


@pytest.mark.parametrize("scanner", ["tls", "sslyze"])
def test_nobody_there_and_a_server_that_stalls_are_errors(scanner: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port, seconds in ((9, 60.0), (silent.getsockname()[1], 3.0)):
            target = live(f"https://127.0.0.1:{port}")
            adapter = tls(target) if scanner == "tls" else Sslyze(target, command=tuple(sslyze()))
            status = adapter.run(NOBODY, Limits(seconds, 4000)).status
            assert status.outcome is Outcome.ERROR, (port, status)
            assert status.detail
