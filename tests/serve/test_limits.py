"""The server's limits come from the policy, and never stand tighter than a layer's."""

from __future__ import annotations

from garrison import Policy
from garrison.serve.limits import Limits

DEV = {"environment": "development"}


def test_the_keys_of_the_policy_are_the_limits() -> None:
    limits = Limits.of(Policy(**DEV, serve={"header": "3 s", "body_rate": "2 KB", "connections": 7}))
    assert (limits.header, limits.body_rate, limits.connections) == (3.0, 2048, 7)


def test_the_defaults_are_those_of_the_policy() -> None:
    assert Limits.of(Policy(**DEV)) == Limits()


def test_the_widest_route_class_counts() -> None:
    upload = {"name": "wide", "paths": ["/wide"], "size": {"header_count": 500}, "websocket": {"message": "1 MB"}}
    limits = Limits.of(Policy(**DEV, routes=[upload]))
    assert limits.header_count >= 500
    assert limits.message == 1024**2


def test_a_request_a_little_over_a_layers_cap_still_reaches_the_layer() -> None:
    policy = Policy(**DEV)
    assert Limits.of(policy).header_bytes > policy.size.header_bytes + policy.target.max_length
    assert Limits.of(policy).header_count > policy.size.header_count
