"""`explain` says of every key what holds, who set it and what it is for, and shows no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison import Policy
from garrison.policy.explain import Entry, UnknownKey, UnknownRoute, explain, select
from garrison.policy.load import load
from tests.policy.toml_files import loaded

TEXT = """\
[size]
body = "2 MB"
[[routes]]
name = "login"
paths = ["/login"]
csrf.require = "always"
"""


def by_key(entries: list[Entry]) -> dict[str, Entry]:
    return {entry.key: entry for entry in entries}


def test_every_key_has_a_value_a_source_a_meaning_and_a_reference() -> None:
    entries = explain(load(Policy(routes=({"name": "a", "paths": ["/a"], "csrf": {"require": "always"}},)), {}))
    assert len(entries) > 100
    for entry in entries:
        assert entry.meaning, entry.key
        assert entry.reference
        assert str(entry.source)


def test_every_field_of_the_policy_is_there() -> None:
    keys = by_key(explain(load(Policy(), {})))
    for name, info in Policy.model_fields.items():
        assert name in keys or any(key.startswith(f"{name}.") for key in keys) or name == "routes", info


def test_a_value_tells_its_unit_and_its_place(tmp_path: Path) -> None:
    entry = by_key(explain(loaded(tmp_path, TEXT)))["size.body"]
    assert (entry.value, entry.unit, entry.source.line) == (2 * 1024**2, "bytes", 2)
    assert entry.to_dict()["source"] == {
        "kind": "file", "name": "", "path": str(tmp_path / "garrison.toml"), "line": 2,
    }  # fmt: skip


def test_a_route_class_shows_its_own_values_and_what_it_inherits(tmp_path: Path) -> None:
    found = loaded(tmp_path, TEXT)
    default, login = by_key(explain(found)), by_key(explain(found, "login"))
    assert (default["csrf.require"].value, str(default["csrf.require"].source)) == ("ambient", "default")
    assert (login["csrf.require"].value, login["csrf.require"].source.line) == ("always", 6)
    assert login["size.body"].source.line == 2
    assert default["routes.0.csrf.require"].value == "always"


def test_keys_of_one_name_have_each_a_meaning_of_their_own() -> None:
    keys = by_key(explain(load(Policy(), {})))
    assert keys["edge.hsts"].meaning.startswith("The proxy writes Strict-Transport-Security")
    assert keys["headers.hsts.max_age"].meaning not in ("", keys["edge.hsts"].meaning)


def test_a_section_selects_its_keys_and_a_key_itself() -> None:
    entries = explain(load(Policy(), {}))
    assert {entry.key.split(".")[0] for entry in select(entries, "csrf")} == {"csrf"}
    assert [entry.key for entry in select(entries, "size.body")] == ["size.body"]


@pytest.mark.parametrize(
    ("key", "right"),
    [("size.bdy", "'size.body'"), ("same_site", "'cookies.same_site' or 'session.same_site'"), ("crsf", "'csrf'")],
)
def test_a_misspelt_key_gets_the_nearest(key: str, right: str) -> None:
    with pytest.raises(UnknownKey) as caught:
        select(explain(load(Policy(), {})), key)
    assert right in caught.value.remedy


def test_an_unknown_route_class_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownRoute, match="Did you mean 'login'"):
        explain(loaded(tmp_path, TEXT), "logn")
    with pytest.raises(UnknownRoute, match="no \\[\\[routes\\]\\]"):
        explain(load(Policy(), {}), "login")


def test_a_secret_in_the_policy_is_masked() -> None:
    policy = Policy(key="Hunter2Hunter2", store="redis://user:env:CACHE@cache.example:6379/0")
    keys = by_key(explain(load(policy, {})))
    assert keys["key"].value == "***"
    assert keys["store"].value == "redis://***@cache.example:6379/0"
    assert by_key(explain(load(Policy(key="env:NAME"), {})))["key"].value == "env:NAME"
