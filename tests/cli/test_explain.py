"""`garrison explain` prints the effective policy and where each value came from."""

from __future__ import annotations

from tests.cli.running import Here

POLICY = """\
preset = "api"
[size]
body = "2 MB"
[[routes]]
name = "login"
paths = ["/login"]
size.body = "8 KB"
"""


def test_a_key_says_its_value_its_place_what_it_is_for_and_where_to_read(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    ran = here.run("explain", "size.body")
    assert ran.code == 0
    assert "Value 2097152 bytes" in ran.flat
    assert "From garrison.toml:3" in ran.flat
    assert "What for Bytes of a body, counted as they arrive." in ran.flat
    assert "docs/layers/size.md" in ran.flat


def test_every_origin_of_a_value_is_named(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    flat = here.run("explain", GARRISON_STATE="elsewhere").flat
    assert "state elsewhere environment GARRISON_STATE" in flat
    assert "size.body 2097152 bytes garrison.toml:3" in flat
    assert "csrf.mode off preset api-2026-11" in flat
    assert "size.ratio 100 default" in flat


def test_a_route_class_shows_what_holds_for_it(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    assert "8192 bytes" in here.run("explain", "size.body", "--route", "login").flat
    ran = here.run("explain", "--route", "logn")
    assert ran.code == 2
    assert "Did you mean 'login'?" in ran.said


def test_a_misspelt_key_is_wrong_usage_and_gets_the_nearest(here: Here) -> None:
    ran = here.run("explain", "size.bdy")
    assert ran.code == 2
    assert "'size.body'" in ran.said


def test_only_what_somebody_set(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    keys = {entry["key"] for entry in here.run("explain", "--changed", "--format", "json").json}
    assert keys == {"preset", "size.body", "routes.0.name", "routes.0.paths", "routes.0.size.body"}


def test_json_has_the_same_as_the_table(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    entry = next(one for one in here.run("explain", "--format", "json").json if one["key"] == "size.body")
    assert entry["value"] == 2 * 1024**2
    assert entry["unit"] == "bytes"
    assert entry["source"] == {"kind": "file", "name": "", "path": "garrison.toml", "line": 3}


def test_a_broken_policy_is_told_in_full(here: Here) -> None:
    here.write("garrison.toml", "csrff = 1\nhost = 5\n")
    ran = here.run("explain")
    assert ran.code == 3
    assert "csrff (garrison.toml:1)" in ran.said
    assert "host (garrison.toml:2)" in ran.said
