"""What a whole stack adds to a request: GET with a query and POST of 1 KB of JSON, with a browser's headers.

In process, at the level of ASGI, over the same FastAPI application; see `contenders` for who is compared and how each
is configured. The figure is (garrison - bare) / (glued - bare), from one round at a time. A contender that does not
refuse what it has to refuse stops the benchmark.
"""

from __future__ import annotations

import asyncio
from statistics import median

from .contenders import Contender, bare, garrison, glued, guard
from .harness import Result, Samples, Size, interleave, middle_half, result

_MUST = "<= 0.2"


def measure(size: Size) -> list[Result]:
    """Ratios for GET and POST, and what they are made of."""
    loop = asyncio.new_event_loop()
    try:
        contenders = [make(loop) for make in (bare, glued, guard, garrison)]
        for contender in contenders:
            contender.check()
        return [*_one("get", contenders, size), *_one("post", contenders, size)]
    finally:
        loop.close()


def _one(method: str, contenders: list[Contender], size: Size) -> list[Result]:
    batches = {each.name: each.driver.batch(each.get if method == "get" else each.post) for each in contenders}
    samples = interleave(batches, size)
    return [_ratio(method, samples, "glued", _MUST), _ratio(method, samples, "guard", None), *_added(method, samples)]


def _ratio(method: str, samples: Samples, peer: str, must: str | None) -> Result:
    ratios = samples.each(lambda ours, theirs, alone: (ours - alone) / (theirs - alone), "garrison", peer, "bare")
    versus = {
        "glued": "CORSMiddleware + TrustedHost + secure + starlette-csrf + slowapi",
        "guard": "fastapi-guard with detection off (no CSRF, no host check)",
    }[peer]
    return result(
        f"overhead.{method}.vs_{peer}",
        median(ratios),
        "x",
        must=must,
        versus=f"what is added by {versus}",
        spread=middle_half(ratios),
    )


def _added(method: str, samples: Samples) -> list[Result]:
    results = [
        result(f"overhead.{method}.bare", samples.microseconds("bare"), "us", versus="the whole request, FastAPI alone")
    ]
    for name in ("garrison", "glued", "guard"):
        added = samples.each(lambda ours, alone: (ours - alone) * 1e6, name, "bare")
        results.append(
            result(
                f"overhead.{method}.{name}", median(added), "us", versus="added per request", spread=middle_half(added)
            )
        )
    return results
