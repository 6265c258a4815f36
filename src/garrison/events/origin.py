"""Who made a client send a request, as far as its browser tells: what may be held against the client, and what not.

Threat: any site can have its visitors' browsers touch our trap addresses or send what we refuse. If that counted
against them, a page with an image tag could have them banned.

`direct`: nobody else's page had a part in it (Sec-Fetch-Site: none), or the client is no browser, or it claims to be a
browser that always sends Fetch Metadata and sent none. `same-origin`: a page of ours. `cross-site`: another site's.
`unclear`: a browser too old to say, or plain http. (W3C Fetch Metadata.)
Lets pass: a tool that sends `cross-site` itself is never held `direct`; limits and refusals meet it all the same.
"""

from __future__ import annotations

import re
from typing import Final

DIRECT: Final = "direct"
_SAID: Final = {b"none": DIRECT, b"same-origin": "same-origin", b"same-site": "cross-site", b"cross-site": "cross-site"}
_UNCLEAR: Final = "unclear"
_BROWSER: Final = b"mozilla/"
_ENGINE: Final = re.compile(rb"AppleWebKit|KHTML|Gecko/|MSIE|Trident|Presto")
_VERSION: Final = re.compile(rb"(Chrome|Firefox|Version)/(\d{1,4})")
_ALWAYS: Final = {b"Chrome": 80, b"Firefox": 90, b"Version": 17}
"""Versions from which they send Sec-Fetch-Site with every request over https (Safari: 16.4)."""


def origin_of(site: bytes, agent: bytes, *, secure: bool) -> str:
    """See the module. `site` and `agent` are the headers Sec-Fetch-Site and User-Agent, empty where absent."""
    if site:
        return _SAID.get(site, _UNCLEAR)
    if not agent.lower().startswith(_BROWSER) or not _ENGINE.search(agent):
        return DIRECT
    found = _VERSION.search(agent)
    return DIRECT if secure and found and int(found[2]) >= _ALWAYS[found[1]] else _UNCLEAR
