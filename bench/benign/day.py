"""The day itself: two profiles, any seed. Written before the first rule, and not changed to please one.

`shop` is a shop of people; `partner` lives of programs, at other hours, with larger offices and a clumsier crawler.
Rules are tuned on `shop` with `TUNED`; `partner` and other seeds are what they have not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import Final

from .ask import DAY, Ask, moment
from .machines import api_client, crawler, extension, feed_reader, link_checker, monitor, widget
from .people import accountant, browse, member, office, on_a_train, person, stuck_tab

TUNED: Final = 20261128
UNSEEN: Final = 77


@dataclass(frozen=True, slots=True)
class Profile:
    """How many of each there are."""

    shoppers: int
    members: int
    offices: tuple[int, ...]
    peaks: tuple[float, ...]
    office_start: float
    crawls: int
    missing: float
    monitors: int
    feeds: int
    tabs: int
    api: int
    api_calls: int
    widgets: int
    extensions: int


PROFILES: Final[Mapping[str, Profile]] = {
    "shop": Profile(5200, 1300, (70, 60, 40, 25, 25), (12.5, 20.0), 8.3, 9000, 0.05, 4, 60, 18, 10, 1500, 1500, 40),
    "partner": Profile(1800, 500, (140, 90), (3.0, 10.0, 15.5), 7.0, 12_000, 0.12, 8, 20, 40, 45, 2400, 400, 15),
}


def day(profile: str, seed: int, share: float = 1.0) -> list[Ask]:
    """The requests of one day, in order. `share` makes the day smaller, not calmer."""
    chosen, dice = PROFILES[profile], Random(f"{profile}/{seed}")
    asks = [ask for ask in chain(_people(chosen, dice, share), _machines(chosen, dice, share)) if 0 <= ask.at < DAY]
    return sorted(asks, key=lambda ask: ask.at)


def _count(number: int, share: float) -> range:
    return range(max(1, round(number * share)))


def _people(profile: Profile, dice: Random, share: float) -> Iterator[Ask]:
    carriers = [f"100.{64 + number}.0.1" for number in range(12)]
    for number in _count(profile.shoppers, share):
        who = person(f"shopper{number}", dice, dice.choice(carriers) if dice.random() < 0.25 * share else "")
        asks = browse(who, moment(dice, profile.peaks), dice.randint(3, 16))
        yield from on_a_train(asks, dice) if dice.random() < 0.08 else asks
    for number in _count(profile.members, share):
        who = person(f"member{number}", dice, dice.choice(carriers) if dice.random() < 0.25 * share else "")
        yield from member(who, moment(dice, profile.peaks), f"member{number}")
    for number, size in enumerate(profile.offices):
        yield from office(number, max(2, round(size * share)), dice, profile.office_start)
    for number in _count(profile.tabs, share):
        yield from stuck_tab(person(f"tab{number}", dice), dice.uniform(0, DAY / 3), dice.choice((30, 60, 120)))
    yield from accountant(person("accountant", dice), 10 * 3600)


def _machines(profile: Profile, dice: Random, share: float) -> Iterator[Ask]:
    for number in range(4):
        yield from crawler(number, dice, max(50, round(profile.crawls * share)), profile.missing)
    for number in _count(profile.monitors, share):
        yield from monitor(number, dice, 30.0)
    for number in _count(profile.feeds, share):
        yield from feed_reader(number, dice)
    for number in _count(profile.api, share):
        yield from api_client(number, dice, round(profile.api_calls * share) + 20, old_key=number % 10 == 0)
    for number in _count(3, share):
        yield from widget(number, dice, max(1, round(profile.widgets / 3 * share)))
    for number in _count(profile.extensions, share):
        yield from extension(number, dice)
    yield from link_checker(dice)
