from __future__ import annotations

import logging

import pytest

from garrison.serve.logs import HideQuery


@pytest.mark.parametrize(
    ("target", "shown"),
    [("/a?token=1", "/a?…"), ("/a", "/a"), ("/?a=1?b=2", "/?…"), ("/a?", "/a?…")],
)
def test_the_query_of_a_logged_target_is_hidden(target: str, shown: str) -> None:
    record = logging.makeLogRecord({"msg": '%s - "%s %s HTTP/%s" %d', "args": ("::1:5", "GET", target, "1.1", 200)})

    assert HideQuery().filter(record)
    assert record.getMessage() == f'::1:5 - "GET {shown} HTTP/1.1" 200'


def test_other_records_pass_as_they_are() -> None:
    record = logging.makeLogRecord({"msg": "why? %s", "args": ("because",)})

    assert HideQuery().filter(record)
    assert record.getMessage() == "why? because"
