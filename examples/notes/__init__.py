"""A team's notes: the reference application.

Written as the secure coding guidelines would have it; tests, screenshots and benchmarks use it.

    from examples.notes import Settings, create_app, hardened

    app = hardened(Settings(environment="development", seed=True))
"""

from .app import create_app, default_policy, hardened
from .settings import Settings

__all__ = ["Settings", "create_app", "default_policy", "hardened"]
