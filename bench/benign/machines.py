"""Machines that mean well: crawlers, monitors, feed readers, link checkers, API clients with an old key."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from .ask import DAY, Ask, retried
from .people import ITEMS

_BOTS: Final = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; archive.org_bot; +http://archive.org/details/archive.org_bot)",
)
_CLIENTS: Final = ("python-httpx/0.28.1", "okhttp/4.12.0", "Go-http-client/2.0", "curl/8.5.0", "axios/1.7.9")


def crawler(number: int, dice: Random, visits: int, missing: float) -> Iterator[Ask]:
    """The whole site, all day; a share of its links is of last year."""
    name, client = f"bot{number}", f"66.249.{64 + number}.{dice.randint(1, 254)}"
    agent, at = _BOTS[number % len(_BOTS)], dice.uniform(0, 60)
    for count in range(visits):
        at += dice.expovariate(visits / DAY)
        if count % 300 == 0:
            yield Ask(at, name, client, agent, dice.choice(("/robots.txt", "/sitemap.xml", "/ads.txt")), site="")
        elif dice.random() < missing:
            path = dice.choice(("/items/{}", "/shop/old/{}.html", "/blog/{}", "/en/items/{}"))
            yield Ask(at, name, client, agent, path.format(dice.randint(3000, 90_000)), site="")
        else:
            yield Ask(at, name, client, agent, f"/items/{dice.randint(1, ITEMS)}", site="")


def link_checker(dice: Random) -> Iterator[Ask]:
    """Somebody's editor checks four hundred old links at once: most are gone."""
    client, at = f"192.0.2.{dice.randint(1, 254)}", dice.uniform(0.3, 0.8) * DAY
    for _ in range(400):
        at += dice.uniform(0.3, 1.5)
        path = f"/shop/old/{dice.randint(1, 5000)}.html" if dice.random() < 0.6 else f"/items/{dice.randint(1, ITEMS)}"
        yield Ask(
            at, "links", client, "LinkChecker/10.5 (+https://linkchecker.github.io/)", path, method="HEAD", site=""
        )


def monitor(number: int, dice: Random, every: float) -> Iterator[Ask]:
    client, at = f"192.0.2.{100 + number}", dice.uniform(0, every)
    while at < DAY:
        yield Ask(at, f"monitor{number}", client, "UptimeRobot/2.0", "/", method="HEAD", site="")
        at += every


def feed_reader(number: int, dice: Random) -> Iterator[Ask]:
    client, at = f"185.12.{number % 250}.{dice.randint(1, 254)}", dice.uniform(0, 1800)
    path = "/feed.xml" if number % 9 else "/rss.xml"
    while at < DAY:
        yield Ask(at, f"feed{number}", client, "Feedly/1.0 (+http://www.feedly.com/fetcher.html)", path, site="")
        at += dice.uniform(1500, 2100)


def api_client(number: int, dice: Random, calls: int, *, old_key: bool = False) -> Iterator[Ask]:
    """A partner's program. With an old key it is refused, and tries again for ever."""
    return retried(_calls(number, dice, calls, old_key=old_key), dice, 0.02)


def _calls(number: int, dice: Random, calls: int, *, old_key: bool) -> Iterator[Ask]:
    client, at = f"185.99.{number % 250}.{dice.randint(1, 254)}", dice.uniform(0, 300)
    agent = _CLIENTS[number % len(_CLIENTS)]
    for count in range(calls):
        at += dice.expovariate(calls / DAY)
        path = f"/api/items/{dice.randint(1, ITEMS + 40)}" if count % 20 else "/api/items"
        yield Ask(at, f"api{number}", client, agent, path, site="", bearer="old" if old_key else "good")


def widget(number: int, dice: Random, visits: int) -> Iterator[Ask]:
    """A shop embeds us without asking: their visitors' browsers are refused by CORS, thousands of times."""
    for count in range(visits):
        client = f"{90 + number}.{dice.randint(0, 255)}.{dice.randint(0, 255)}.{dice.randint(1, 254)}"
        at = dice.uniform(0, DAY)
        name, method = f"widget{number}-{count}", "OPTIONS" if count % 2 else "GET"
        yield Ask(at, name, client, "Mozilla/5.0 Firefox/143.0", "/api/items", method=method, site="cross-site")


def extension(number: int, dice: Random) -> Iterator[Ask]:
    """A browser extension puts a script into our pages: the browser reports it each time."""
    client, at = f"84.1.{number % 250}.{dice.randint(1, 254)}", dice.uniform(0, DAY / 2)
    report = '{"csp-report": {"document-uri": "https://shop.example/", "violated-directive": "script-src"}}'
    for _ in range(dice.randint(10, 60)):
        at += dice.expovariate(1 / 40)
        yield Ask(
            at, f"ext{number}", client, "Mozilla/5.0 Firefox/143.0", "/.garrison/reports", method="POST", body=report
        )
