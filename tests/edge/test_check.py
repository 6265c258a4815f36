"""`--check` runs the real server with what was generated; and each probe notices the fault it is there for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from garrison.edge import check as checking
from garrison.edge import trial
from garrison.edge.check import check
from garrison.edge.site import Site, site_of
from garrison.findings.report import Outcome
from garrison.policy import Policy
from tests.support.components import need

pytestmark = pytest.mark.server
SERVERS = ("nginx", "haproxy", "caddy")


def site(**values: Any) -> Site:
    policy: dict[str, Any] = {"hosts": ["shop.example.com", "*.shop.example.net"], "proxies": ["unix"]}
    return site_of(Policy(**{**policy, **values}))


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[str], str]], None]:
    """Put another text in place of what the renderer of a server gives."""

    def change(server: str, how: Callable[[str], str]) -> None:
        real = trial.RENDER[server]
        renderers = {**trial.RENDER, server: lambda found: how(real(found))}
        monkeypatch.setattr(trial, "RENDER", renderers)

    return change


@pytest.mark.parametrize("values", [
    {}, {"edge": {"hsts": True}, "serve": {"profile": "modern"}}, {"client": {"header": "forwarded"}},
], ids=["plain", "hsts and modern", "forwarded"])  # fmt: skip
@pytest.mark.parametrize("server", SERVERS)
def test_the_real_server_does_what_the_policy_says(server: str, values: dict[str, Any]) -> None:
    need(server)
    findings, status = check(server, site(**values))
    assert [f"{one.id} {one.message}" for one in findings] == []
    assert status.outcome is Outcome.OK


@pytest.mark.parametrize("values", [{}, {"serve": {"profile": "modern"}}], ids=["intermediate", "modern"])
def test_caddy_accepts_a_configuration_with_certificates_of_its_own_making(
    values: dict[str, Any], tmp_path: Path
) -> None:
    """Looked at and not run: it would ask a public authority."""
    found = site(edge={"acme": True}, **values)
    path = tmp_path / "Caddyfile"
    path.write_text(trial.RENDER["caddy"](found), encoding="utf-8")
    trial.examine("caddy", path, need("caddy"))
    assert "/etc/garrison" not in path.read_text(encoding="utf-8")


def without(*parts: str) -> Callable[[str], str]:
    """The text without the lines that hold one of `parts`, of which each must be there."""

    def change(text: str) -> str:
        assert all(part in text for part in parts), parts
        return "".join(line for line in text.splitlines(True) if not any(part in line for part in parts))

    return change


def instead(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new)

    return change


FAULTS = [
    ("nginx", "E003", instead("return 308 https://$host", "return 308 https://shop.example.com/x$host")),
    ("nginx", "E004", instead("return 421;", "return 200 ok;")),
    ("nginx", "E005", without("proxy_set_header X-Real-Ip", "proxy_set_header True-Client-Ip")),
    ("nginx", "E005", instead("underscores_in_headers off", "underscores_in_headers on")),
    ("nginx", "E005", instead("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for")),
    ("nginx", "E006", instead("$garrison_upgrade;", "$http_upgrade;")),
    ("nginx", "E008", without("more_clear_headers")),
    ("nginx", "E009", instead("ssl_ciphers ", "ssl_ciphers ALL:")),
    ("haproxy", "E003", without("deny_status 421")),
    ("haproxy", "E005", without("del-header")),
    ("haproxy", "E005", without("del-header x-real-ip")),
    ("haproxy", "E005", without("del-header _")),
    ("haproxy", "E006", without("del-header upgrade", "del-header connection")),
    ("haproxy", "E008", without("del-header Server")),
    ("haproxy", "E009", instead("ssl-default-bind-ciphers ", "ssl-default-bind-ciphers ALL:")),
    ("caddy", "E003", instead("{uri} 308", "/ 308")),
    ("caddy", "E005", without("header_up -*_*")),
    ("caddy", "E005", without("header_up -X-Real-Ip", "header_up -True-Client-Ip")),
    ("caddy", "E006", without("request_header @upgrade")),
    ("caddy", "E008", without("header -Server", "header_down -Server")),
    ("caddy", "E008", without('header Server ""')),
    ("caddy", "E009", instead("ciphers ", "ciphers TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA ")),
]


OWN = {("haproxy", "E006"), ("caddy", "E005"), ("caddy", "E008")}
"""What newer versions stop by themselves: HAProxy 2.8 an upgrade to h2c, Caddy 2.11 names with an underscore and its
name when a WebSocket opens."""


@pytest.mark.parametrize(("server", "id", "change"), FAULTS)
def test_a_fault_in_the_configuration_is_found(
    server: str, id: str, change: Callable[[str], str], changed: Callable[[str, Callable[[str], str]], None]
) -> None:
    need(server)
    changed(server, change)
    findings, _ = check(server, site())
    if not findings and (server, id) in OWN:
        pytest.skip("this version does it by itself")
    assert id in {one.id for one in findings}, findings


@pytest.mark.parametrize(
    ("server", "line"), [("nginx", "gzip off;"), ("haproxy", "timeout connect 5s"), ("caddy", "protocols h1 h2")]
)
def test_what_the_server_does_not_accept_is_told_in_its_own_words(
    server: str, line: str, changed: Callable[[str, Callable[[str], str]], None]
) -> None:
    need(server)
    changed(server, instead(line, f"nonsense_of_a_line x{line[-1] if line.endswith(';') else ''}"))
    [finding], _ = check(server, site())
    assert finding.id == "E001"
    assert "nonsense_of_a_line" in finding.message


def test_a_server_that_is_not_installed_is_skipped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "program", lambda _server: None)
    findings, status = check("nginx", site())
    assert findings == []
    assert status.outcome is Outcome.SKIPPED


@pytest.mark.parametrize("server", SERVERS)
def test_a_trial_leaves_nothing_behind(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(server)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    check(server, site())
    assert list(tmp_path.iterdir()) == []
