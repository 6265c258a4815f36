"""What is negotiated, as Mozilla's guidelines judge it (sslyze) and as a scanner sees it, by every way."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from garrison.serve.devca import DevCA
from tests.edge.topologies import ALL, HOST, Topology, topology
from tests.scanners.tools import sslyze
from tests.serve.running import Running, stock
from tests.support.components import need

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mozilla"), pytest.mark.timeout(300)]
PROFILES = ("intermediate", "modern")


def judge(running: Running, profile: str, authority: Path) -> str:
    """sslyze's verdict against Mozilla's profile, with its reasons."""
    options = ["--mozilla_config", profile, "--sni", running.name, "--certinfo_ca_file", str(authority)]
    done = subprocess.run(
        [*sslyze(), *options, f"127.0.0.1:{running.port}"], capture_output=True, text=True, timeout=100, check=False
    )
    _, found, verdict = done.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
    assert found, done.stdout[-500:] + done.stderr[-500:]
    return verdict


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ALL)
def test_mozillas_profile_is_kept(name: str, profile: str, tmp_path: Path) -> None:
    with topology(name, tmp_path, serve={"profile": profile}) as way:
        verdict = judge(way.running, profile, tmp_path / "authority" / "authority.pem")
    assert "OK - Compliant" in verdict, verdict


def test_control_stock_uvicorn_fails_it(tmp_path: Path) -> None:
    ca = DevCA.open(tmp_path / "ca", datetime.now(UTC).replace(microsecond=0))
    with stock(ca) as running:
        verdict = judge(running, "intermediate", ca.certificate_file)
    assert "FAILED - Not compliant" in verdict
    assert re.search(r"\* (ciphers|tls_curves):", verdict), verdict


@pytest.mark.parametrize("name", ALL)
def test_sslscan_finds_nothing_weak(name: str, tmp_path: Path) -> None:
    with topology(name, tmp_path) as way:
        said = _sslscan(way)
    accepted = re.findall(r"^(?:Accepted|Preferred)\s+(TLSv1\.\d)\s+\d+ bits\s+(\S+)", said, re.MULTILINE)
    assert {version for version, _ in accepted} == {"TLSv1.2", "TLSv1.3"}
    assert [suite for _, suite in accepted if not re.search("GCM|CHACHA20|POLY1305", suite)] == []
    groups = set(re.findall(r"TLSv1\.\d\s+\d+ bits\s+(\S+)", said.partition("Key Exchange Group(s):")[2]))
    assert groups
    assert groups <= {"secp256r1", "secp384r1", "x25519", "X25519MLKEM768"}
    assert not re.search(r"(?<!not )vulnerable to heartbleed|Compression enabled|SSLv[23]\s+enabled", said)


def _sslscan(way: Topology) -> str:
    command = [need("sslscan"), "--no-colour", f"--sni-name={HOST}", f"127.0.0.1:{way.running.port}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
