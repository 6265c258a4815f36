"""The reference application answers whatever schemathesis makes of its OpenAPI document, as the document says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from examples.notes import Settings, hardened
from tests.asgi.serving import serving

from .site import Site, running
from .test_keys import made

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
NOBODY = {"Host": "localhost", "Accept": "application/json"}
OPERATIONS = 8
"""At least so many are in the document: it is not empty by mistake."""


async def _key(given: Settings) -> str:
    app = hardened(given)
    async with running(app), Site(app, given).member() as person:
        return await made(person, write="true")


@pytest.fixture
def served(settings: Settings, environ: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, str]]]:
    """Where the application listens, and the headers of a program that may read and write.

    It sheds no load: an honest 503 of a busy machine is no finding.
    """
    for key in ("LEAST", "MOST"):
        monkeypatch.setenv(f"GARRISON_LOAD__{key}", "10000")
    key = anyio.run(_key, settings)
    with serving(hardened(settings), lifespan="on") as port:
        yield f"http://127.0.0.1:{port}", {**NOBODY, "Authorization": f"Bearer {key}"}


def _try(base: str, headers: dict[str, str], examples: int) -> tuple[set[int], int]:
    """The statuses seen, and how many operations were tried. Raises what schemathesis finds."""
    document = httpx.get(f"{base}/openapi.json", headers=NOBODY).json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=base)
    seen: set[int] = set()
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def each(case: Any) -> None:
            answer = case.call(headers=headers)
            seen.add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        each()
    return seen, len(operations)


@pytest.mark.server
def test_every_answer_to_a_program_with_a_key_is_in_the_document_and_none_is_a_500(
    served: tuple[str, dict[str, str]],
) -> None:
    seen, operations = _try(*served, 25)
    assert operations >= OPERATIONS
    assert {200, 201, 404, 422} <= seen, "what is asked reaches the application"


@pytest.mark.server
def test_every_answer_to_nobody_is_in_the_document_and_none_is_a_500(served: tuple[str, dict[str, str]]) -> None:
    seen, operations = _try(served[0], NOBODY, 5)
    assert operations >= OPERATIONS
    assert seen & {401, 403}
    assert not seen & {200, 201, 204}
