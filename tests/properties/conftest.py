"""Property tests say nothing about time: a loaded machine must not fail them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("garrison", deadline=None)
settings.load_profile("garrison")
