"""Markdown to HTML that is safe to put into a page, and to plain text for lists.

Threat: stored XSS (CWE-79), and pictures that tell their host who reads a note. Two independent lines of Garrison's:
the renderer escapes HTML, the sanitiser lets only listed elements through. The Content-Security-Policy is the third.
"""

from __future__ import annotations

from html import unescape

from garrison.inputs import SafeHtml, render_markdown, sanitise


def render(text: str) -> SafeHtml:
    """`text` as sanitised HTML."""
    return render_markdown(text)


def plain(text: str) -> str:
    """`text` without its markup, on one line. It is text again: escape it where it goes into a page."""
    return " ".join(unescape(sanitise(render_markdown(text), "text")).split())
