"""Passwords in addresses: those of hosts that nobody can have are examples, all others are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.findings.severity import Severity
from garrison.scan.project import read_project
from garrison.scan.tool_secrets import _read

EXAMPLES = (
    "postgresql://shop:Zk41xq8Pw2@db.example.com/shop?sslmode=verify-full",
    "`smtps://user:password@mail.example.com`",
    "redis://:Zk41xq8Pw2@cache.example:6379/0",
    'dsn = "https://a:b41xq8@shop.test"',
)
SECRETS = (
    "postgresql://shop:Zk41xq8Pw2@db.shop.internal/shop",
    "https://a:b41xq8@example.com.evil.io/",
    "https://a:b41xq8@notexample.com/",
    "https://a:b41xq8@example.company/",
    "https://a:b41xq8@x.example.com/ https://a:b41xq8@shop.internal/",
)


def severity_of(line: str, root: Path) -> Severity:
    (root / "page.md").write_text(f"# Page\n\n{line}\n", encoding="utf-8")
    found = {"type": "Basic Auth Credentials", "line_number": 3, "hashed_secret": "0" * 40}
    return _read({"results": {"page.md": [found]}}, read_project(root)).findings[0].severity


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_password_of_a_host_that_nobody_can_have_is_low(line: str, tmp_path: Path) -> None:
    assert severity_of(line, tmp_path) is Severity.LOW


@pytest.mark.parametrize("line", SECRETS)
def test_every_other_password_in_an_address_is_medium(line: str, tmp_path: Path) -> None:
    assert severity_of(line, tmp_path) is Severity.MEDIUM
