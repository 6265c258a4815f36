"""The unit leaves the application little, by systemd's own measure; what could mean something else is refused."""

from __future__ import annotations

import re

import pytest

from garrison.edge.check_unit import check_unit
from garrison.edge.site import EdgeRefused, site_of
from garrison.edge.systemd import render
from garrison.findings.report import Outcome
from garrison.policy import Policy
from tests.support.components import need

POLICY = {"hosts": ["shop.example.com"], "proxies": ["unix"]}


def unit(app: str = "main:app", folder: str = "/srv/app", upstream: str = "unix:/run/garrison/app.sock") -> str:
    proxies = ["unix", "127.0.0.1"]
    return render(site_of(Policy(**{**POLICY, "proxies": proxies, "edge": {"upstream": upstream}})), app, folder, 30.0)


def test_systemd_finds_the_unit_little_exposed() -> None:
    need("systemd-analyze")
    findings, status = check_unit(unit())
    assert findings == []
    assert status.outcome is Outcome.OK


@pytest.mark.parametrize(
    "parts",
    [("ProtectSystem", "ProtectHome", "PrivateDevices"), ("SystemCallFilter",), ("CapabilityBoundingSet", "NoNewPriv")],
)
def test_control_a_unit_without_them_is_found(parts: tuple[str, ...]) -> None:
    need("systemd-analyze")
    lines = [line for line in unit().splitlines(True) if not line.startswith((*parts, "DynamicUser"))]
    findings, _ = check_unit("".join(lines))
    assert [one.id for one in findings] == ["E010"]


def test_a_line_that_systemd_does_not_know_is_no_success() -> None:
    need("systemd-analyze")
    _, status = check_unit(unit().replace("ProtectSystem=strict", "ProtectSystem=very much"))
    assert status.outcome is Outcome.ERROR


def test_each_protection_is_named_once() -> None:
    keys = re.findall(r"^([A-Za-z]+)=", unit(), re.MULTILINE)
    twice = {key for key in keys if keys.count(key) > 1}
    assert twice == {"SystemCallFilter", "Environment"} & twice
    assert {"NoNewPrivileges", "ProtectSystem", "CapabilityBoundingSet", "SystemCallFilter", "DynamicUser"} <= set(keys)


def test_the_socket_is_where_the_unit_makes_a_folder() -> None:
    text = unit(upstream="unix:/run/shop/web.sock")
    assert "RuntimeDirectory=shop\n" in text
    assert "--unix /run/shop/web.sock\n" in text


@pytest.mark.parametrize("upstream", ["unix:/tmp/x.sock", "unix:/run/x.sock", "unix:/run/../x/y", "127.0.0.1:8000"])
def test_a_socket_elsewhere_is_refused(upstream: str) -> None:
    with pytest.raises(EdgeRefused, match="Unix socket in a folder of its own"):
        unit(upstream=upstream)


@pytest.mark.parametrize(
    ("app", "folder"), [("main", "/srv"), ("main:app\nUser=root", "/srv"), ("main:app --x", "/srv"),
                        ("main:app", "srv"), ("main:app", "/srv/a b"), ("main:app", "/srv\n[Service]"), ("m:a", "/%h")],
)  # fmt: skip
def test_text_that_means_something_to_systemd_is_refused(app: str, folder: str) -> None:
    with pytest.raises(EdgeRefused):
        unit(app, folder)
