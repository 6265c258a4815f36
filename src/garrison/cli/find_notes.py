"""Find the reference application: inside the installed package, or in a checkout's `examples/`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..core.errors import DependencyError, OperatorError

if TYPE_CHECKING:
    from ..asgi.onion import Onion

_INSTALLED = "garrison.examples.notes"
_CHECKOUT = "examples.notes"
_PACKAGE = Path(__file__).resolve().parents[1]


class NotesMissing(OperatorError):
    """The reference application is not there."""

    def __init__(self) -> None:
        super().__init__(
            "The reference application is not part of this installation.",
            remedy="Install the package from its wheel, or run from a checkout.",
        )


class DemoExtraMissing(DependencyError):
    """A package that the reference application needs is not installed. `package` is its name, where it is known."""

    def __init__(self, package: str, message: str = "") -> None:
        super().__init__(
            message or f"The demo needs the package {package!r}, which is not installed.",
            remedy='Install it with: pip install "garrison[demo]"',
        )
        self.package = package


class Notes:
    """The application's module, behind the few calls that the demo makes."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def settings(self, data: Path) -> Any:
        """Settings for a seeded development run with its data in `data`."""
        return self._module.Settings(environment="development", seed=True, data=data)

    def hardened(self, settings: Any) -> Onion:
        """The application behind its own policy. Raises `OperatorError`, `DemoExtraMissing`."""
        try:
            app: Onion = self._module.hardened(settings)
        except ImportError as error:
            raise DemoExtraMissing(error.name or "", str(error)) from error
        return app

    def login(self, settings: Any) -> tuple[str, str]:
        """Mail address and password of the seeded user."""
        email = importlib.import_module(f"{self._module.__name__}.settings").DEMO_EMAIL
        return str(email), str(settings.demo_password.reveal())


def find_notes() -> Notes:
    """The reference application. Raises `NotesMissing`, `DemoExtraMissing`."""
    root = _root()
    if root == _PACKAGE:
        return Notes(_import(_INSTALLED))
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return Notes(_import(_CHECKOUT))


def policy_file() -> Path:
    """The policy of the reference application. Raises `NotesMissing`."""
    return _root() / "examples" / "notes" / "garrison.toml"


def _root() -> Path:
    for root in (_PACKAGE, _PACKAGE.parents[1]):
        if (root / "examples" / "notes").is_dir():
            return root
    raise NotesMissing


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or f"{name}.".startswith(f"{error.name}."):
            raise
        raise DemoExtraMissing(error.name) from error
