"""The order of defences, written once.

A request meets them from top to bottom, its answer from bottom to top. Cheap refusals come first, what needs state
later, and nothing that depends on the client's content before its size is known.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.layer import Layer
from ..core.ports import Services
from ..policy.model import Policy
from . import (
    bans,
    body,
    cache,
    client,
    content,
    control,
    cookies,
    cors,
    csp,
    csrf,
    errors,
    graphql,
    headers,
    host,
    load,
    method,
    origin,
    rate,
    reports,
    size,
    target,
    websocket,
)

Compile = Callable[[Policy, Services], Layer]

ORDER: tuple[Compile, ...] = (
    bans.compile,  # who was told to stay away
    client.compile,  # who is asking, as far as the network tells
    control.compile,  # the operator's switches
    host.compile,  # which site is meant
    method.compile,  # what may be done at all
    target.compile,  # a path that two parsers read alike
    size.compile,  # header block and body
    content.compile,  # what kind of body
    rate.compile,  # how often, by address; later by principal
    load.compile,  # how much at once; what was refused so far does not count
    cache.compile,  # on the way out this comes after CSRF: an answer that carries a token is personal
    cors.compile,  # who may read answers from elsewhere
    origin.compile,  # where a request with side effects comes from
    csrf.compile,  # and that our own pages sent it
    body.compile,  # what the body holds; nothing before this needs to read it whole
    graphql.compile,  # what a GraphQL document asks for
    websocket.compile,  # messages, once a connection stands
    reports.compile,  # what browsers report back
    headers.compile,  # from here on: what answers carry
    csp.compile,
    cookies.compile,
    errors.compile,
)


def compile_layers(policy: Policy, services: Services) -> tuple[Layer, ...]:
    """Every layer for `policy`, which is already effective for one route class."""
    return tuple(compile_layer(policy, services) for compile_layer in ORDER)
