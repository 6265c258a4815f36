"""Garrison: security hardening for Python web applications.

>>> from garrison import harden
>>> app = harden(app)  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .policy import Policy, RouteClass
    from .wire import harden

__version__ = "0.1.0"

__all__ = ["Policy", "RouteClass", "__version__", "harden"]

_HOMES = {"Policy": ".policy", "RouteClass": ".policy", "harden": ".wire"}


def __getattr__(name: str) -> object:
    """Import on first use: `garrison --help` and a module of the core should not wait for everything else."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value
