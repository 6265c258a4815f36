"""People: shoppers, members with their passwords and password managers, offices and carriers behind one address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

from .ask import BROWSERS, DAY, OLD_BROWSER, Ask, Visitor, retried

ITEMS: Final = 2000
_ASSETS: Final = ("/static/site.css", "/static/site.js", "/static/logo.svg")
_ICONS: Final = (
    "/apple-touch-icon.png",
    "/apple-touch-icon-precomposed.png",
    "/apple-touch-icon-120x120.png",
    "/favicon.png",
    "/.well-known/change-password",
    "/.well-known/appspecific/com.chrome.devtools.json",
    "/.well-known/assetlinks.json",
    "/site.webmanifest",
    "/browserconfig.xml",
)
"""What browsers and password managers look for by themselves, and do not find."""
_WORDS: Final = (
    "O'Brien", "select the best offer from our union of shops", "1 or 1 day delivery",
    "C++ & <b>HTML</b> for beginners",
    "drop table lamp; wooden", "https://example.org/?id=1&x=../y", "Größe 42 — größer", "人気の本",
    "🎁 под ёлку", "50% off",
    "it's -- really -- cheap", "../..", "{{ handlebars }} moustache", "AND 5=5 the maths book",
)  # fmt: skip


def address(dice: Random) -> str:
    """One of millions; nobody's twice, as good as."""
    if dice.random() < 0.3:
        first, second, last = (dice.randint(1, 65_535) for _ in range(3))
        return f"2a{dice.randint(0, 9)}0:{first:x}:{second:x}:1::{last:x}"
    return f"{dice.randint(5, 65)}.{dice.randint(0, 255)}.{dice.randint(0, 255)}.{dice.randint(1, 254)}"


def person(name: str, dice: Random, client: str = "") -> Visitor:
    agent = OLD_BROWSER if dice.random() < 0.02 else dice.choice(BROWSERS)
    return Visitor(name, client or address(dice), agent, dice)


def browse(who: Visitor, at: float, pages: int) -> Iterator[Ask]:
    """Look around: pages with what belongs to them, a search, now and then a page that is gone."""
    dice = who.dice
    yield who.ask(at, "/", site="none")
    for path in _ASSETS:
        yield who.ask(at + dice.uniform(0.05, 0.4), path)
    for path in dice.sample(_ICONS, dice.choice((0, 0, 1, 2, 3))):
        yield who.ask(at + dice.uniform(0.4, 1.0), path)
    for _ in range(pages):
        at += who.pause(18.0)
        roll = dice.random()
        if roll < 0.12:
            yield who.ask(at, "/search", query=dice.choice(_WORDS))
        elif roll < 0.15:
            yield who.ask(at, f"/items/{ITEMS + dice.randint(1, 900)}", site=dice.choice(("none", "cross-site")))
        elif roll < 0.155:
            yield who.ask(at, f"/shop/old/{dice.randint(1, 5000)}.html", site="none")
        else:
            yield who.ask(at, f"/items/{dice.randint(1, ITEMS)}")
            yield who.ask(at + 0.2, f"/static/photo-{dice.randint(1, ITEMS)}.jpg")
        if roll > 0.97:
            yield who.ask(at + 1.5, "/static/site.js")


def log_in(who: Visitor, at: float, account: str) -> Iterator[Ask]:
    """Most know their password; some mistype it; a password manager sends an old one; some have forgotten it."""
    dice, wrong = who.dice, 0
    yield who.ask(at, "/log-in")
    roll = dice.random()
    if roll < 0.10:
        wrong = dice.randint(1, 2)
    elif roll < 0.13:
        wrong = 2  # the manager fills in what was right before the last change
    elif roll < 0.15:
        wrong = dice.randint(4, 7)
    for number in range(wrong):
        at += dice.uniform(0.4, 2.0) if roll >= 0.10 else dice.uniform(4, 15)
        yield who.ask(at, "/log-in", method="POST", login=account, password=f"old-{number}")
    if wrong > 3:
        yield who.ask(at + 20, "/recover", method="POST", body="{}")
        at += dice.uniform(120, 600)
    at += dice.uniform(3, 9)
    yield who.ask(at, "/log-in", method="POST", login=account, password="right")


def member(who: Visitor, at: float, account: str) -> Iterator[Ask]:
    """Log in and shop; some come back to a tab of yesterday, some send a form twice, some walk out of the wifi."""
    dice = who.dice
    yield from log_in(who, at, account)
    if dice.random() < 0.04:
        yield who.ask(at + 650, "/cart", method="POST", body='{"item": 5}', token="stale")
    at += 700 if dice.random() < 0.02 else 25
    if dice.random() < 0.05:
        who = replace(who, client=address(dice))
    for ask in browse(who, at, dice.randint(2, 9)):
        yield ask
        if ask.path.startswith("/items/") and dice.random() < 0.3:
            times = 2 if dice.random() < 0.1 else 1
            for number in range(times):
                yield who.ask(ask.at + 4 + 0.1 * number, "/cart", method="POST", body='{"item": 7}')
        at = ask.at
    yield who.ask(at + 5, "/me")


def office(number: int, size: int, dice: Random, start: float) -> Iterator[Ask]:
    """Everybody behind one address, logging in within the same hour."""
    client = f"198.51.{100 + number}.{dice.randint(1, 254)}"
    for seat in range(size):
        name = f"office{number}-{seat}"
        at = start * 3600 + dice.uniform(0, 3600)
        yield from member(person(name, dice, client), at, name)


def stuck_tab(who: Visitor, at: float, every: float) -> Iterator[Ask]:
    """A tab left open: its session is over, and it asks on, all day."""
    while at < DAY:
        yield who.ask(at, "/me/news")
        at += every * who.dice.uniform(0.9, 1.1)


def accountant(who: Visitor, at: float) -> Iterator[Ask]:
    """The end of the month: one person takes many large files home, and may."""
    yield from log_in(who, at, "accountant")
    for month in range(24):
        at += 20 + who.pause(15)
        yield who.ask(at, f"/reports/{month}.csv")


def on_a_train(asks: Iterator[Ask], dice: Random) -> Iterator[Ask]:
    return retried(asks, dice, 0.3)
