"""Markdown to HTML that is safe to put into a page.

Threat: stored XSS (CWE-79), and pictures that tell their host who reads a note. Two independent lines: the renderer
escapes HTML, and the sanitiser lets only listed elements through. The Content-Security-Policy is the third.
"""

from __future__ import annotations

from html import unescape
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

_RENDERER: Final = (
    MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"]).disable("image")
)
_TAGS: Final = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}


def render(text: str) -> Markup:
    """`text` as sanitised HTML."""
    html = nh3.clean(
        _RENDERER.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(html)  # noqa: S704  # sanitised on the line above


def plain(text: str) -> str:
    """`text` without its markup, on one line. It is text again: escape it where it goes into a page."""
    return " ".join(unescape(nh3.clean(_RENDERER.render(text), tags=set())).split())
