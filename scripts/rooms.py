"""The import contract `rooms`: the room table of the design, checked by import-linter.

The standard contracts demand that every module they name exists, but the table stands before its rooms do.
This one takes the table as it is written in `.importlinter`: one place to read, one to change.
Lets pass: imports by name at run time (importlib), which no static check can see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Rows = Mapping[str, frozenset[str]]
ROOT = ""  # the package root's place in a row: through it, everything can be reached


def parse_rows(lines: Iterable[str]) -> Rows:
    """The table as {room: what it may import}, in order.

    Raises:
        ValueError: a row names a room that does not stand above it: a loop or a misspelling in the table.
    """
    rows: dict[str, frozenset[str]] = {}
    for line in lines:
        name, _, allowed = line.partition(":")
        above = {room: row for room, row in rows.items() if "." not in room}
        meanings = [_meaning(name.strip(), word, above) for word in allowed.split()]
        rows[name.strip()] = frozenset().union(*meanings)
    return rows


def _meaning(name: str, word: str, above: Rows) -> frozenset[str]:
    if word == "*":
        return frozenset(above) | {ROOT}
    room = word.rstrip("+")
    if room not in above:
        raise ValueError(f"the row of {name!r} names {room!r}, which does not stand above it")
    return frozenset({room}) | (above[room] if word.endswith("+") else frozenset())


def row_of(module: str, rows: Rows) -> frozenset[str] | None:
    """What `module` (named from below the package root) may import: its longest row, or None."""
    while module not in rows:
        module, dot, _ = module.rpartition(".")
        if not dot:
            return None
    return rows[module]


def faults(
    root: str, modules: Iterable[str], imports_of: Callable[[str], set[str]], rows: Rows
) -> list[tuple[str, str]]:
    """Every (module, imported module) the table does not allow; (module, "") for a module without a row.

    The package root itself may import anything. Imports from outside the package are other contracts' matter.
    """
    found: list[tuple[str, str]] = []
    for module in sorted(name for name in modules if name.startswith(f"{root}.")):
        inside = module.removeprefix(f"{root}.")
        row = row_of(inside, rows)
        if row is None:
            found.append((module, ""))
            continue
        for imported in sorted(imports_of(module)):
            package, _, rest = imported.partition(".")
            if package == root and rest.partition(".")[0] not in row | {inside.partition(".")[0]}:
                found.append((module, imported))
    return found


class RoomsContract(Contract):
    """Each module imports, inside the package, only its own room and those its row names."""

    rooms = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare the graph with the table."""
        lines: list[str] = self.rooms  # type: ignore[assignment]  # the field is replaced by its value
        [root] = self.session_options["root_packages"]
        found = faults(root, graph.modules, graph.find_modules_directly_imported_by, parse_rows(lines))
        return ContractCheck(kept=not found, metadata={"faults": [_describe(graph, *fault) for fault in found]})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per fault."""
        for fault in check.metadata["faults"]:
            output.print_error(f"- {fault}", bold=False)
        output.new_line()


def _describe(graph: ImportGraph, module: str, imported: str) -> str:
    if not imported:
        return f"{module} belongs to no room: give it a row in .importlinter"
    details = graph.get_import_details(importer=module, imported=imported)
    place = ", ".join(str(each["line_number"]) for each in details)
    # An import of a module that does not exist is filed under the package root.
    what = imported if "." in imported else f"{imported} itself, or a module that does not exist"
    return f"{module} may not import {what} (line {place})"
