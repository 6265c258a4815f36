"""Layers that spare a method: they are not asked for it, so they must have nothing to say of it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.layer import Layer
from garrison.core.names import METHODS
from garrison.core.stack import Stack
from garrison.core.verdict import Reason, Refuse
from garrison.layers import content, cors, method, origin
from garrison.policy import Policy
from tests.asgi.driving import drive, hardened, http_scope
from tests.layers.wiring import Bench
from tests.support.facts import make_facts

POLICY = Policy(cors={"origins": ("https://app.example.com",), "credentials": True})
SPARING = [layer.compile(POLICY, Bench().services()) for layer in (origin, cors, method, content)]
VALUES = st.sampled_from(
    [
        b"cross-site",
        b"none",
        b"null",
        b"https://evil.test",
        b"https://app.example.com",
        b"POST",
        b"",
        b"text/x-odd",
        b"7",
    ]
)
NAMES = st.sampled_from([
    b"origin", b"sec-fetch-site", b"access-control-request-method", b"access-control-request-headers", b"cookie",
    b"content-type", b"content-length", b"transfer-encoding", *method.OVERRIDES,
])  # fmt: skip


def refuse(facts: Any) -> Refuse:
    return Refuse(Reason.NOT_ALLOWED, 403)


@pytest.mark.parametrize("layer", SPARING, ids=lambda layer: layer.name)
@given(headers=st.lists(st.tuples(NAMES, VALUES), max_size=6), scheme=st.sampled_from(["http", "https"]))
def test_a_layer_says_nothing_of_what_it_spares(
    layer: Layer, headers: list[tuple[bytes, bytes]], scheme: Literal["http", "https"]
) -> None:
    assert layer.decide is not None
    assert layer.spares
    if not layer.unless.isdisjoint(name for name, _ in headers):
        return
    for each in layer.spares:
        assert layer.decide(make_facts(each, headers=headers, scheme=scheme)) is None


def test_only_the_spared_methods_have_a_shorter_way_and_tolls_are_never_spared() -> None:
    layer = Layer("mine", decide=refuse, toll=lambda facts, exchange: None, spares=frozenset({"GET"}))
    stack = Stack.build([layer])
    assert [step[0] for step in stack.gate] == ["mine", "mine", "principal"]  # for WebSockets and unusual methods
    assert {method: len(steps) for method, steps in stack.gates.items()} == {
        method: 2 if method == "GET" else 3 for method in METHODS
    }


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 403), ("HEAD", 403), ("PROPFIND", 405)])
async def test_a_spared_method_passes_and_every_other_one_is_judged(method: str, status: int) -> None:
    onion = hardened(app, Layer("mine", decide=refuse, spares=frozenset({"GET"})))
    headers = [(b"sec-fetch-site", b"same-origin")]
    assert (await drive(onion, http_scope(method, b"/", headers))).status == status


@pytest.mark.anyio
async def test_a_header_ends_the_sparing_for_the_layer_that_names_it() -> None:
    layer = Layer("mine", decide=refuse, spares=frozenset({"GET"}), unless=frozenset({b"x-mine"}))
    for name, status in ((b"x-other", 200), (b"x-mine", 403)):
        assert (await drive(hardened(app, layer), http_scope("GET", b"/", [(name, b"1")]))).status == status


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_two_steps_with_one_function_each_tell_their_own_name() -> None:
    tolls = {"first": None, "second": _pass, "third": _pass}
    layers = [Layer(name, decide=refuse, toll=toll) for name, toll in tolls.items()]
    steps = Stack.build(layers).gate
    told = [steps[place][0] for place in steps.whole.places]
    assert told == [step[0] for step in steps] == ["first", "second", "second", "third", "third", "principal"]


class Unhashable:
    """A function with a state: Python makes what compares by value unhashable."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, facts: Any) -> Refuse:
        return refuse(facts)


def test_a_layer_may_be_any_callable() -> None:
    layer = Layer("mine", decide=Unhashable(), spares=frozenset({"GET"}), unless=frozenset({b"x-mine"}))
    gates = Stack.build([layer]).gates
    assert [len(gates[method].plain.places) for method in ("GET", "POST")] == [1, 2]


def _pass(facts: Any, exchange: Any) -> None: ...
