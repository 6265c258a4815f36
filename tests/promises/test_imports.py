"""Imports follow the room table, and the protocol of the server stays in the rooms made for it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.rooms import faults, parse_rows, row_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "garrison"
TABLE = ["core:", "policy: core", "stores: core policy", "layers: core policy stores", "asgi: layers+", "cli: *"]


def found(module: str, *imported: str, table: list[str] = TABLE) -> list[tuple[str, str]]:
    """The faults of one module that imports these others."""
    return faults("garrison", ["garrison", module], lambda _module: set(imported), parse_rows(table))


class TestTheTable:
    def test_an_import_the_row_names_is_allowed(self) -> None:
        assert found("garrison.layers.host", "garrison.policy.model", "garrison.core") == []

    def test_an_import_the_row_does_not_name_is_a_fault(self) -> None:
        fault = ("garrison.policy.model", "garrison.stores.memory")
        assert found(*fault) == [fault]

    def test_a_room_may_import_itself_and_anything_outside_the_package(self) -> None:
        assert found("garrison.core.stack", "garrison.core.facts", "json", "pydantic", "garrison_plugins.x") == []

    def test_a_plus_allows_what_that_room_is_allowed(self) -> None:
        assert found("garrison.asgi.onion", "garrison.stores.memory") == []
        assert found("garrison.asgi.onion", "garrison.cli.main") != []

    def test_the_package_root_is_a_way_round_the_table_and_closed_to_all_but_the_top(self) -> None:
        assert found("garrison.layers.host", "garrison") == [("garrison.layers.host", "garrison")]
        assert found("garrison.cli.main", "garrison") == []

    def test_a_module_without_a_row_is_a_fault(self) -> None:
        assert found("garrison.attic") == [("garrison.attic", "")]

    def test_a_row_for_one_module_replaces_the_rooms_row(self) -> None:
        table = [*TABLE[:3], "detection: core", "detection.runner: core stores"]
        assert found("garrison.detection.runner", "garrison.stores.memory", table=table) == []
        assert found("garrison.detection.fold", "garrison.stores.memory", table=table) != []

    def test_a_row_cannot_name_a_room_below_it(self) -> None:
        with pytest.raises(ValueError, match=r"'policy'.*does not stand above"):
            parse_rows(["core: policy", "policy:"])

    def test_a_longer_name_is_another_room(self) -> None:
        assert row_of("core_extras.x", parse_rows(TABLE)) is None


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small package under the project's own contracts."""
    shutil.copy(ROOT / ".importlinter", tmp_path)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "rooms.py", tmp_path / "scripts")
    for room in ("core", "policy", "stores"):
        (tmp_path / "garrison" / room).mkdir(parents=True)
        (tmp_path / "garrison" / room / "__init__.py").touch()
    (tmp_path / "garrison" / "__init__.py").touch()
    (tmp_path / "garrison" / "core" / "clock.py").write_text("import time\n")
    (tmp_path / "garrison" / "stores" / "memory.py").write_text("import garrison.policy\n")
    return tmp_path


class TestTheContracts:
    def test_the_source_keeps_them(self) -> None:
        done = lint(ROOT)
        assert done.returncode == 0, done.stdout
        assert "0 broken" in done.stdout

    def test_a_room_that_reaches_below_its_row_breaks_them(self, small: Path) -> None:
        assert lint(small).returncode == 0
        (small / "garrison" / "policy" / "model.py").write_text("from garrison.stores import memory\n")
        done = lint(small)
        assert done.returncode != 0
        assert "garrison.policy.model may not import garrison.stores.memory (line 1)" in done.stdout

    def test_a_core_that_reads_the_clock_itself_breaks_them(self, small: Path) -> None:
        (small / "garrison" / "core" / "facts.py").write_text("import time\n")
        assert lint(small).returncode != 0


PROTOCOL = {"scope", "receive", "send"}
SPEAKS_ASGI = ("asgi", "serve", "fastapi", "testing", "wire")


def protocol_parameters(source: str) -> list[str]:
    """`function:parameter` for every function that takes a part of the ASGI protocol by name."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            spec = node.args
            names = [each.arg for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
            found += [f"{getattr(node, 'name', 'lambda')}:{name}" for name in names if name in PROTOCOL]
    return found


class TestTheProtocol:
    def test_only_the_rooms_made_for_it_take_scope_receive_or_send(self) -> None:
        files = [
            path
            for path in PACKAGE.rglob("*.py")
            if path.relative_to(PACKAGE).parts[0].removesuffix(".py") not in SPEAKS_ASGI
        ]
        assert files
        offenders = {
            str(path.relative_to(PACKAGE)): protocol_parameters(path.read_text(encoding="utf-8")) for path in files
        }
        assert {path: names for path, names in offenders.items() if names} == {}

    def test_the_search_sees_functions_methods_and_lambdas(self) -> None:
        source = "class A:\n async def f(self, scope, *, send=None): return lambda receive: 1\n"
        assert protocol_parameters(source) == ["f:scope", "f:send", "lambda:receive"]
