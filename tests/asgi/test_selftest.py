"""The rehearsal at start: a layer that lets its attack through stops the start, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from garrison.asgi.selftest import ANSWER_TRIALS, TRIALS, ControlSilent
from garrison.core.layer import Layer
from garrison.core.ports import Services
from garrison.core.verdict import Mode
from garrison.layers import order
from garrison.policy.model import SECTIONS, Policy
from tests.asgi.driving import Message, Receive, Send, hardened

Compile = Callable[[Policy, Services], Layer]
TRIED = sorted({trial.layer for trial in (*TRIALS, *ANSWER_TRIALS)})
SILENCE = {"decide": None, "toll": None, "peek": None, "amend": None, "sets": (), "drops": ()}
ASKED: dict[str, Any] = {
    "control": {"disabled": True}, "cors": {"origins": ["https://app.example"]}, "graphql": {"paths": ["/graphql"]},
}  # fmt: skip


async def app(scope: Message, receive: Receive, send: Send) -> None: ...


def silenced(name: str) -> tuple[Compile, ...]:
    """The order of defences with the layer `name` doing nothing, and saying that it is there."""

    def silence(compile_layer: Compile) -> Compile:
        def build(policy: Policy, services: Services) -> Layer:
            layer = compile_layer(policy, services)
            return replace(layer, **SILENCE) if layer.name == name else layer

        return build

    return tuple(silence(compile_layer) for compile_layer in order.ORDER)


@pytest.mark.parametrize("name", TRIED)
def test_a_layer_that_silently_does_nothing_stops_the_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {name: ASKED[name]} if name in ASKED else {}
    hardened(app, **changes)  # control: the true layer passes its trial
    monkeypatch.setattr(order, "ORDER", silenced(name))
    with pytest.raises(ControlSilent) as stopped:
        hardened(app, **changes)
    assert (stopped.value.layer, stopped.value.route) == (name, "default")
    assert stopped.value.attack in str(stopped.value)


def test_a_layer_that_is_silent_in_one_route_class_only_stops_the_start_and_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = order.ORDER

    def build(policy: Policy, services: Services) -> Layer:
        (layer,) = [one for one in (compile_layer(policy, services) for compile_layer in real) if one.name == "host"]
        return replace(layer, decide=None) if policy.route_name == "shop" else layer

    monkeypatch.setattr(order, "ORDER", (build,))
    with pytest.raises(ControlSilent, match="'shop'"):
        hardened(app, routes=[{"name": "shop", "paths": ["/shop"], "host": {"ports": [443]}}])


@pytest.mark.parametrize("name", ["host", "method", "target", "size", "content", "origin", "csrf", "control", "client"])
def test_every_layer_that_refuses_by_itself_is_tried(name: str) -> None:
    assert name in {trial.layer for trial in TRIALS}


@pytest.mark.parametrize("mode", [Mode.MONITOR, Mode.OFF])
@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("preset", ["browser", "api", "compat"])
def test_no_honest_policy_fails_its_own_trial(preset: str, section: str, mode: Mode) -> None:
    given: dict[str, Any] = {"mode": mode, "allow_insecure_off": "a test"}
    hardened(app, preset=preset, hosts=["testserver"], **{section: given})


@pytest.mark.parametrize(
    "policy",
    [
        {"routes": [{"name": "probe", "paths": ["/health"], "health": True, "host": {"allow_ip": True}}]},
        {"target": {"control_characters": "pass"}},
        {"content": {"types": ["text/*", "image/png"]}},
        {"content": {"types": ["application/*"]}},
        {"cors": {"origins": ["*"]}},
        {"cookies": {"leave": ["selftest"]}},
        {"csrf": {"require": "always"}},
        {"hosts": ["*.example.com"]},
        {"proxies": ["10.0.0.0/8", "unix"]},
    ],
)
def test_unusual_policies_start(policy: dict[str, Any]) -> None:
    hardened(app, **policy)
