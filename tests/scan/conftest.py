"""Applications written into a folder, loaded, and examined."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from pathlib import Path
from textwrap import dedent

import pytest

from garrison.findings.record import Finding
from garrison.findings.report import Report
from garrison.policy.model import Policy
from garrison.policy.section_suppressions import SuppressionTable
from garrison.scan.routes import Exceptions, examine_routes
from garrison.serve.load import load_app

TODAY = date(2027, 1, 15)
_NUMBERS = count()
HEAD = """\
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, FastAPI, Form, Header, Query, Request, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

app = FastAPI()


def current_user(token: Annotated[object, Depends(HTTPBearer())]) -> str:
    return "somebody"


User = Annotated[str, Depends(current_user)]
"""

Examine = Callable[..., Report]


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Examine]:
    """`examine(source)`: the report about a FastAPI application whose module ends in `source`."""
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)

    def run(
        source: str, *, policy: Policy | None = None, suppressions: tuple[SuppressionTable, ...] = (), head: str = HEAD
    ) -> Report:
        name = f"examined{next(_NUMBERS)}"
        Path(f"{name}.py").write_text(head + dedent(source), "utf-8")
        app = load_app(f"{name}:app")
        return examine_routes(app, f"{name}:app", lambda path, method: policy, Exceptions(suppressions, TODAY))

    yield run
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("examined"):
            del sys.modules[name]


def found(report: Report, rule: str) -> list[Finding]:
    """The findings of one rule."""
    return [one for one in report.findings if one.id == rule]
