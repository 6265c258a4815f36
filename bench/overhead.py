"""What a whole stack adds to a request: GET with a query and POST of 1 KB of JSON, with a browser's headers.

In process, at the level of ASGI, over the same FastAPI application; see `contenders` for who is compared and how each
is configured. The figure is (garrison - bare) / (glued - bare), from one round at a time. A contender that does not
refuse what it has to refuse stops the benchmark.

"Without inspection", as the goal says (DESIGN, sections 1 and 7), is read as: every layer that judges a request by
where it comes from and how it is sent, and none that reads what its body says. Counting the body's bytes, its type and
its framing are in; the layer `body`, which parses a JSON document before the application does, has its turn after CSRF
where the design has "inspect", and is out. None of the five packages does the like. What a POST pays with it, as the
preset has it, is `overhead.post.with_body_guard`, and stands beside the other; a GET without a body never meets it.
What detection counts of each answer is in as well, although no peer has it either: it can't be called inspection.
"""

from __future__ import annotations

import asyncio
from statistics import median

from .contenders import Contender, bare, garrison, glued, guard, whole
from .harness import Result, Samples, Size, interleave, middle_half, result

_MUST = "<= 0.2"
_NAMES = {"garrison": "garrison", "whole": "with_body_guard", "glued": "glued", "guard": "guard"}


def measure(size: Size) -> list[Result]:
    """Ratios for GET and POST, and what they are made of."""
    loop = asyncio.new_event_loop()
    try:
        contenders = [make(loop) for make in (bare, glued, guard, garrison, whole)]
        for contender in contenders:
            contender.check()
        return [*_one("get", contenders[:-1], size), *_one("post", contenders, size)]
    finally:
        loop.close()


def _one(method: str, contenders: list[Contender], size: Size) -> list[Result]:
    batches = {each.name: each.driver.batch(each.get if method == "get" else each.post) for each in contenders}
    samples = interleave(batches, size)
    results = [_ratio(method, samples, "glued", _MUST), _ratio(method, samples, "guard", None)]
    if "whole" in batches:
        results.append(_ratio(f"{method}.with_body_guard", samples, "glued", None, ours="whole"))
    return [*results, *_added(method, samples)]


def _ratio(name: str, samples: Samples, peer: str, must: str | None, *, ours: str = "garrison") -> Result:
    ratios = samples.each(lambda ours, theirs, alone: (ours - alone) / (theirs - alone), ours, peer, "bare")
    versus = {
        "glued": "CORSMiddleware + TrustedHost + secure + starlette-csrf + slowapi",
        "guard": "fastapi-guard with detection off (no CSRF, no host check)",
    }[peer]
    return result(
        f"overhead.{name}.vs_{peer}",
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
    for contender, name in _NAMES.items():
        if contender in samples.seconds:
            added = samples.each(lambda ours, alone: (ours - alone) * 1e6, contender, "bare")
            how = "added per request"
            results.append(
                result(f"overhead.{method}.{name}", median(added), "us", versus=how, spread=middle_half(added))
            )
    return results
