"""CSV that spreadsheets open: every cell is a value, none a formula.

Quoted rule: "Prepend each cell field with a single quote, so that their content will be read as text by the spreadsheet
editor" (OWASP CSV Injection; CWE-1236).
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.inputs.encode_csv import Cell, csv_cell, csv_lines

FORMULAS = [
    "=1+1", "+1", "-2+3+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://evil","x")',
    "  =1", "\u00a0=1", "\ufeff=1", "\0=1", "＝1", "－1", "＋1", "＠A1",
]  # fmt: skip
BENIGN = ["O'Brien", "a=b", "x-y", "mail@example.com", "", "  ", "grüße 🚀", "1+1", "'quoted'", 'say "hi", ok', "a\nb"]


def runs(cell: str) -> bool:
    """Whether a spreadsheet takes the cell for a formula, white space and NUL before it overlooked."""
    return cell.lstrip(" \t\r\n\0\u00a0\ufeff")[:1] in set("=+-@＝＋－＠")


def plainly(rows: list[list[str]]) -> list[list[str]]:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return list(csv.reader(io.StringIO(text.getvalue(), newline="")))


def read(rows: list[list[Cell]]) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(csv_lines(rows)), newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text_and_the_plain_writer_leaves_it_one(text: str) -> None:
    assert runs(plainly([["x", text]])[0][1])  # the control
    assert not runs(read([["x", text]])[0][1])


@pytest.mark.parametrize("text", BENIGN)
def test_other_text_comes_back_as_it_was(text: str) -> None:
    assert read([["x", text]]) == [["x", text]]


def test_days_moments_and_ids_are_cells_and_other_things_are_named_as_none() -> None:
    row: list[Cell] = [date(2026, 11, 28), datetime(2026, 11, 28, 9, 30, tzinfo=UTC), UUID(int=7), True]
    assert next(iter(csv_lines([row]))) == (
        '"2026-11-28","2026-11-28T09:30:00+00:00","00000000-0000-0000-0000-000000000007","True"\r\n'
    )
    with pytest.raises(TypeError, match="and no list"):
        csv_cell(["a"])  # type: ignore[arg-type]  # the mistake


def test_numbers_stay_numbers() -> None:
    assert read([[-1, 2.5, Decimal("-0.10"), None]]) == [["-1", "2.5", "-0.10", ""]]
    with pytest.raises(ValueError, match="finite"):
        csv_cell(float("nan"))


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=4), max_size=5))
def test_any_text_is_as_many_cells_as_were_given_and_none_runs(rows: list[list[str]]) -> None:
    back = read([list(row) for row in rows])
    assert [len(row) for row in back] == [len(row) for row in rows]
    for row, same in zip(rows, back, strict=True):
        for text, cell in zip(row, same, strict=True):
            assert not runs(cell)
            assert cell.removeprefix("'") == text.replace("\0", "").removeprefix("'")
