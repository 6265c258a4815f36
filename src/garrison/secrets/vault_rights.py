"""Which rights our log-in has at Vault or OpenBao, asked beforehand: a line that is missing is found by `doctor`, and
not by the first request that needs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .errors import NotPermitted
from .vault import Vault

_PATH: Final = "sys/capabilities-self"
LINE: Final = f'path "{_PATH}" {{ capabilities = ["update"] }}'
"""The line of a server policy that lets this be asked."""


def line_of(path: str, right: str) -> str:
    """The line of a server policy that gives `right` at `path`."""
    return f'path "{path}" {{ capabilities = ["{right}"] }}'


def lacking(vault: Vault, rights: Iterable[tuple[str, str]]) -> list[str]:
    """The lines for those of `rights`, by path, that our log-in does not have. Blocks. Raises as `Vault.read`."""
    asked = dict(rights)
    data = {"paths": list(asked)}
    found = vault.logged_in(
        lambda client: vault.ask(_PATH, lambda: dict(client.write_data(_PATH, data=data)["data"]), LINE)
    )
    return [line_of(path, right) for path, right in asked.items() if not {"root", right} & set(found.get(path) or ())]


def demand(vault: Vault, what: str, rights: Iterable[tuple[str, str]]) -> None:
    """Raise `NotPermitted` with the lines that are missing for `what`."""
    lines = lacking(vault, rights)
    if lines:
        raise NotPermitted(what, "permission is denied by the server", f"Its policy lacks: {' '.join(lines)}")
