"""Secrets in the keyring of the user's session: GNOME Keyring, KWallet, macOS Keychain, Windows Credential Manager.

For people who work on a sealed file at their own machine; a server has no session and no keyring. Threat: a back end of
the library that keeps passwords in a readable file, or takes any and keeps none, stands in for a real keyring; a locked
one that asks a person who is not there. Lets pass: every program of the same session, which may ask as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any, Final

from ..policy.reference import Reference
from .errors import SecretRefused, SourceAway
from .secret import Secret
from .source import as_secret

SECONDS: Final = 10.0
_REAL: Final = ("SecretService", "libsecret", "kwallet", "macOS", "Windows")
_UNLOCK: Final = "Unlock the keyring of your session, or keep the secret elsewhere."


class KeyringSource:
    """`keyring:SERVICE/NAME`."""

    scheme = "keyring"

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`."""
        service, _, name = reference.name.partition("/")
        place = f"the keyring of this session, under {reference.name}"
        backend = _backend(place)
        text = self._within(place, lambda: backend.get_password(service, name))
        return as_secret(text or "", place, f"Set it: `keyring set {service} {name}` asks for it.")

    def _within(self, place: str, ask: Callable[[], Any]) -> Any:
        """What `ask` gives, in bounded time: a locked keyring asks a person, who may not be there."""
        answers: list[Any] = []
        failures: list[str] = []

        def run() -> None:
            try:
                answers.append(ask())
            except Exception as error:  # noqa: BLE001 - each back end raises errors of its own; only their kind is told
                failures.append(type(error).__name__)

        thread = Thread(target=run, daemon=True, name="garrison-keyring")
        thread.start()
        thread.join(self._seconds)
        if not answers:
            why = failures[0] if failures else f"it has not answered for {self._seconds:g} seconds"
            raise SourceAway(place, why, _UNLOCK)
        return answers[0]


def _backend(place: str) -> Any:
    try:
        import keyring
    except ImportError:
        why, remedy = "the package 'keyring' is not installed", 'Install it with: pip install "garrison[keyring]"'
        raise SourceAway(place, why, remedy) from None
    backend = keyring.get_keyring()
    for one in _each(backend):
        module = type(one).__module__
        if module == "keyring.backends.fail":
            raise SourceAway(place, "there is no keyring in this session", _UNLOCK)
        if module not in {f"keyring.backends.{name}" for name in _REAL}:
            why = f"the back end {module} is no keyring of the operating system"
            raise SecretRefused(place, why, "Choose another in keyringrc.cfg: `keyring --list-backends`.")
    return backend


def _each(backend: Any) -> Iterator[Any]:
    """The back ends behind one that asks several."""
    if type(backend).__module__ == "keyring.backends.chainer":
        yield from backend.backends
    else:
        yield backend
