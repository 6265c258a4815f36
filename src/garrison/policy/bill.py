"""The file with the bill of materials that a policy names: one reading of it, for the check at the start and for the
bundle of evidence. That it is true is not looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_LARGEST: Final = 64 * 1024**2


class NoBill(ValueError):
    """It is no bill of materials; the text says why, as the end of a sentence."""


def read_bill(file: Path) -> tuple[bytes, dict[str, Any]]:
    """The bytes of `file` and what they say. Raises `NoBill`."""
    try:
        if not file.is_file():
            raise NoBill("there is no such file")
        if file.stat().st_size > _LARGEST:
            raise NoBill(f"it has more than {_LARGEST // 1024**2} MB")
        raw = file.read_bytes()
        data = json.loads(raw)
    except OSError as error:
        raise NoBill(error.strerror or type(error).__name__) from None
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, NoBill) else NoBill("it is no JSON") from None
    if not isinstance(data, dict) or data.get("bomFormat") != "CycloneDX":
        raise NoBill("it is not in the format CycloneDX")
    return raw, data
