"""CSV for spreadsheets: no cell is a formula (CWE-1236; OWASP CSV Injection).

Threat: a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return (or the full-width forms of the signs) is
run by the spreadsheet that opens the file: it sends other cells away or starts programs. Such text gets an apostrophe
in front, which spreadsheets read as "text"; every cell is quoted, so that no separator begins a new one. Numbers given
as numbers stay as they are. NUL, which ends a cell for some readers, is taken out.

Lets pass: a reader that is no spreadsheet sees the apostrophe (the price of one file for both); one that splits at
another separator inside quotes, against RFC 4180.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Final, TypeAlias
from uuid import UUID

Cell: TypeAlias = str | int | float | Decimal | date | UUID | None

_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")


def csv_cell(value: Cell) -> str | int | float | Decimal:
    """`value` as a cell that a spreadsheet shows and never runs. None is empty; days and moments are written as in
    ISO 8601.

    Raises ValueError for numbers that are not finite, TypeError for what is no cell.
    """
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        text = value.replace("\0", "")
        return f"'{text}" if text.lstrip(" \u00a0\ufeff")[:1] in _STARTS and text.strip(" \u00a0\ufeff") else text
    if not isinstance(value, int | float | Decimal):
        raise TypeError(f"a cell is a text, a number, a day, a moment or a UUID, and no {type(value).__name__}")
    if not isfinite(value):
        raise ValueError("a cell can't hold a number that is not finite")
    return value


def csv_lines(rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Lines of CSV (RFC 4180), one for each row, to be streamed: every text quoted, no cell a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for row in rows:
        writer.writerow([csv_cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
