"""What is asked of the transit engine of Vault or OpenBao, and what its answers mean. No key ever comes here.

Everything is asked in batches: one way in, whether it is one value or a thousand. The engine answers 400 when all items
of a batch are bad, 200 with an error in some when a few are, and 400 without items when the key is the wrong one.

Source: OpenBao API documentation, transit secrets engine.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .errors import SecretError, SecretMissing, SourceAway, TransitRefused
from .vault import Vault

Item = Mapping[str, str]
_PARTIAL: Final = {"partial_failure_response_code": 200}


class Transit:
    """One key of the engine behind `vault`. Every method blocks, and raises `TransitRefused`, `SourceAway`, and
    `SecretError` for what keeps us from logging in."""

    def __init__(self, vault: Vault, name: str) -> None:
        self._vault = vault
        self.mount = vault.section.transit_mount
        self.name = name

    def batch(self, operation: str, items: Sequence[Item]) -> list[Mapping[str, Any]]:
        """What became of each of `items`, in their order; those that are bad have an `error`."""
        data = self._post(f"{operation}/{self.name}", {"batch_input": list(items), **_PARTIAL})
        found = data.get("batch_results")
        if not isinstance(found, list) or len(found) != len(items) or not all(isinstance(one, dict) for one in found):
            why = "its answer is not one of the transit engine"
            raise SourceAway(self._vault.place, why, "See what answers there.")
        return found

    def describe(self) -> Mapping[str, Any]:
        """The key as the engine describes it: its kind, its versions, its public keys."""
        path = f"{self.mount}/keys/{self.name}"
        answer = self._ask(path, lambda client: client.read(path), "read")
        if not isinstance(answer, Mapping) or not isinstance(answer.get("data"), Mapping):
            remedy = f"Make it: `bao write -f {path}`, with `type=ed25519` for signatures."
            raise TransitRefused(self.name, f"there is none at {self.mount}", remedy)
        return dict(answer["data"])

    def rotate(self) -> None:
        """A new version of the key, for whatever is encrypted or signed from now on."""
        self._post(f"keys/{self.name}/rotate", {})

    def _post(self, path: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        path = f"{self.mount}/{path}"
        answer = self._ask(path, lambda client: self._written(client, path, data), "update")
        return answer if isinstance(answer, Mapping) else {}

    def _written(self, client: Any, path: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        errors = importlib.import_module("hvac.exceptions")
        refused: Any = None
        try:
            answer = client.write_data(path, data=data)
            return answer["data"] if isinstance(answer, Mapping) else {}
        except errors.InvalidRequest as error:
            refused = error
        items = refused.json.get("data") if isinstance(refused.json, Mapping) else None
        if isinstance(items, Mapping) and "batch_results" in items:
            return items
        raise TransitRefused(self.name, _reason(refused), "See `garrison secrets doctor`: is it a key for that?")

    def _ask(self, path: str, call: Any, right: str) -> Any:
        line = f'path "{path}" {{ capabilities = ["{right}"] }}'
        try:
            return self._vault.logged_in(lambda client: self._vault.ask(path, lambda: call(client), line))
        except SecretError as error:
            if error.place != path:
                raise  # of the log-in
            if isinstance(error, SecretMissing):
                why, remedy = (
                    f"there is no transit engine at {self.mount}",
                    "Enable it, or correct vault.transit_mount.",
                )
                raise TransitRefused(self.name, why, remedy) from None
            raise TransitRefused(self.name, getattr(error, "why", str(error)), error.remedy) from None


_KNOWN: Final = {
    "does not support": "it is a key of another kind",
    "key not found": "there is no such key",
    "missing 'context'": "it is derived, and needs a context",
}


def _reason(error: Any) -> str:
    """The engine's reason, in words of ours: its own could hold what was sent."""
    said = " ".join(str(one) for one in error.errors or ())
    return next((ours for theirs, ours in _KNOWN.items() if theirs in said), "the engine does not take the request")
