"""Look at a link's page to learn its title, without becoming anybody's proxy.

Threat: a link that somebody wrote leads inside (SSRF): `garrison.inputs.fetch` refuses that, on every redirect anew,
and bounds time and bytes. A page with many at once: they wait for each other. Callers learn only that it did not
work, not why. Lets pass: requests to public hosts in this server's name; the rate limit of the route bounds them.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html.parser import HTMLParser
from typing import Final

import anyio

from garrison.core.errors import GarrisonError
from garrison.inputs.fetch import Fetcher, FetchRule, Resolve

_SECONDS: Final = 5.0
_BYTES: Final = 256 * 1024
_TITLE: Final = 200
_AT_ONCE: Final = 10
_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_ASKING: Final = {"User-Agent": "notes-link-preview", "Accept": "text/html"}
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE)


class PreviewRefused(Exception):
    """There is no preview; the text says why, for us and not for the client."""


class Previews:
    """Fetches titles. `allow_loopback` is for tests: loopback addresses of any port are then asked too."""

    def __init__(self, *, allow_loopback: bool = False, resolve: Resolve | None = None) -> None:
        rule = FetchRule(
            ports=() if allow_loopback else None,
            types=("text/html", "application/xhtml+xml"),
            most=_BYTES,
            cut=True,  # the title stands near the start
            seconds=_SECONDS,
            allow_insecure_networks=_LOOPBACK if allow_loopback else (),
        )
        self._fetch = Fetcher(rule, resolve=resolve)
        self._limiter: anyio.CapacityLimiter | None = None

    async def title(self, address: str) -> str:
        """The title of the page at `address`; empty when it has none. Raises `PreviewRefused`."""
        if self._limiter is None:  # it belongs to an event loop
            self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        try:
            with anyio.fail_after(_SECONDS):
                async with self._limiter:
                    page = await self._fetch.get(address, _ASKING)
        except TimeoutError:
            raise PreviewRefused("it took too long") from None
        except GarrisonError as error:
            raise PreviewRefused(str(error)) from error
        if page.status != 200:
            raise PreviewRefused(f"status {page.status}")
        charset = _CHARSET.search(page.headers.get("content-type", ""))
        return find_title(page.body, charset[1] if charset else "utf-8")


def find_title(body: bytes, charset: str) -> str:
    """The text of the first `<title>`: one line, bounded."""
    try:
        text = body.decode(charset, "replace")
    except LookupError:  # a charset Python does not know
        text = body.decode("utf-8", "replace")
    finder = _TitleFinder()
    with suppress(AssertionError, ValueError):  # html.parser on markup that is beyond it: then there is no title
        finder.feed(text)
    words = "".join(char if char.isprintable() else " " for char in "".join(finder.parts)).split()
    return " ".join(words)[:_TITLE]


class _TitleFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._inside = self._done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "title" and not self._done

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._inside:
            self._inside, self._done = False, True

    def handle_data(self, data: str) -> None:
        if self._inside and len(self.parts) < 1000:
            self.parts.append(data)
