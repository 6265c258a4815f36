"""Import an application by reference: `package.module:attribute`, or `package.module:factory()`.

Threat: none of its own; the reference is the operator's, and importing a module runs it. Assumption: the
working directory holds the operator's own code. What can be mistyped is answered in one sentence; what the
user's own module raises is shown as it is.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType, TracebackType

from ..asgi.fitness import takes
from ..core.errors import GarrisonError
from .errors import AppBrokenError, AppRefusedError

# All that serving needs to know of an ASGI application. Its three arguments are left open, because every
# framework spells their types differently.
ASGIApp = Callable[..., Awaitable[object]]

_REFERENCE = re.compile(r"(?P<module>\w+(?:\.\w+)*):(?P<attribute>\w+(?:\.\w+)*)(?P<call>\(\))?")


def load_app(reference: str, *, folder: Path | None = None) -> ASGIApp:
    """The ASGI application that `reference` names, looked for in `folder` (the working directory) first.

    `folder` stays on `sys.path`, since applications import lazily. Raises `AppRefusedError` when the
    reference is mistyped or leads to something else than an ASGI application, `AppBrokenError` when the
    user's own code raises.
    """
    return _application(reference, load_named(reference, folder=folder), made=reference.endswith("()"))


def load_named(reference: str, *, folder: Path | None = None) -> object:
    """Whatever `reference` names. As `load_app`, for things that are no application."""
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise AppRefusedError(reference, f"{reference!r} is not a reference.", remedy=_right_form(reference))
    folder = (folder or Path.cwd()).absolute()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module = _import(reference, parts["module"], folder)
    found = _attribute(reference, module, parts["attribute"])
    return _call(reference, found) if parts["call"] else found


def _right_form(reference: str) -> str:
    module, _, attribute = reference.partition(":")
    dotted = module.removesuffix(".py").strip("./").replace("/", ".")
    if re.fullmatch(r"\w+(\.\w+)*", dotted):
        return f"Write module:attribute, here perhaps {dotted}:{attribute or 'app'}"
    return "Write module:attribute, for example main:app"


def _import(reference: str, name: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The module itself is missing, or a package above it. Missing what *it* imports is its own error.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            message = f"There is no module {error.name!r} in {folder} or among the installed packages."
            remedy = _nearest(error.name, [path.stem for path in folder.glob("*.py")])
            raise AppRefusedError(reference, message, remedy=remedy) from None
        raise _broken(reference, error) from error
    except Exception as error:  # importing runs the user's code, which may raise anything
        raise _broken(reference, error) from error


def _attribute(reference: str, module: ModuleType, path: str) -> object:
    found: object = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            where = f"The module {module.__name__!r}" if found is module else f"{type(found).__name__!r}"
            remedy = _nearest(name, _candidates(found))
            raise AppRefusedError(reference, f"{where} has no attribute {name!r}.", remedy=remedy) from None
    return found


def _candidates(holder: object) -> list[str]:
    own: dict[str, object] = getattr(holder, "__dict__", {})
    return [name for name, value in own.items() if callable(value)]


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else "Check the spelling."


def _call(reference: str, factory: object) -> object:
    if not callable(factory):
        raise AppRefusedError(reference, f"{reference!r} can't be called.", remedy="Leave the () out.")
    if not takes(factory, 0):
        raise AppRefusedError(reference, f"{reference!r} needs arguments.", remedy="Name a function that needs none.")
    try:
        made: object = factory()
    except Exception as error:  # the factory is the user's code, which may raise anything
        raise _broken(reference, error) from error
    return made


def _application(reference: str, found: object, *, made: bool) -> ASGIApp:
    if inspect.iscoroutine(found):
        found.close()
        raise AppRefusedError(
            reference, f"{reference!r} is an async function.", remedy="Make the factory a plain function."
        )
    if not callable(found):
        what = type(found).__name__
        raise AppRefusedError(reference, f"{reference!r} is of type {what!r}, not an ASGI application.")
    if isinstance(found, type) and not hasattr(found, "__await__"):
        raise AppRefusedError(reference, f"{reference!r} is a class.", remedy="Name an instance of it.")
    if takes(found, 3):
        return found
    remedy = _other_kind(reference, found, made)
    raise AppRefusedError(reference, f"{reference!r} is not an ASGI application.", remedy=remedy)


def _other_kind(reference: str, found: Callable[..., object], made: bool) -> str:
    if takes(found, 0) and not made:
        return f"If it makes the application, write {reference}()"
    if takes(found, 2):
        return "It looks like a WSGI application: wrap it, for example with a2wsgi.WSGIMiddleware."
    return "An ASGI application is called with scope, receive and send."


def _broken(reference: str, error: Exception) -> AppBrokenError:
    if isinstance(error, GarrisonError):
        return AppBrokenError(reference, f"{reference} hardens itself, and is refused. {error.message}", refused=error)
    own = _users_part(error.__traceback__)
    details = "".join(traceback.format_exception(type(error), error, own)).rstrip()
    summary = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    return AppBrokenError(reference, f"Loading {reference!r} failed: {summary}", details=details)


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without this file's and the import system's own frames at its head."""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name not in {__file__, importlib.__file__} and not name.startswith("<frozen importlib"):
            break
        trace = trace.tb_next
    return trace
