"""The GraphQL layer: what is counted, and a guard that can't work stops the start."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from fastapi import FastAPI
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, Node, OperationDefinitionNode, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from garrison import harden
from garrison.core.exchange import Exchange
from garrison.core.ports import Services
from garrison.core.verdict import Mode, Refuse
from garrison.layers import graphql
from garrison.layers.graphql import GraphqlLibraryMissing, GraphqlPathUnknown
from garrison.layers.graphql_document import GraphqlRefused, judge_document
from garrison.layers.graphql_form import FormFields
from garrison.policy.section_graphql import GraphqlSection
from garrison.testing import testing_policy
from tests.attacks.library import library
from tests.support.facts import make_facts

WIDE = GraphqlSection(paths=("/graphql",), depth=100, fields=10**6, aliases=10**6, directives=10**6, tokens=10**5)
SMALL = GraphqlSection(document=10**6, tokens=10**5)
ON = {"paths": ["/graphql"]}


def fragment(number: int) -> st.SearchStrategy[str]:
    """A fragment that spreads those with greater numbers only, so that there is no circle."""
    spreads = [f"...F{below} " for below in range(number + 1, 5)]
    piece = st.sampled_from(["x ", "a: x ", "y @d ", "z @d @d {x} ", "...{y} ", "w {a: x w {x}} ", *spreads])
    return st.lists(piece, min_size=1, max_size=5).map(lambda found: f"fragment F{number} on Q {{{''.join(found)}}} ")


DOCUMENTS = st.tuples(*(fragment(number) for number in range(5))).map(lambda all_: "{...F0} " + "".join(all_))


def unfold(text: str) -> tuple[int, int, int]:
    """Fields, aliases and depth, by unfolding every fragment wherever it is spread."""
    definitions = parse(text).definitions
    named = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}

    def walk(node: Any, depth: int) -> tuple[int, int, int]:
        if isinstance(node, FragmentSpreadNode):
            return walk(named[node.name.value], depth)
        own = isinstance(node, FieldNode)
        depth += own
        below = [walk(one, depth) for one in (node.selection_set.selections if node.selection_set else ())]
        alias = own and node.alias is not None
        return (
            own + sum(one[0] for one in below), alias + sum(one[1] for one in below),
            max([depth, *(one[2] for one in below)]),
        )  # fmt: skip

    operations: list[Node] = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
    return walk(operations[0], 0)


@given(DOCUMENTS)
@settings(max_examples=150, deadline=None)
def test_counting_each_fragment_once_gives_what_unfolding_them_gives(text: str) -> None:
    cost = judge_document(text, WIDE).cost
    assert (cost.fields, cost.aliases, cost.depth) == unfold(text)


PIECES = st.lists(
    st.sampled_from([
        "{", "}", "(", ")", "[", "]", "...", "a", ":", '"', '"""', "#", "\n", "on", "fragment", "$", "@", "!", "=",
        "query", "1", "&", "|", "\\u", "\ud800", "\x00", "é", "mutation", " ", "__schema",
    ])
).map("".join)  # fmt: skip


def why(text: str) -> str:
    try:
        judge_document(text, GraphqlSection())
    except GraphqlRefused as error:
        return error.why
    return ""


@given(st.one_of(st.text(max_size=200), PIECES))
@settings(max_examples=150, deadline=None)
def test_whatever_is_sent_is_counted_or_refused(text: str) -> None:
    assert why(text) in {"", "malformed", "depth", "introspection", "cycle", "aliases", "directives"}


@pytest.mark.parametrize("levels", [30, 300])
def test_fragments_that_double_each_other_are_refused_without_being_unfolded(levels: int) -> None:
    links = "".join(f"fragment F{n} on Q {{...F{n + 1} ...F{n + 1}}} " for n in range(levels))
    with pytest.raises(GraphqlRefused):  # 2**300 fields, or a chain longer than Python follows
        judge_document(
            "{...F0} " + links + f"fragment F{levels} on Q {{x}}", GraphqlSection(document=10**6, tokens=10**5)
        )


def test_a_definition_of_types_or_a_name_twice_is_refused() -> None:
    for text in ("type A {a: Int} {a}", "{...F} fragment F on A {a} fragment F on A {b}", "extend type A {a: Int}"):
        with pytest.raises(GraphqlRefused, match="malformed"):
            judge_document(text, GraphqlSection())


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_how_a_form_is_cut_changes_nothing(size: int) -> None:
    form = FormFields(b"B", 1000)
    field = b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    data = (
        field % (b"operations", b'{"query": "{a}"}')
        + field % (b"other", b"x" * 5000)
        + field % (b"map", b"{}")
        + b"--B--"
    )
    for at in range(0, len(data), size):
        form.feed(data[at : at + size])
    assert form.fields == {b"operations": b'{"query": "{a}"}', b"map": b"{}"}
    assert form.done == [b"operations", b"map"]


def test_without_a_path_the_layer_is_off_and_the_library_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "garrison.layers.graphql_guard", None)
    assert graphql.compile(testing_policy(), Services()).mode is Mode.OFF
    with pytest.raises(GraphqlLibraryMissing, match=r"garrison\[graphql\]"):
        graphql.compile(testing_policy(graphql=ON), Services())


def test_the_start_is_refused_where_a_guarded_path_is_not_served() -> None:
    with pytest.raises(GraphqlPathUnknown) as error:
        harden(library(), testing_policy(graphql={"paths": ["/graphql", "/api/graphql"]}))
    assert error.value.paths == ("/api/graphql",)
    routes = [{"name": "typo", "paths": ["/grapqhl"], "graphql": {"paths": ["/grapqhl"]}}]
    with pytest.raises(GraphqlPathUnknown):
        harden(library(), testing_policy(graphql=ON, routes=routes))


async def _opaque(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that shows no routes."""


@pytest.mark.parametrize("app", [
    FastAPI(routes=[Mount("/graphql", _opaque)]), Starlette(routes=[Mount("/", _opaque)]), _opaque,
    Starlette(routes=[Mount("/graphql", Starlette(routes=[Route("/", _opaque)]))]),
])  # fmt: skip
def test_mounted_and_unknown_applications_are_guarded(app: Any) -> None:
    harden(app, testing_policy(graphql=ON))


def test_a_malformed_path_is_refused_with_its_reason() -> None:
    with pytest.raises(Exception, match="must begin with a slash"):
        testing_policy(graphql={"paths": ["graphql"]})


def test_a_form_that_is_compressed_or_has_no_sane_boundary_is_refused() -> None:
    layer = graphql.compile(testing_policy(graphql=ON), Services())
    assert layer.watch is not None
    for headers in (
        ((b"content-type", b"multipart/form-data; boundary=B"), (b"content-encoding", b"gzip")),
        ((b"content-type", b"multipart/form-data"),),
    ):
        facts = make_facts(method="POST", path="/graphql", headers=headers)
        check = layer.watch(facts, Exchange(facts, Services()))
        assert check is not None
        assert isinstance(check(b"x"), Refuse)
