"""Limits hold against a real load generator, and their headers say what is so.

The bound is GCRA's: the burst, and the rate for as long as the whole test ran by the clock on the wall. A slow machine
only makes the flood smaller.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.load.running import Heard, Visitor, flood, policy, serving
from tests.load.structured import Item, parse_list

pytestmark = [pytest.mark.server, pytest.mark.anyio, pytest.mark.xdist_group("floods")]
SECONDS = 3
CASES: dict[str, tuple[str, dict[str, Any], dict[str, str], int, int]] = {
    # what is flooded, the policy's limits, headers, and the burst and rate per second that must hold
    "address": ("/quick", {"address": ["50/second burst 25"]}, {}, 25, 50),
    "user": ("/quick", {"address": ["100000/second"], "principal": ["40/second burst 20"]}, {"x_user": "ann"}, 20, 40),
    "endpoint": ("/search", {"address": ["100000/second"]}, {}, 10, 10),
    "two at once": ("/quick", {"address": ["50/second burst 50", "60/minute burst 60"]}, {}, 60, 1),
}


@pytest.mark.parametrize("kind", CASES)
async def test_a_limit_holds_under_wrk_and_no_other_client_notices(kind: str, tmp_path: Path) -> None:
    path, limits, headers, burst, rate = CASES[kind]
    with serving(policy(rate={"mode": "enforce", **limits}), tmp_path) as port:
        begin = time.monotonic()
        with flood(port, path, SECONDS, connections=32, pause=5, **headers) as report:
            other = Visitor(port)
            heard = await other.get(path, {"x-user": "bob"} if headers else None)
            other.close()
            answers = report()
        took = time.monotonic() - begin
    assert burst <= answers["200"] <= burst + rate * took + 1, (answers, took)
    assert answers["429"] > answers["200"]
    assert "silent" not in answers
    assert heard.status == 200
    assert set(answers) <= {"200", "429"}


async def test_control_without_limits_everything_is_answered(tmp_path: Path) -> None:
    with serving(policy(), tmp_path) as port, flood(port, "/quick", 1, connections=32, pause=5) as report:
        assert set(report()) == {"200"}


def told(heard: Heard, header: str) -> dict[str, Item]:
    """The items of a header by their names, as RFC 9651 reads them."""
    return {str(item.value): item for item in parse_list(heard.headers[header])}


async def test_the_headers_are_structured_fields_that_count_down_to_the_refusal(tmp_path: Path) -> None:
    """draft-ietf-httpapi-ratelimit-headers-10: r requests may follow, t seconds until the quota is whole."""
    given = policy(rate={"mode": "enforce", "address": ["6/minute burst 4", "100/hour"]})
    with serving(given, tmp_path) as port:
        visitor = Visitor(port)
        heard = [await visitor.get("/quick") for _ in range(6)]
        visitor.close()
    assert [one.status for one in heard] == [200] * 4 + [429] * 2
    for one in heard:
        policies, states = told(one, "ratelimit-policy"), told(one, "ratelimit")
        assert set(policies) == set(states)
        for name, state in states.items():
            assert set(state.parameters) == {"r", "t"}
            assert set(policies[name].parameters) == {"q", "w"}
            assert all(isinstance(value, int) and value >= 0 for value in state.parameters.values())
    left = [told(one, "ratelimit")["address-60s"].parameters["r"] for one in heard]
    assert left == [3, 2, 1, 0, 0, 0]
    assert told(heard[0], "ratelimit-policy")["address-60s"].parameters == {"q": 6, "w": 60}
    for one in heard[4:]:
        assert int(one.headers["retry-after"]) >= int(told(one, "ratelimit")["address-60s"].parameters["t"])


async def test_who_waits_as_long_as_retry_after_says_is_served_and_not_much_sooner(tmp_path: Path) -> None:
    given = policy(rate={"mode": "enforce", "address": ["1/2 seconds"]})
    with serving(given, tmp_path) as port:
        visitor = Visitor(port)
        passed = await visitor.get("/quick")
        refused = await visitor.get("/quick")
        assert (passed.status, refused.status) == (200, 429)
        wait = int(refused.headers["retry-after"])
        assert 1 <= wait <= 2
        while (served := await visitor.get("/quick")).status != 200:
            assert served.at - refused.at <= wait, "refused for longer than it was told"
        visitor.close()
    assert served.at - passed.at > 1.9, "served sooner than the limit allows"
    assert served.at - refused.at > wait - 1, "told to wait a whole second too long"


@pytest.mark.parametrize(
    "text",
    ['"a";q=1,', "a;q=1", '"a";Q=1', '"a";q=1.5', '"a" "b"', '"a";q=', "'a'", '"a', '"\\x"', '"é"', ",", '"a",,"b"'],
)  # fmt: skip
def test_the_parser_refuses_what_the_grammar_does_not_allow(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_list(text)


def test_the_parser_reads_what_the_grammar_allows() -> None:
    assert parse_list('"a\\"b";q=100;w=60 ,\t"c";flag') == [
        Item('a"b', {"q": 100, "w": 60}), Item("c", {"flag": True}),
    ]  # fmt: skip
    assert parse_list("") == []
