"""The policy file: which one it is, and its raw values.

Threat: a file that is not what it seems (a pipe that never ends, a device, megabytes of text) stops the start without
a word. Lets pass: symbolic links, which orchestrators use to mount configuration.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..core.errors import OperatorError

FILE_NAME: Final = "garrison.toml"
PROJECT_FILE: Final = "pyproject.toml"
VARIABLE: Final = "GARRISON_POLICY"
MAX_BYTES: Final = 1024 * 1024


class PolicyFileUnreadable(OperatorError):
    """The policy file is missing, not UTF-8, not TOML, or too large. `path` is that file."""

    def __init__(self, path: Path, problem: str, remedy: str = "") -> None:
        super().__init__(f"The policy file {path} {problem}.", remedy=remedy)
        self.path = path


def find_file(environ: Mapping[str, str], folder: Path) -> Path | None:
    """`GARRISON_POLICY`, else `garrison.toml`, else a pyproject.toml with `[tool.garrison]`, in `folder`."""
    if named := environ.get(VARIABLE):
        return Path(named)
    if os.path.lexists(own := folder / FILE_NAME):  # a dangling link is refused when it is read, not passed over
        return own
    project = folder / PROJECT_FILE
    return project if project.is_file() and _has_policy(project) else None


def _has_policy(project: Path) -> bool:
    """Whether a pyproject.toml holds our table; one that can't be read is some other tool's matter."""
    try:
        text = _text(project)
        return "garrison" in text and "garrison" in _table(tomllib.loads(text), "tool")
    except (PolicyFileUnreadable, ValueError, RecursionError):
        return False


def read_file(path: Path) -> tuple[dict[str, Any], str]:
    """The raw values of a policy file and its text. Raises `PolicyFileUnreadable`."""
    text = _text(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyFileUnreadable(path, f"is not valid TOML: {error}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, arrays nested without end
        raise PolicyFileUnreadable(path, "holds a value that no TOML parser can take") from None
    if path.name != PROJECT_FILE:
        return values, text
    section = _table(values, "tool").get("garrison", {})
    if not isinstance(section, dict):
        raise PolicyFileUnreadable(path, "has `tool.garrison`, which is not a table", "Write [tool.garrison].")
    return section, text


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PolicyFileUnreadable(path, "is not a plain file", "Name a file.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise PolicyFileUnreadable(path, "is larger than 1 MB", "A policy is a page or two.")
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise PolicyFileUnreadable(path, "does not exist", "Write one with `garrison init`.") from None
    except OSError as error:
        raise PolicyFileUnreadable(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PolicyFileUnreadable(path, f"is not UTF-8 (byte {error.start + 1})", "Save it as UTF-8.") from None
