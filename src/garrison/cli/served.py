"""The application that `garrison serve` serves, hardened; also what the child of `--reload` imports."""

from __future__ import annotations

import os

from ..asgi.onion import Onion
from ..serve.load import load_app
from ..wire import harden
from .hold import open_first_secret
from .options import load_policy
from .serve import RELOADED


def app() -> Onion:
    """The application behind the policy; one that hardens itself is served as it is."""
    open_first_secret(load_policy(None).policy)
    found = load_app(os.environ[RELOADED])
    return found if isinstance(found, Onion) else harden(found)
