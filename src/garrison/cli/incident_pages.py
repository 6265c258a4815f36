"""A report as Markdown, and as one HTML file that needs nothing else: to attach, to print, to archive.

Threat: what an attacker wrote (a path, an account, a User-Agent) runs as a script in whoever opens the report, calls
home, or forges a row. Every text is made inert and escaped; the page's own Content-Security-Policy (CSP3) allows no
source but the one style in it, by hash, and no script at all, so that even a slip in the escaping stays text.
Lets pass: `frame-ancestors` has no effect in a meta tag.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from ..findings.as_markdown import escape as escape_markdown
from ..findings.inert import clip, one_line

if TYPE_CHECKING:
    from .incident_report import Page, Part

_CELL: Final = 1000
_STYLE: Final = """\
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem; background: #fff; color: #1c2127;
  font: 0.95rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; break-after: avoid; }
p { margin: 0.35rem 0; }
.quiet { color: #5c6670; }
.mark { margin: 0 0 1.5rem; padding: 0.75rem 1rem; border: 3px solid #b5390b; color: #b5390b; font-weight: 700; }
.blank { height: 8rem; border: 1px dashed #9aa5b0; margin-top: 0.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #dfe3e8; padding: 0.3rem 0.6rem 0.3rem 0; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; unicode-bidi: isolate; }
th { color: #5c6670; font-weight: 600; }
tr { break-inside: avoid; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } thead { display: table-header-group; } }
"""
POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


def as_html(page: Page) -> str:
    """One HTML document, ending in a line feed."""
    mark = f'<p class="mark">{_text(page.mark)}</p>\n' if page.mark else ""
    parts = "\n".join(map(_section, page.parts))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{_text(page.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
{mark}<header><h1>{_text(page.title)}</h1><p class="quiet">{_text(page.about)}</p></header>
<main>
{parts}
</main>
</body>
</html>
"""


def as_markdown(page: Page) -> str:
    """GitHub-flavoured Markdown, ending in a line feed; room to write stands where people have to."""
    lines = [f"# {_plain(page.title)}", "", _plain(page.about), ""]
    if page.mark:
        lines = [f"**{_plain(page.mark)}**", "", *lines]
    for part in page.parts:
        lines += [f"## {_plain(part.head)}", ""]
        lines += [line for said in part.said for line in (_plain(said), "")]
        lines += _markdown_table(part)
        if part.blank:
            lines += ["…", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(part: Part) -> str:
    said = "".join(f"<p>{_text(text)}</p>" for text in part.said)
    table = ""
    if part.heads:
        heads = "".join(f'<th scope="col">{_text(head)}</th>' for head in part.heads)
        head = f"<thead><tr>{heads}</tr></thead>" if any(part.heads) else ""
        table = f"<table>{head}<tbody>\n{''.join(map(_row, part.rows))}</tbody></table>"
    blank = '<div class="blank"></div>' if part.blank else ""
    return f"<section><h2>{_text(part.head)}</h2>{said}{table}{blank}</section>"


def _row(row: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>\n"


def _text(text: str) -> str:
    return escape(one_line(clip(text, _CELL)), quote=True)


def _markdown_table(part: Part) -> Iterator[str]:
    if not part.heads:
        return
    yield f"| {' | '.join(map(_plain, part.heads))} |"
    yield f"| {' | '.join('---' for _ in part.heads)} |"
    for row in part.rows:
        yield f"| {' | '.join(map(_plain, row))} |"
    yield ""


def _plain(text: str) -> str:
    return escape_markdown(clip(text, _CELL))
