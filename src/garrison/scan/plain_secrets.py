"""Whether a variable holds a secret in plain text, by its name and what it is set to. Pure.

Lets pass: secrets under a name that does not say so. References, paths, numbers and words for "on" are no secrets.
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(
    r"(?:^|[_-])(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?"
    r"|(?:secret|api|private|encryption|signing|access|master|root|garrison)[_-]?key)$|^secret[_-]key[_-]base$",
    re.IGNORECASE,
)
_IN_ADDRESS: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^\s/:@]*:([^\s/@]+)@", re.IGNORECASE)
_NOTHING: Final = re.compile(
    r"|true|false|yes|no|on|off|none|null|\d{1,5}|<[^>]*>|\*+|x+|[/~.%].*|(?:env|file|mounted|sealed|vault|keyring|aws):.*",
    re.I,
)
_TAKEN: Final = re.compile(r"\$\$|\$\{[A-Za-z_]\w*(?::?[-+]([^}]*)|:?\?[^}]*)?\}|\$[A-Za-z_]\w*")
"""`$NAME`, `${NAME}`, `${NAME:?it is missing}`, and `${NAME:-what it is otherwise}`."""


def plain_secret(name: str, value: str) -> bool:
    """Whether `name` promises a secret, or the value is an address with a password, and it is written there."""
    given = value.strip().strip("\"'")
    address = _IN_ADDRESS.match(given)
    if address is not None:
        return _written(address[1])
    return bool(_NAME.search(name)) and _written(given)


def _written(value: str) -> bool:
    """What is left when everything taken from elsewhere is gone; a default counts as written."""
    left = _TAKEN.sub(lambda found: found[1] or "", value)
    return _NOTHING.fullmatch(left.strip()) is None


_GIVEN: Final = re.compile(r"--([\w-]+)[= ]([^\s-]\S*)")


def given_secret(command: str) -> str:
    """The first option of a command line that hands over a secret in plain text; empty where none does."""
    return next((name for name, value in _GIVEN.findall(command) if plain_secret(name, value)), "")
