"""What this version is called, for receivers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _own() -> str:
    try:
        return version("garrison")
    except PackageNotFoundError:  # run from its source without being installed
        return "0"


VERSION = _own()
