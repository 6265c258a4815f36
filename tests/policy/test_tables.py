"""Tables inside a section (CSP directives, permissions) are laid over the preset's, entry by entry."""

from __future__ import annotations

import pytest

from garrison.policy import Policy
from garrison.policy.model import CspSection


def test_naming_one_directive_keeps_the_others() -> None:
    """Somebody who allows one more image host must not lose `default-src 'none'`."""
    policy = Policy.model_validate({"csp": {"directives": {"img-src": ["'self'", "https://cdn.example.com"]}}})
    expected = {**CspSection().directives, "img-src": ("'self'", "https://cdn.example.com")}
    assert dict(policy.csp.directives) == expected


def test_a_preset_replaces_the_table_of_the_defaults() -> None:
    policy = Policy(preset="api")
    assert "script-src" not in policy.csp.directives
    more = Policy.model_validate({"preset": "api", "csp": {"directives": {"img-src": ["'self'"]}}})
    assert dict(more.csp.directives) == {**policy.csp.directives, "img-src": ("'self'",)}


def test_naming_one_permission_keeps_the_others_closed() -> None:
    policy = Policy.model_validate({"headers": {"permissions": {"camera": "(self)"}}})
    assert policy.headers.permissions["camera"] == "(self)"
    assert policy.headers.permissions["microphone"] == "()"


def test_a_route_class_changes_one_directive() -> None:
    route = {"name": "docs", "paths": ["/docs"], "csp": {"directives": {"style-src": ["'unsafe-inline'"]}}}
    policy = Policy.model_validate({"routes": [route]})
    effective = policy.effective(policy.routes[0])
    assert effective.csp.directives["style-src"] == ("'unsafe-inline'",)
    assert effective.csp.directives["default-src"] == ("'none'",)
    assert policy.csp.directives["style-src"] != ("'unsafe-inline'",)


@pytest.mark.parametrize("name", ["require-trusted-types-for", "upgrade-insecure-requests"])
def test_a_directive_is_left_out_by_name(name: str) -> None:
    policy = Policy.model_validate({"csp": {"without": [name]}})
    assert name not in policy.csp.in_force
    assert len(policy.csp.in_force) == len(policy.csp.directives) - 1
