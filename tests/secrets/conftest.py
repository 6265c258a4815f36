"""Credentials of a real PostgreSQL, made by a real OpenBao."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bao import Bao
from tests.support.leasing import PASSWORD, Leasing
from tests.support.postgres import postgres


@pytest.fixture(scope="package")
def leasing(bao: Bao) -> Iterator[Leasing]:
    with postgres(PASSWORD) as url:
        made = Leasing(bao, url)
        made.set_up()
        yield made
