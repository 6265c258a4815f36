from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.serve.errors import AppBrokenError, AppRefusedError
from garrison.serve.load import load_app

APP = """
async def app(scope, receive, send): ...

class Application:
    async def __call__(self, scope, receive, send): ...

class Awaitable:
    def __init__(self, scope, receive, send): ...
    def __await__(self): yield

class Holder:
    inner = Application()

instance = Application()
holder = Holder()
number = 7

def create(): return app
def create_with(settings): return app
async def create_async(): return app
def create_number(): return 7
def create_broken(): raise RuntimeError("no database")
def wsgi(environ, start_response): ...
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working directory of the user's; what it put into the import system is taken out again."""
    before, path = set(sys.modules), list(sys.path)
    (tmp_path / "site_app.py").write_text(APP)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "main.py").write_text(APP)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    "reference",
    [
        "site_app:app",
        "site_app:instance",
        "site_app:holder.inner",
        "site_app:Awaitable",
        "site_app:create()",
        "shop.main:app",
    ],
)
def test_an_application_is_found_by_reference_in_the_folder(reference: str, folder: Path) -> None:
    assert callable(load_app(reference, folder=folder))


def test_the_working_directory_is_where_to_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    assert load_app("site_app:app") is sys.modules["site_app"].app


@pytest.mark.parametrize(
    ("reference", "message", "remedy"),
    [
        ("site_app", "not a reference", "site_app:app"),
        ("site_app.py", "not a reference", "site_app:app"),
        ("./shop/main.py:app", "not a reference", "shop.main:app"),
        ("site_app:", "not a reference", "site_app:app"),
        (":app", "not a reference", "main:app"),
        ("", "not a reference", "main:app"),
        ("site_app:app; import os", "not a reference", "module:attribute"),
        ("site_ap:app", "no module 'site_ap'", "Did you mean 'site_app'?"),
        ("quite_unknown:app", "no module 'quite_unknown'", "spelling"),
        ("shop.mian:app", "no module 'shop.mian'", ""),
        ("quite.unknown:app", "no module 'quite'", ""),
        ("site_app:ap", "no attribute 'ap'", "Did you mean 'app'?"),
        ("site_app:holder.outer", "no attribute 'outer'", ""),
        ("site_app:number", "type 'int'", ""),
        ("site_app:number()", "can't be called", "()"),
        ("site_app:Application", "is a class", "instance"),
        ("site_app:create", "not an ASGI application", "site_app:create()"),
        ("site_app:create_async()", "async function", "plain function"),
        ("site_app:create_with()", "needs arguments", ""),
        ("site_app:create_number()", "type 'int'", ""),
        ("site_app:wsgi", "not an ASGI application", "WSGI"),
    ],
)
def test_a_mistyped_reference_is_answered_in_a_sentence(
    reference: str, message: str, remedy: str, folder: Path
) -> None:
    with pytest.raises(AppRefusedError) as refused:
        load_app(reference, folder=folder)
    assert not isinstance(refused.value, AppBrokenError)
    assert message in refused.value.message
    assert remedy in refused.value.remedy
    assert refused.value.target == reference


@pytest.mark.parametrize(
    ("source", "summary"),
    [
        ("import quite_absent", "No module named 'quite_absent'"),
        ("import broken.part", "No module named 'broken.part'"),
        ("from os import quite_absent", "cannot import name"),
        ("app = undefined_name", "name 'undefined_name' is not defined"),
        ("raise KeyError('SETTING')", "KeyError: 'SETTING'"),
        ("def app(:", "invalid syntax"),
    ],
)
def test_an_error_inside_the_user_s_module_is_shown_as_what_it_is(source: str, summary: str, folder: Path) -> None:
    (folder / "broken.py").write_text(f"x = 1\n{source}\n")

    with pytest.raises(AppBrokenError) as broken:
        load_app("broken:app", folder=folder)
    assert summary in broken.value.message
    assert f'{folder / "broken.py"}", line 2' in broken.value.details
    assert "importlib" not in broken.value.details
    assert "load.py" not in broken.value.details
    assert broken.value.__cause__ is not None


def test_an_application_that_hardens_itself_unsafely_is_told_what_to_do_and_shown_no_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GARRISON_KEY", "GARRISON_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    (folder / "hard.py").write_text("from garrison import harden\napp = harden(print, 'none.toml')\n")
    with pytest.raises(AppBrokenError, match=r"hard:app hardens itself, and is refused. .*none.toml") as broken:
        load_app("hard:app", folder=folder)
    assert broken.value.details == ""
    assert "own code" not in broken.value.remedy


def test_an_error_inside_the_user_s_factory_is_shown_as_what_it_is(folder: Path) -> None:
    with pytest.raises(AppBrokenError, match="no database") as broken:
        load_app("site_app:create_broken()", folder=folder)
    assert "in create_broken" in broken.value.details
    assert "load.py" not in broken.value.details


def test_a_module_that_leaves_the_program_may_do_so(folder: Path) -> None:
    """SystemExit and KeyboardInterrupt are the user's wish, not an error."""
    (folder / "leaving.py").write_text("import sys\nsys.exit(7)\n")

    with pytest.raises(SystemExit):
        load_app("leaving:app", folder=folder)
