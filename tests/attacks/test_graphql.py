"""GraphQL requests that cost more than their bytes, or come around the guard; Strawberry runs them without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from graphql import build_schema, execute_sync, get_introspection_query, parse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from garrison import Policy, harden
from garrison.asgi.types import App
from garrison.testing import captured_events, testing_policy
from tests.attacks.library import CALLS, library, permissive

OFF = {"mode": "off", "allow_insecure_off": "the control of a test"}
ON = {"paths": ["/graphql"]}
BASE = "https://testserver"
JSON = {"content-type": "application/json"}
Send = Callable[[TestClient], httpx.Response]


def policy(**graphql: Any) -> Policy:
    """The layer stands alone: neither `body` nor `content` helps it."""
    return testing_policy(csrf=OFF, body=OFF, content=OFF, graphql=graphql)


def post(query: str, **more: Any) -> Send:
    return lambda client: client.post("/graphql", json={"query": query, **more})


def get(query: str) -> Send:
    return lambda client: client.get("/graphql", params={"query": query}, headers={"accept": "application/json"})


def form(files: dict[str, Any], **fields: Any) -> Send:
    given = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return lambda client: client.post("/graphql", data=given, files=files)


def nested(levels: int) -> str:
    return "{books{" + "author{books{" * levels + "title" + "}}" * levels + "}}"


DEEP = nested(6)
ALIASES = "{" + "".join(f'a{n}: search(text: "x") ' for n in range(100)) + "}"
DOUBLING = (
    "{...F0} "
    + "".join(
        f"fragment F{n} on Query {{ a: viewer {{ ...F{n + 1} }} b: viewer {{ ...F{n + 1} }} }} " for n in range(9)
    )
    + 'fragment F9 on Query { search(text: "x") }'
)
WIDE = "{" + "...F " * 30 + "} fragment F on Query {" + "books { title author { name } } " * 10 + "}"
CYCLE = "{...A} fragment A on Query {viewer{...B}} fragment B on Query {viewer{...A}}"
LOADED = "{books" + " @include(if: true)" * 60 + "{title}}"
SPREAD = "{...F " + " @skip(if: false)" * 60 + "} fragment F on Query {books{title}}"
SCHEMA_CIRCLE = "{__schema{types" + "{fields{type" * 4 + "{name}" + "}}" * 4 + "}}"
COVER = 'mutation($f: Upload!) {cover(file: $f, title: "{{")}'
RENAME = 'mutation {rename(title: "x")}'


@dataclass(frozen=True)
class Attack:
    """`least` resolvers run without the guard; `why` is what the event says."""

    send: Send
    why: str
    least: int = 1
    app: Callable[[], App] = library
    status: int = 400


TOO_MUCH = {
    "depth": Attack(post(DEEP), "depth", 100),
    "depth by GET": Attack(get(DEEP), "depth", 100),
    "depth in inline fragments": Attack(
        post("{books{" + "... on Book {author{books{" * 6 + "title" + "}}}" * 6 + "}}"), "depth", 100),
    "depth by a chain of fragments": Attack(
        post("{books{...F0}} " + "".join(f"fragment F{n} on Book {{author{{books{{...F{n + 1}}}}}}} " for n in range(6))
             + "fragment F6 on Book {title}"), "depth", 100),
    "aliases": Attack(post(ALIASES), "aliases", 100),
    "aliases by GET": Attack(get(ALIASES), "aliases", 100),
    "aliases, a few in each of two operations": Attack(
        post("query A {" + "".join(f"a{n}: search(text: \"x\") " for n in range(15)) + "} query B {"
             + "".join(f"b{n}: search(text: \"x\") " for n in range(15)) + "}", operationName="A"), "aliases", 15),
    "fragments that double each other": Attack(post(DOUBLING), "aliases", 1000),
    "fragments spread many times": Attack(post(WIDE), "fields"),
    "directives on a field": Attack(post(LOADED), "directives", 0),
    "directives on a spread": Attack(post(SPREAD), "directives", 0),
    "fragments in a circle": Attack(post(CYCLE), "cycle", 0),
    "a fragment that spreads itself": Attack(post("{...A} fragment A on Query {...A}"), "cycle", 0),
    "many tokens": Attack(post("{" + 'search(text: "x") ' * 400 + "}"), "tokens"),
    "many comments": Attack(post("{books{title}}" + "#\n" * 9000), "tokens"),
    "a long document": Attack(post('{search(text:"' + "x" * 40_000 + '")}'), "document"),
    "lists without end": Attack(post("{search(text: " + "[" * 900 + "]" * 900 + ")}"), "depth", 0),
    "a batch": Attack(lambda client: client.post("/graphql", json=[{"query": "{books{title}}"}] * 50), "batch", 50),
    "introspection": Attack(post("{__schema{types{name}}}"), "introspection", 0, status=403),
    "introspection of one type": Attack(get('{__type(name:"Book"){name}}'), "introspection", 0, status=403),
    "introspection in a fragment": Attack(
        post("{...F} fragment F on Query {s: __schema{types{name}}}"), "introspection", 0, status=403),
}  # fmt: skip

AROUND = {
    "a type that only the library takes for JSON": Attack(
        lambda client: client.post("/graphql", content=json.dumps({"query": DEEP}),
                                   headers={"content-type": "application/jsonx"}), "", 100, status=415),
    "JSON in UTF-16": Attack(
        lambda client: client.post("/graphql", content=json.dumps({"query": DEEP}).encode("utf-16"), headers=JSON),
        "malformed", 100),
    "a document twice": Attack(
        lambda client: client.post("/graphql", content='{"query":"{books{title}}","query":' + json.dumps(DEEP) + "}",
                                   headers=JSON), "malformed", 100),
    "two documents in the query string": Attack(
        lambda client: client.get("/graphql", params=[("query", "{books{title}}"), ("query", DEEP)]), "malformed", 100),
    "a document beside a file": Attack(
        form({"f": ("f.txt", b"x")}, operations={"query": DEEP}, map={}), "depth", 100),
    "a second document at the end of a form": Attack(
        form({"f": ("f.txt", b"x"), "operations": (None, json.dumps({"query": DEEP}))},
             operations={"query": "{books{title}}"}, map={}), "form", 100),
    "a document that is put in its place by the map": Attack(
        form({"f": ("f.txt", b"x"), "evil": (None, DEEP)}, operations={"query": None}, map={"evil": ["query"]}),
        "form", 100),
    "a document that replaces a harmless one by the map": Attack(
        form({"f": ("f.txt", b"x"), "evil": (None, DEEP)}, operations={"query": "{books{title}}"},
             map={"evil": ["query"]}), "form", 100),
    "a path spelt with an escape": Attack(
        lambda client: client.post("/graph%71l", json={"query": DEEP}), "depth", 100),
    "a document in the query string of a POST": Attack(
        lambda client: client.post("/graphql", params={"query": DEEP}, json={"query": "{books{title}}"}),
        "depth", 100, permissive),
    "a form": Attack(lambda client: client.post("/graphql", data={"query": DEEP}), "depth", 100, permissive),
    "a bare document": Attack(
        lambda client: client.post("/graphql", content=DEEP, headers={"content-type": "application/graphql"}),
        "depth", 100, permissive),
    "a form with files and a field `query`": Attack(
        form({"f": ("f.txt", b"x")}, query=DEEP), "depth", 100, permissive),
    "a mutation by GET": Attack(get(RENAME), "mutation by GET", 1, permissive, 405),
    "a mutation by GET beside a query": Attack(get(RENAME), "mutation by GET", 1, permissive, 405),
}  # fmt: skip


@pytest.mark.parametrize("attack", (TOO_MUCH | AROUND).values(), ids=TOO_MUCH | AROUND)
def test_the_attack_runs_resolvers_without_the_layer_and_none_with_it(attack: Attack) -> None:
    with TestClient(harden(attack.app(), policy(**ON, **OFF)), base_url=BASE) as client:
        answer = attack.send(client)
    assert answer.headers["content-type"] == "application/json"
    assert len(CALLS) >= attack.least
    app = harden(attack.app(), policy(**ON))
    with captured_events(app) as events, TestClient(app, base_url=BASE) as client:
        answer = attack.send(client)
    assert (answer.status_code, answer.headers["content-type"]) == (attack.status, "application/problem+json")
    assert CALLS == []
    assert [(event.layer, event.details.get("detail", "")) for event in events if event.layer] == [
        ("graphql", attack.why)
    ]


def subscribe(client: TestClient, protocol: str, kind: str, query: str) -> Any:
    with client.websocket_connect("/graphql", subprotocols=[protocol]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"
        socket.send_json({"id": "1", "type": kind, "payload": {"query": query}})
        return socket.receive_json()


@pytest.mark.parametrize(("protocol", "kind"), [("graphql-transport-ws", "subscribe"), ("graphql-ws", "start")])
@pytest.mark.parametrize("query", ["subscription {news" + DEEP + "}", "subscription {news" + ALIASES + "}"])
def test_a_document_over_a_websocket_is_judged_too(protocol: str, kind: str, query: str) -> None:
    with TestClient(harden(library(), policy(**ON, **OFF)), base_url=BASE) as client:
        assert subscribe(client, protocol, kind, query)["type"] in {"next", "data"}
    assert len(CALLS) >= 100
    app = harden(library(), policy(**ON))
    with captured_events(app) as events, TestClient(app, base_url=BASE) as client:
        with pytest.raises(WebSocketDisconnect) as closed:
            subscribe(client, protocol, kind, query)
        assert closed.value.code == 1008
        assert CALLS == []
        assert subscribe(client, protocol, kind, "subscription {news{books{title}}}")["type"] in {"next", "data"}
    assert [event.name for event in events if event.layer == "graphql"] == ["graphql_refused"]


ODD_MESSAGES = [
    {"type": ["subscribe"], "payload": {"query": DEEP}}, {"type": {"a": 1}}, {"type": "subscribe", "payload": [1]},
    {"type": "subscribe"}, {"type": "subscribe", "payload": {"query": 5}}, [], 5, None, {"payload": {"query": DEEP}},
]  # fmt: skip


def say(client: TestClient, message: Any) -> Any:
    with client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"
        socket.send_json(message)
        return socket.receive_json()


@pytest.mark.parametrize("message", ODD_MESSAGES, ids=str)
def test_an_odd_message_is_refused_or_left_to_the_server_and_breaks_nothing(message: Any) -> None:
    app = harden(library(), policy(**ON))
    client = TestClient(app, base_url=BASE)
    with captured_events(app) as events, pytest.raises(WebSocketDisconnect):
        say(client, message)
    assert CALLS == []
    assert {event.name for event in events if event.layer} <= {"graphql_refused"}


RELAY = """
query Books($first: Boolean! = true, $text: String!) {
  books { ...Card author @include(if: $first) { ...Name } }
  found: search(text: $text)
}
fragment Card on Book { title author { ...Name books { title } } }
fragment Name on Author { name }
"""
TEXTS = [
    "O'Brien",
    "李小龍 👩‍🚀",
    "{__schema{types{name}}}",
    "SELECT * FROM t; --",
    'a "quote" {{{{{{{{{{{{{{{{',
    "# no",
    "",
]
BENIGN: dict[str, Send] = {
    "a query by GET": get("{books{title author{name}}}"),
    "nested fragments": post(RELAY, variables={"text": "x"}, operationName="Books"),
    "an unused operation": post("query A {books{title}} query B {viewer{books{title}}}", operationName="B"),
    "type names": post("{__typename books{__typename title}}"),
    "comments and a description": post("# a comment with { braces {{{{{{{{{{{{{{\n{books{title}}"),
    "braces in text": post('{search(text: "' + "{" * 500 + '")}'),
    "a block string": post('{search(text: """' + "{[(\n" * 100 + '""")}'),
    "a mutation": post(RENAME),
    "twenty aliases": post("{" + "".join(f"a{n}: search(text: \"x\") " for n in range(20)) + "}"),
    "extensions beside a document": post("{books{title}}", extensions={"persistedQuery": {"version": 1}}),
    "a file": form({"0": ("Ö O'Brien.png", b"\x89PNG" * 30_000)},
                   operations={"query": COVER, "variables": {"f": None}},
                   map={"0": ["variables.f"]}),
}  # fmt: skip


@pytest.mark.parametrize("send", BENIGN.values(), ids=BENIGN)
def test_what_clients_really_ask_is_answered(send: Send) -> None:
    app = harden(library(), policy(**ON))
    with captured_events(app) as events, TestClient(app, base_url=BASE) as client:
        answer = send(client)
    assert answer.status_code == 200
    assert answer.json().get("errors") is None
    assert answer.json()["data"]
    assert [event.name for event in events if event.layer] == []


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_passes_as_a_variable_and_as_a_literal(text: str) -> None:
    app = harden(library(), policy(**ON))
    with TestClient(app, base_url=BASE) as client:
        sent = post("query($t: String!) {search(text: $t)}", variables={"t": text})(client)
        literal = post("{search(text: " + json.dumps(text, ensure_ascii=False) + ")}")(client)
    assert sent.json() == literal.json() == {"data": {"search": text}}


def test_graphiql_is_served_and_its_introspection_passes_where_the_policy_allows_it() -> None:
    whole = get_introspection_query(descriptions=True, specified_by_url=True, input_value_deprecation=True)
    with TestClient(harden(library(), policy(**ON, introspection="pass")), base_url=BASE) as client:
        page = client.get("/graphql", headers={"accept": "text/html"})
        assert (page.status_code, "graphiql" in page.text.lower()) == (200, True)
        for send in (post(whole, operationName="IntrospectionQuery"), get(whole)):
            assert len(send(client).json()["data"]["__schema"]["types"]) > 10


def test_introspection_in_circles_is_refused_where_introspection_is_allowed() -> None:
    # Newer releases of graphql-core have a rule of their own against it, so the control leaves validation out.
    assert (
        len(
            json.dumps(
                execute_sync(
                    build_schema("type Query {" + "".join(f"f{n}: Query " for n in range(9)) + "}"),
                    parse(SCHEMA_CIRCLE),
                ).data
            )
        )
        > 30_000
    )
    with TestClient(harden(library(), policy(**ON, introspection="pass")), base_url=BASE) as client:
        assert post(SCHEMA_CIRCLE)(client).status_code == 400


def test_a_batch_passes_where_it_is_allowed_and_its_bounds_hold_for_all_of_it() -> None:
    one = {"query": "{" + "".join(f'a{n}: search(text: "x") ' for n in range(9)) + "}"}
    with TestClient(harden(library(), policy(**ON, batch=5)), base_url=BASE) as client:
        assert client.post("/graphql", json=[one] * 2).status_code == 200
        assert len(CALLS) == 18
        assert client.post("/graphql", json=[one] * 3).status_code == 400
        assert client.post("/graphql", json=[one] * 6).status_code == 400
    assert len(CALLS) == 18


@pytest.mark.parametrize(
    "sent", [{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}}, {}, {"id": "1"}]
)
def test_a_request_without_a_document_is_refused_unless_the_policy_lets_it_name_one(sent: dict[str, Any]) -> None:
    app = harden(library(), policy(**ON))
    with captured_events(app) as events, TestClient(app, base_url=BASE) as client:
        assert client.post("/graphql", json=sent).json()["type"].endswith("graphql-refused")
        assert client.get("/graphql", params={"extensions": "{}"}).status_code == 400
    assert [event.details["detail"] for event in events if event.layer] == ["persisted", "persisted"]
    with TestClient(harden(library(), policy(**ON, persisted="pass")), base_url=BASE) as client:
        assert "No GraphQL query" in client.post("/graphql", json=sent).text  # Strawberry keeps no documents


def test_monitor_records_and_lets_through() -> None:
    app = harden(library(), policy(**ON, mode="monitor"))
    with captured_events(app) as events, TestClient(app, base_url=BASE) as client:
        assert post(ALIASES)(client).status_code == 200
    assert len(CALLS) == 100
    assert [event.name for event in events if event.layer == "graphql"] == ["graphql_refused"]


def test_other_paths_and_a_route_class_of_its_own() -> None:
    routes = [{"name": "wide", "paths": ["/graphql"], "graphql": {"aliases": 200}}]
    app = harden(library(), testing_policy(csrf=OFF, graphql=ON, routes=routes))
    with TestClient(app, base_url=BASE) as client:
        assert post(ALIASES)(client).status_code == 200
        assert client.post("/elsewhere", json={"query": DEEP}).status_code == 404
