"""Where a session is used from, as coarsely as a person would tell it."""

from __future__ import annotations

import pytest

from garrison.accounts.binding import Bindings, agent_family, network_of
from tests.support.facts import client_of, make_facts

FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0"


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        (FIREFOX % (144, 144), "Firefox on Linux"),
        (b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
         b"Safari/537.36 Edg/142.0.0.0", "Edge on Windows"),
        (b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 "
         b"Safari/605.1.15", "Safari on macOS"),
        (b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 CriOS/142.0 Mobile/15E148 "
         b"Safari/604.1", "Chrome on iOS"),
        (b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile "
         b"Safari/537.36", "Chrome on Android"),
        (b"curl/8.5.0", "curl"),
        (b"<script>alert(1)</script>", "another program"),
        (b"\xff\xfe", "another program"),
        (b"", ""),
    ],
)  # fmt: skip
def test_a_browser_is_told_by_kind_and_system_and_never_in_its_own_words(agent: bytes, family: str) -> None:
    assert agent_family(agent) == family


def test_an_update_of_the_browser_is_no_change() -> None:
    assert agent_family(FIREFOX % (144, 144)) == agent_family(FIREFOX % (145, 145))


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.9", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("testclient", ""), (None, "")],
)
def test_a_network_is_coarse(address: str | None, network: str) -> None:
    assert network_of(client_of(address)) == network


def test_any_number_of_programs_can_come_by() -> None:
    bindings = Bindings()
    for number in range(5000):
        bindings.of(
            make_facts(headers=[(b"user-agent", b"program %d" % number)], address=f"10.0.{number >> 8}.{number & 255}")
        )
    assert bindings.of(make_facts()).agent == "Firefox on Linux"
    assert len(bindings._agents) + len(bindings._networks) <= 4000
