"""Applications of other people, as their documentation sets them up, with enough in them to click on.

`python -m tests.thirdparty.apps NAME FOLDER CA POLICY` serves one over HTTPS on a free port: in a process of its own,
since some keep everything in module state. POLICY is "bare", or JSON laid over the preset `compat`. It prints one line
of JSON with the port, and ends with its standard input.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from garrison.serve.dev import Ready, serve_dev
from garrison.serve.devca import DevCA
from tests.browser.serving import guard


def datasette(folder: Path) -> Any:
    """A table with text that looks like markup, a column to facet by, and a view."""
    from datasette.app import Datasette  # type: ignore[import-untyped]

    file = folder / "plants.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(
            """
            CREATE TABLE plants (id INTEGER PRIMARY KEY, name TEXT, family TEXT, height REAL);
            CREATE TABLE notes (id INTEGER PRIMARY KEY, plant INTEGER REFERENCES plants(id), text TEXT);
            CREATE VIEW tall AS SELECT * FROM plants WHERE height > 50;
            """
        )
        families = ("Rosaceae", "Fabaceae", "Asteraceae")
        plants = [(number, f"plant {number}", families[number % 3], number * 1.5) for number in range(1, 121)]
        connection.executemany("INSERT INTO plants VALUES (?, ?, ?, ?)", plants)
        connection.execute("INSERT INTO notes VALUES (1, 1, '<b>not markup</b> & \"quotes\"')")
    return Datasette([str(file)], settings={"suggest_facets": True}).app()


def nicegui(folder: Path) -> Any:
    """A button, an input, a table, a chart and an upload; everything that happens comes over the WebSocket."""
    from fastapi import FastAPI
    from nicegui import events, ui

    @ui.page("/")
    def page() -> None:
        ui.label("Plants").classes("text-h4")
        count = {"value": 0}
        shown = ui.label("clicked 0 times")

        def clicked() -> None:
            count["value"] += 1
            shown.set_text(f"clicked {count['value']} times")

        ui.button("Click", on_click=clicked)
        name = ui.input("Name")
        ui.label().bind_text_from(name, "value", lambda value: f"hello {value}")
        columns = [{"name": name, "label": name, "field": name, "sortable": True} for name in ("plant", "height")]
        rows = [{"plant": f"plant {number}", "height": number} for number in range(5)]
        ui.table(columns=columns, rows=rows, row_key="plant")
        bars = {"type": "bar", "data": [3, 1, 2], "animation": False}
        axis = {"type": "category", "data": ["a", "b", "c"]}
        ui.echart({"xAxis": axis, "yAxis": {"type": "value"}, "series": [bars]}).classes("w-96 h-64")
        ui.markdown("A *list*:\n\n- one\n- two")
        took = ui.label("nothing uploaded")

        async def uploaded(upload: events.UploadEventArguments) -> None:
            content = await upload.file.read()
            took.set_text(f"{upload.file.name}: {len(content)} bytes")

        ui.upload(on_upload=uploaded, auto_upload=True, label="Upload").classes("w-96")

    app = FastAPI()
    ui.run_with(app, title="Plants", dark=False)
    return app


APPS: Mapping[str, Callable[[Path], Any]] = {"datasette": datasette, "nicegui": nicegui}


def main(name: str, folder: Path, ca: Path, policy: str) -> None:
    app = APPS[name](folder)
    if policy != "bare":
        app, _ = guard(app, folder, **{"preset": "compat", **json.loads(policy)})

    def stop_with_input(ready: Ready) -> None:
        sys.stdin.read()
        ready.stop()

    def announce(ready: Ready) -> None:
        sys.stdout.write(json.dumps({"port": ready.port}) + "\n")
        sys.stdout.flush()
        threading.Thread(target=stop_with_input, args=(ready,), daemon=True).start()

    authority = DevCA.open(ca, datetime.now(UTC).replace(microsecond=0))
    serve_dev(app, host="localhost", port=0, ca=authority, log_level="critical", on_ready=announce)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
