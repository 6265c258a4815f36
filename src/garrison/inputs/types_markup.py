"""HTML fragments sanitised by a named profile, and Markdown rendered safely.

Threat: stored XSS (CWE-79), pictures that tell their host who reads (tracking), links that hand over the window. The
parser is a browser's (html5ever, through nh3): what comes out is what it would build, so mutation tricks have been
played out before. Assumption: fragments stand between tags, never in an attribute or a script.
Lets pass: text that misleads, links to bad places.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ..core.errors import DependencyError, OperatorError
from .text import OWN, Prose, compile_clean

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_INLINE: Final = frozenset({"a", "b", "br", "code", "del", "em", "i", "s", "strong", "sub", "sup"})
_BLOCKS: Final = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul"})
_TABLES: Final = frozenset({"table", "tbody", "td", "th", "thead", "tr"})

PROFILES: Final = {"text": frozenset[str](), "inline": _INLINE, "article": _INLINE | _BLOCKS | _TABLES}
"""Profile to its elements: "text" keeps none, "inline" a line's, "article" paragraphs, lists and tables. None has
pictures, styles, classes, ids, frames, forms or scripts."""


class UnknownProfile(OperatorError):
    """A profile that does not exist."""


class SafeHtml(str):
    """HTML that has been sanitised; template engines take it as it is (`__html__`)."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def sanitise(html: str, profile: str = "article") -> SafeHtml:
    """`html` with the elements of `profile` only; links keep http, https and mailto, and carry `rel`.

    Raises `UnknownProfile`, and `DependencyError` where the extra `inputs` is not installed.
    """
    if profile not in PROFILES:
        raise UnknownProfile(f"There is no HTML profile {profile!r}.", remedy=f"Take one of: {', '.join(PROFILES)}.")
    try:
        import nh3
    except ImportError as error:
        raise DependencyError("Sanitising HTML needs nh3.", remedy="pip install 'garrison[inputs]'") from error
    tags = set(PROFILES[profile])
    attributes = {tag: names for tag, names in (("a", {"href", "title"}), ("ol", {"start"})) if tag in tags}
    return SafeHtml(
        nh3.clean(
            html,
            tags=tags,
            attributes=attributes,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )


@cache
def _renderer() -> MarkdownIt:
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        raise DependencyError("Markdown needs markdown-it-py.", remedy="pip install 'garrison[inputs]'") from error
    rules = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
    return rules.enable(["table", "strikethrough"]).disable("image")


def render_markdown(text: str) -> SafeHtml:
    """CommonMark with tables as sanitised HTML: raw HTML is escaped, pictures stay text, and the sanitiser comes after.

    Raises `DependencyError` where the extra `inputs` is not installed.
    """
    return sanitise(_renderer().render(text), "article")


@dataclass(frozen=True, slots=True)
class Html:
    """Annotation for `SafeHtml`: a fragment of at most `most` characters, sanitised by `profile`. Nothing is refused
    for its markup; what the profile does not name is taken out. Characters that act are refused, as in prose."""

    profile: str = "inline"
    most: int = 20_000

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        clean = compile_clean(self.most, lines=True)

        def parse(text: str) -> SafeHtml:
            return sanitise(clean(text), self.profile)

        sanitise("", self.profile)  # a profile or library that is missing shows at the start
        text = core_schema.str_schema(max_length=self.most, strip_whitespace=True)
        return core_schema.no_info_after_validator_function(parse, text, metadata=dict(OWN))


HtmlFragment = Annotated[SafeHtml, Html()]
"""A fragment with inline elements only; `Annotated[SafeHtml, Html("article")]` takes more."""

Markdown = Prose
"""Markdown is kept as it was written, as prose; `render_markdown` makes the HTML when it is shown."""
