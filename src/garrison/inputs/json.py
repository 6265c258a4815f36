"""JSON, bounded before it is parsed: `loads` in the place of `json.loads`. What it does stands in `core.json_guard`."""

from __future__ import annotations

from ..core.json_guard import DEFAULT, JsonLimits, JsonRefused, inspect, loads

__all__ = ["DEFAULT", "JsonLimits", "JsonRefused", "inspect", "loads"]
