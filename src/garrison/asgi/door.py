"""One route class, compiled: what the onion needs to judge and answer requests of that class."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.stack import Stack
from ..layers.errors import Renderer
from ..policy.model import Policy


@dataclass(frozen=True, slots=True)
class Door:
    """`hold` are the statuses whose answers wait until it is known whether they may go out as they are."""

    name: str
    policy: Policy
    stack: Stack
    render: Renderer
    hold: frozenset[int]
    safe_validation: bool
    safe_errors: bool

    @classmethod
    def build(cls, policy: Policy, stack: Stack, render: Renderer) -> Door:
        """The door of `policy`, which is already effective for its route class."""
        active = stack.find("errors") is not None
        validation = active and policy.errors.validation == "safe"
        errors = active and policy.errors.unhandled == "safe"
        hold = frozenset({422} if validation else ()) | frozenset({500} if errors else ())
        return cls(policy.route_name, policy, stack, render, hold, validation, errors)
