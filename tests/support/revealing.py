"""References of a policy, resolved as `wire.py` resolves them."""

from __future__ import annotations

from collections.abc import Mapping

from garrison.core.ports import Reveal
from garrison.policy.model import Policy
from garrison.secrets.resolver import Resolver


def revealing(environ: Mapping[str, str]) -> Reveal:
    """What references into `environ`, and into files, stand for."""
    resolver = Resolver.from_policy(Policy(), environ)
    return lambda reference: resolver.read(reference).reveal()
