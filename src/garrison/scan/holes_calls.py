"""Rules on calls and settings that are dangerous by themselves: G2xx, but for those of `holes_crypto`."""

from __future__ import annotations

from typing import Final

from ..findings.severity import Severity
from .routes_catalogue import Text

_HIGH, _MEDIUM, _LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW

LOADS: Final = Text(
    "G201", "Deserialiser that runs code", _MEDIUM, "Whoever writes the data runs code.",
    "JSON with a model, or a signature checked before.", (502,),
)  # fmt: skip
SHELL: Final = Text(
    "G202", "Shell with text put together", _MEDIUM, "What stands in the text becomes a command.",
    "Pass a list of arguments, without shell=True.", (78,),
)  # fmt: skip
EVAL: Final = Text(
    "G203", "eval or exec of something not written here", _HIGH, "Whoever writes the text runs code.",
    "Parse instead, or call a function by name from a table.", (95,),
)  # fmt: skip
FETCHED_CODE: Final = Text(
    "G204", "Code installed or run at run time", _HIGH, "Who controls the source runs code here.",
    "Ship and lock it with hashes; verify a signature before use.", (494,),
)  # fmt: skip
UNPACK: Final = Text(
    "G205", "Archive unpacked anywhere", _HIGH, "Members with `../` write outside the folder.",
    "tarfile: extractall(…, filter='data').", (22,),
)  # fmt: skip
MODE: Final = Text(
    "G206", "File that everybody may write", _MEDIUM, "Any local user changes it.",
    "0o600 for secrets, 0o640 or 0o644 for the rest.", (732,),
)  # fmt: skip
CORS: Final = Text(
    "G207", "CORS opens to every origin with credentials", _HIGH, "Any site acts as the visitor.",
    "List the origins; harden(app) refuses this combination.", (942,),
)  # fmt: skip
DEBUG: Final = Text(
    "G208", "Debug mode on", _MEDIUM, "Tracebacks and values reach clients.",
    "Take it from a setting that is off in production.", (489,),
)  # fmt: skip
COOKIE: Final = Text(
    "G209", "Cookie without Secure or HttpOnly", _MEDIUM, "The network or script reads it.",
    "secure=True, httponly=True, samesite='lax'; harden(app) sets them.", (614, 1004),
)  # fmt: skip
XML: Final = Text(
    "G210", "XML parser that follows entities", _HIGH, "Files and internal pages are read out.",
    "defusedxml, or resolve_entities=False, no_network=True.", (611,),
)  # fmt: skip
AUTOESCAPE: Final = Text(
    "G223", "Templates without escaping", _HIGH, "Script in any value runs in browsers.",
    "autoescape=True or select_autoescape().", (79,),
)  # fmt: skip
SWALLOWED: Final = Text(
    "G225", "Failure that nobody sees", _LOW, "Attacks and faults pass unnoticed.",
    "Catch what you expect, log it as an event, and end the way that fails secure.", (390, 778),
)  # fmt: skip
FAIL_OPEN: Final = Text(
    "G226", "Check that opens when it fails", _HIGH, "Break the check, and everything is allowed.",
    "Return False or raise in the handler.", (636,),
)  # fmt: skip
TRACE: Final = Text(
    "G227", "Inner detail in an answer", _MEDIUM, "Paths, versions and data help the next attack.",
    "Log the error, answer with a number to ask about; harden(app) holds back 500s.", (209,),
)  # fmt: skip
ASSERT: Final = Text(
    "G228", "Right checked by assert", _MEDIUM, "python -O takes the check away.", "if not …: raise.", (617,),
)  # fmt: skip
TEMPORARY: Final = Text(
    "G229", "Temporary name that others can take", _MEDIUM, "A link put there first gets the data.",
    "tempfile.NamedTemporaryFile or mkstemp.", (377,),
)  # fmt: skip
