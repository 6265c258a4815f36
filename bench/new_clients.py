"""What a client costs that was never seen before: a new address with each request, against one that comes again.

Limits must remember it, caches of parsed addresses miss, the sweep has something to do. In process, over a null
application, GET without cookies. A benchmark with one client shows none of that.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from statistics import median

from .asgi import Driver, Message, Request, Unserved, null_app, scope_of
from .contenders import GET, hardened, with_login
from .harness import Result, Size, interleave, middle_half, result

_ADDRESSES = 1 << 32


def measure(size: Size) -> list[Result]:
    """The cost of a known client's request, and how much more a new one's is, by IPv4 and by IPv6."""
    loop = asyncio.new_event_loop()
    try:
        driver, _, _ = hardened(loop, with_login(null_app))
        batches = {
            "known": _batch(driver, loop, itertools.repeat("198.51.100.7")),
            "ipv4": _batch(driver, loop, _four()),
            "ipv6": _batch(driver, loop, _six()),
        }
        samples = interleave(batches, size)
    finally:
        loop.close()
    results = [result("new_clients.known", samples.microseconds("known"), "us", versus="the whole request, null app")]
    for name in ("ipv4", "ipv6"):
        more = samples.each(lambda new, known: (new - known) * 1e6, name, "known")
        versus = "more for a client never seen before"
        results.append(result(f"new_clients.{name}", median(more), "us", versus=versus, spread=middle_half(more)))
    return results


def _batch(driver: Driver, loop: asyncio.AbstractEventLoop, addresses: Iterator[str]) -> Callable[[int], None]:
    app, template = driver.app, scope_of(Request(query=GET.query))

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise Unserved(f"{message['status']}")

    async def repeat(count: int) -> None:
        for address in itertools.islice(addresses, count):
            await app({**template, "client": (address, 40000), "state": {}}, receive, send)

    return lambda count: loop.run_until_complete(repeat(count))


def _four() -> Iterator[str]:
    for number in itertools.count(1):
        bits = number * 2654435761 % _ADDRESSES  # scattered, and every one only once in 2**32
        yield f"{bits >> 24}.{bits >> 16 & 255}.{bits >> 8 & 255}.{bits & 255}"


def _six() -> Iterator[str]:
    """Another /64 each time: an address in a known /64 is a known client."""
    for number in itertools.count(1):
        bits = number * 2654435761 % _ADDRESSES
        yield f"2001:db8:{bits >> 16:x}:{bits & 0xFFFF:x}::1"
