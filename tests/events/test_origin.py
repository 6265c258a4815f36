"""What is held against a client is what nobody else's page made it send."""

from __future__ import annotations

import pytest

from garrison.events.origin import origin_of

CHROME = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
OLD_SAFARI = b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) AppleWebKit/605.1.15 Version/13.1.2 Safari/605.1.15"


@pytest.mark.parametrize(
    ("site", "agent", "secure", "origin"),
    [
        (b"none", CHROME, True, "direct"),
        (b"same-origin", CHROME, True, "same-origin"),
        (b"same-site", CHROME, True, "cross-site"),
        (b"cross-site", CHROME, True, "cross-site"),
        (b"", b"curl/8.5.0", True, "direct"),
        (b"", b"", True, "direct"),
        (b"", CHROME, True, "direct"),
        (b"", CHROME, False, "unclear"),
        (b"", OLD_SAFARI, True, "unclear"),
        (b"", b"Mozilla/5.0 (compatible; Googlebot/2.1)", True, "direct"),
        (b"", b"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)", True, "unclear"),
        (b"nonsense", CHROME, True, "unclear"),
        (b"none, cross-site", b"curl/8.5.0", True, "unclear"),
    ],
)
def test_the_origin_is_what_the_browser_says_and_never_better_than_that(
    site: bytes, agent: bytes, secure: bool, origin: str
) -> None:
    assert origin_of(site, agent, secure=secure) == origin
