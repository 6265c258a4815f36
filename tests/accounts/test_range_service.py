"""Asking a k-anonymity service: five digits leave, and nothing the service does can hurt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import httpx
import pytest

from garrison.accounts.range_service import RangeClient
from garrison.core.errors import DependencyError, OperatorError

pytestmark = pytest.mark.anyio

STOLEN = b"a stolen passphrase"
DIGEST = hashlib.sha1(STOLEN, usedforsecurity=False).hexdigest().upper()


def client(answer: Callable[[httpx.Request], httpx.Response]) -> RangeClient:
    return RangeClient("https://range.example/range/", httpx.MockTransport(answer))


async def test_only_five_digits_leave_and_the_rest_is_compared_here() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text=f"{'0' * 35}:3\r\n{DIGEST[5:]}:12\r\n")

    assert await client(answer).knows(STOLEN)
    assert not await client(answer).knows(b"chosen by myself")
    assert seen[0].url.path == f"/range/{DIGEST[:5]}"
    assert DIGEST[5:] not in str(seen[0].url) + str(seen[0].headers)
    assert seen[0].headers["add-padding"] == "true"


async def test_padding_is_no_breach() -> None:
    assert not await client(lambda _: httpx.Response(200, text=f"{DIGEST[5:]}:0")).knows(STOLEN)


@pytest.mark.parametrize("status", [302, 404, 429, 500])
async def test_any_other_answer_is_a_service_that_is_away(status: int) -> None:
    with pytest.raises(DependencyError, match=str(status)):
        await client(lambda _: httpx.Response(status, headers={"location": "https://evil.example/"})).knows(STOLEN)


async def test_an_endless_answer_is_cut() -> None:
    with pytest.raises(DependencyError, match="megabyte"):
        await client(lambda _: httpx.Response(200, content=b"x" * (2 * 1024**2))).knows(STOLEN)


async def test_a_broken_connection_is_a_service_that_is_away() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(DependencyError, match="ConnectError"):
        await client(answer).knows(STOLEN)


@pytest.mark.parametrize(
    "address", ["http://range.example/range/", "range.example", "https:///range/", "https://a.example/?q="]
)
def test_an_address_without_encryption_or_host_is_refused(address: str) -> None:
    with pytest.raises(OperatorError, match="https"):
        RangeClient(address)
