"""A secret does not show itself."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from garrison.secrets import Secret

VALUE = "correct-horse-battery"


def test_only_reveal_gives_the_value_back() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert Secret(VALUE.encode()).reveal() == VALUE.encode()


@pytest.mark.parametrize("show", [repr, ascii, lambda secret: f"{[secret]}", lambda secret: f"{secret!r}"])
def test_what_shows_an_object_shows_a_mask(show: object) -> None:
    for secret in (Secret(VALUE), Secret(VALUE.encode())):
        assert VALUE not in show(secret)  # type: ignore[operator]


@pytest.mark.parametrize(
    "use",
    [str, lambda secret: f"{secret}", lambda secret: f"{secret:>9}", "{}".format, "%s".__mod__, pickle.dumps,
     json.dumps, bytes, len, list, hash, vars],
)  # fmt: skip
@pytest.mark.parametrize("value", [VALUE, VALUE.encode()])
def test_what_would_use_it_by_mistake_fails_and_does_not_tell(use: Callable[[object], object], value: Any) -> None:
    with pytest.raises(TypeError) as caught:
        use(Secret(value))
    assert VALUE not in str(caught.value)


def test_a_log_line_that_formats_a_secret_does_not_hold_it() -> None:
    record = logging.makeLogRecord({"msg": "logging in with %s", "args": (Secret(VALUE),)})
    with pytest.raises(TypeError) as caught:
        record.getMessage()
    assert VALUE not in str(caught.value)
    assert VALUE not in repr(record.__dict__)


def test_equality_is_that_of_the_contents() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("é") == Secret("é")
    assert Secret("a") != Secret(b"a")
    assert Secret("a") != "a"
    assert Secret(b"\xff") == Secret(b"\xff")


def test_a_copy_is_the_same_object_and_nothing_changes_it() -> None:
    secret = Secret(VALUE)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    for name in ("_Secret__value", "other"):
        with pytest.raises(AttributeError):
            setattr(secret, name, "x")
    assert secret.reveal() == VALUE


def test_other_things_than_text_and_bytes_are_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        Secret(5)  # type: ignore[type-var]
