"""One request of the benign day, and who is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final

DAY: Final = 86_400.0
BROWSERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/141.0.0.0 Mobile Safari",
)
OLD_BROWSER: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) AppleWebKit/605.1.15 Version/13.1.2 Safari"
"""Sends no Sec-Fetch headers."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    at       seconds since midnight
    visitor  whose cookies go along
    client   the address it comes from
    site     Sec-Fetch-Site, or empty for what sends none
    token    the CSRF token it brings: "good", "stale" (of an ended session) or "none"
    login    the account to log in to, with `password`; empty for any other request
    bearer   an API key, or empty
    """

    at: float
    visitor: str
    client: str
    agent: str
    path: str
    method: str = "GET"
    query: str = ""
    site: str = "same-origin"
    token: str = "good"
    login: str = ""
    password: str = ""
    body: str = ""
    bearer: str = ""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a browser at an address, and the dice that decide what they do."""

    name: str
    client: str
    agent: str
    dice: Random

    @property
    def modern(self) -> bool:
        return self.agent != OLD_BROWSER

    def ask(self, at: float, path: str, **more: str) -> Ask:
        """A request of this visitor; an old browser says nothing about where it comes from."""
        asked = Ask(at, self.name, self.client, self.agent, path, **more)
        return asked if self.modern else replace(asked, site="")

    def pause(self, mean: float) -> float:
        return self.dice.expovariate(1 / mean)


def moment(dice: Random, peaks: tuple[float, ...], spread: float = 1.5) -> float:
    """A time of day, in seconds, near one of `peaks` (hours)."""
    return (dice.gauss(dice.choice(peaks), spread) % 24) * 3600


def retried(asks: Iterator[Ask], dice: Random, share: float) -> Iterator[Ask]:
    """A bad network: some requests are sent again, up to three times within seconds."""
    for ask in asks:
        yield ask
        if dice.random() < share:
            for again in range(dice.randint(1, 3)):
                yield replace(ask, at=ask.at + (again + 1) * dice.uniform(0.3, 2.0))
