"""`harden` says at once what it can't work with, and what to give it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette

from garrison import harden
from garrison.asgi.fitness import Unfit
from garrison.testing import testing_policy


class Callable3:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


async def spread(*arguments: Any) -> None: ...


@pytest.mark.parametrize("app", [Callable3(), spread, Starlette()])
def test_asgi_applications_of_any_make_are_taken(app: Any) -> None:
    assert harden(app, testing_policy()).app is app


@pytest.mark.parametrize(
    ("app", "says"),
    [
        (None, "None, which is no ASGI"),
        (wsgi, "looks like WSGI"),
        (Starlette, "Starlette is a class"),
        ("main:app", "of type 'str'"),
        (harden(Starlette(), testing_policy()), "behind Garrison already"),
    ],
)
def test_what_is_no_application_is_refused_with_what_to_do(app: Any, says: str) -> None:
    with pytest.raises(Unfit, match=says):
        harden(app, testing_policy())


def test_a_policy_or_a_layer_of_another_type_is_refused() -> None:
    policy: Any = {"preset": "api"}
    with pytest.raises(Unfit, match="Policy"):
        harden(Starlette(), policy)
    layers: Any = ["csrf"]
    with pytest.raises(Unfit, match="function of facts"):
        harden(Starlette(), testing_policy(), layers=layers)
