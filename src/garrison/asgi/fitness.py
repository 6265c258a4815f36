"""Whether what `harden` is given can be hardened: told at the start, not by a 500 at the first request.

Threat: a WSGI application, a class in place of its instance, or nothing at all is wrapped without complaint, and the
deployment that looked well answers every request with an error; an application that is wrapped twice counts every
request twice and writes every event twice.
Lets pass: a callable whose signature can't be read, which only a call could judge.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

from ..core.errors import OperatorError
from ..core.layer import Layer
from ..policy.model import Policy
from .onion import Onion


class Unfit(OperatorError):
    """`harden` was given something that it can't work with."""


def refuse_unfit(app: object, policy: object, layers: object) -> None:
    """Raises `Unfit` for anything but an ASGI application, a policy or its path, and layers or functions."""
    if isinstance(app, Onion):
        raise Unfit("The application is behind Garrison already.", remedy="Call harden() once, on the original.")
    if isinstance(app, type):
        raise Unfit(f"{app.__name__} is a class, not an application.", remedy="Give harden() an instance of it.")
    if not callable(app) or not takes(app, 3):
        wsgi = callable(app) and takes(app, 2)
        raise Unfit(
            f"harden() was given {_named(app)}, which is no ASGI application.",
            remedy="It looks like WSGI: wrap it first, for example with a2wsgi.WSGIMiddleware."
            if wsgi
            else "An ASGI application is called with scope, receive and send.",
        )
    if policy is not None and not isinstance(policy, Policy | str | Path):
        raise Unfit(f"The policy is {_named(policy)}.", remedy="Give harden() a Policy(...) or the path of a file.")
    for layer in layers if isinstance(layers, list | tuple) else ():
        if not isinstance(layer, Layer) and not callable(layer):
            raise Unfit(f"Among the layers is {_named(layer)}.", remedy="A layer is a Layer or a function of facts.")


def _named(thing: object) -> str:
    return "None" if thing is None else f"something of type {type(thing).__name__!r}"


def takes(function: Callable[..., object], count: int) -> bool:
    """Whether `function` can be called with so many positional arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # built in, without a signature: let the call itself decide
        return True
    return True
