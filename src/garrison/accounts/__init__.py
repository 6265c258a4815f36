"""Building blocks for accounts. So far: the session that CSRF tokens are bound to."""

from .sessions import Sessions

__all__ = ["Sessions"]
