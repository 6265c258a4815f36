"""The line of every key, whatever way TOML lets it be written."""

from __future__ import annotations

import tomllib
from textwrap import dedent

from hypothesis import given
from hypothesis import strategies as st

from garrison.policy.places import find_lines
from garrison.policy.source import leaves

TEXT = dedent(
    """\
    # a comment with hosts = []
    preset = "api"
    hosts = [
      "a.example",  # csrf = 1
      "[size]",
    ]
    size.body = "1 MB"
    "quo.ted" = 1
    note = '''
    [csrf]
    mode = "off"
    '''
    inline = { a = 1, b = { c = 2 } }

    [csrf]
    mode = "enforce"

    [headers."hsts"]
    max_age = 5

    [[routes]]
    name = "a"
    csrf.mode = "off"

    [routes.size]
    body = 1

    [[routes]]
    name = "b"
    [routes.size]
    body = 2
    """
)


def test_every_key_is_found_on_its_line() -> None:
    assert find_lines(TEXT) == {
        "preset": 2,
        "hosts": 3,
        "size": 7,
        "size.body": 7,
        "quo.ted": 8,
        "note": 9,
        "inline": 13,
        "inline.a": 13,
        "inline.b": 13,
        "inline.b.c": 13,
        "csrf": 15,
        "csrf.mode": 16,
        "headers.hsts": 18,
        "headers.hsts.max_age": 19,
        "routes.0": 21,
        "routes.0.name": 22,
        "routes.0.csrf": 23,
        "routes.0.csrf.mode": 23,
        "routes.0.size": 25,
        "routes.0.size.body": 26,
        "routes.1": 28,
        "routes.1.name": 29,
        "routes.1.size": 30,
        "routes.1.size.body": 31,
    }


def test_keys_of_other_tools_are_left_out() -> None:
    text = "[tool.other]\na = 1\n[tool.garrison]\na = 2\n[tool.garrison.csrf]\nmode = 1\n[tool]\nb = 3\n"
    assert find_lines(text, ("tool", "garrison")) == {"a": 4, "csrf": 5, "csrf.mode": 6}


def test_a_value_over_very_many_lines_hides_nothing_behind_the_next_header() -> None:
    text = "hosts = [\n" + '"a.example",\n' * 400 + "]\n[csrf]\nmode = 1\n"
    assert find_lines(text)["csrf.mode"] == 404


names = st.sampled_from(["a", "b", "c", '"d e"'])
values = st.sampled_from(["1", '"x"', "[\n1,\n2]", "{ a = 1 }", "'''\n[a]\n'''", "[]"])
statements = st.lists(
    st.one_of(
        st.builds("{} = {}".format, names, values),
        st.builds("[{}]".format, names),
        st.builds("[[{}.{}]]".format, names, names),
    ),
    max_size=8,
)


@given(statements)
def test_every_value_that_the_parser_finds_has_a_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        parsed = tomllib.loads(text)
    except ValueError:
        return
    found = find_lines(text)
    for leaf in leaves(parsed):
        assert leaf in found
        assert 1 <= found[leaf] <= text.count("\n") + 1
