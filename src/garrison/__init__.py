"""Garrison: security hardening for Python web applications.

>>> from garrison import harden
>>> app = harden(app)  # doctest: +SKIP
"""

from .policy import Policy, RouteClass
from .wire import harden

__version__ = "0.1.0"

__all__ = ["Policy", "RouteClass", "__version__", "harden"]
