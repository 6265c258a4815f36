"""What is wanted: one validated policy, the single source of truth."""

from .model import Policy, RouteClass

__all__ = ["Policy", "RouteClass"]
