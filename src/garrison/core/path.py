"""One path: decoded once, and judged for what two parsers could read differently.

Threat: a proxy, this framework and the application disagree on what a path is, and a rule written for one path is
dodged with another spelling of it (CWE-22, CWE-41, CWE-436; RFC 3986 sections 2.4 and 6.2.2). So a path is decoded
exactly once, the way ASGI servers decode it, and every spelling that leaves room for a second reading is named as a
fault. Which faults are refused is the business of the `target` layer.

A path with a fault belongs to no route class: callers give it class 0 (the default class), so that an odd spelling can
never reach settings that loosen. What a class tightens does not hold for it either: letting a fault pass is a choice
for the whole application.

Passes without a fault: any percent-encoded text in valid UTF-8 (`/caf%C3%A9`, `/O'Brien`, `/a%20b`, `/%2B`), path
parameters (`/map;v=2/x`), `~`, `|`, `{}` and other ASCII that clients send bare, one trailing slash, `/.well-known/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

FAULTS: Final = (
    "control",
    "encoded-slash",
    "backslash",
    "dot-segment",
    "empty-segment",
    "double-encoding",
    "invalid-utf8",
    "malformed-percent",
    "fragment",
    "raw-byte",
    "not-origin-form",
)
"""All the names a fault can have, in the order in which they are listed.

control            a control character, bare or encoded (C0, DEL, C1, U+2028, U+2029), or a bare space
encoded-slash      `%2F`
backslash          a backslash, bare or encoded
dot-segment        a segment that is `.` or `..` once decoded, with or without path parameters, also full-width
empty-segment      `//`
double-encoding    what was decoded holds another escape (`%252e`)
invalid-utf8       the decoded bytes are not UTF-8; overlong forms and surrogates are not
malformed-percent  `%` without two hexadecimal digits
fragment           a bare `#`: some parsers cut there
raw-byte           a bare byte above 0x7f (RFC 3986 allows none, and servers differ)
not-origin-form    does not begin with `/` (RFC 9112 section 3.2: absolute, authority and asterisk form), or is empty
"""

# Segments of unsuspicious ASCII that do not begin with a dot. Possessive, so that it is linear.
_PLAIN: Final = re.compile(rb"(?:/[^\x00-\x20%#\\./\x7f-\xff][^\x00-\x20%#\\/\x7f-\xff]*+)++/?+|/").fullmatch
_ESCAPED_SLASH: Final = re.compile(rb"%2[Ff]").search
_BAD_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})").search
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
_ESCAPE: Final = re.compile("%(?:[0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})").search
_DOTS: Final = re.compile(r"(?:\A|[/\\])\.{1,2}(?:[/\\;]|\Z)").search
# Characters that compatibility folding (NFKC) turns into dots and slashes. A table, because folding itself takes
# quadratic time on hostile text.
_LOOKALIKES: Final = str.maketrans(
    {"．": ".", "․": ".", "﹒": ".", "‥": "..", "︰": "..", "／": "/", "＼": "\\", "﹨": "\\"}
)


def normalise(raw_path: bytes) -> tuple[str, str]:
    """The path decoded once, as ASGI servers put it into `scope["path"]`, and the faults found.

    The faults are names of `FAULTS` separated by spaces; empty for a plain path. Never raises.
    """
    if _PLAIN(raw_path) is not None:
        return raw_path.decode("ascii"), ""
    decoded = unquote_to_bytes(raw_path)
    try:
        text, valid = decoded.decode("utf-8"), True
    except UnicodeDecodeError:
        text, valid = decoded.decode("utf-8", "replace"), False
    found = (
        _CONTROL(text) is not None or b" " in raw_path,
        _ESCAPED_SLASH(raw_path) is not None,
        "\\" in text,
        _DOTS(text if text.isascii() else text.translate(_LOOKALIKES)) is not None,
        "//" in text,
        _ESCAPE(text) is not None,
        not valid,
        _BAD_PERCENT(raw_path) is not None,
        b"#" in raw_path,
        not raw_path.isascii(),
        not raw_path.startswith(b"/"),
    )
    return text, " ".join([name for name, here in zip(FAULTS, found, strict=True) if here])


_NOT_IN_PATTERN: Final = {
    "%": "write the characters themselves: paths are compared decoded",
    "?": "the query is no part of a path",
    "#": "a path has no fragment",
    "\\": "paths with a backslash are faulty and belong to no class",
    "{": "write `*` for one segment",
    "}": "write `*` for one segment",
}


class PathPattern:
    """One pattern of a route class: exact (`/login`), `*` for one segment, `**` at the end for everything below.

    `/api/**` matches `/api` too. One trailing slash is ignored on both sides. `regex` is the pattern as a regular
    expression; `exact` is the path itself when there is no star, else None. Raises ValueError for anything else.
    """

    __slots__ = ("_below", "_segments", "exact", "regex", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        segments = _segments(text)
        below = segments[-1:] == ["**"]
        if below:
            segments.pop()
        for segment in segments:
            _check_segment(segment, text)
        regex = "".join("/[^/]+" if s == "*" else "/" + re.escape(s) for s in segments)
        self.regex = regex + ("(?:/.*)?" if below else "/?" if segments else "/")
        self.exact = None if below or "*" in segments else "/" + "/".join(segments)
        self._segments, self._below = segments, below

    def covers(self, other: PathPattern) -> bool:
        """Whether every path that `other` matches is matched by this one, too."""
        mine, theirs = self._segments, other._segments
        long_enough = len(theirs) >= len(mine) if self._below else len(theirs) == len(mine) and not other._below
        return long_enough and all(one in ("*", that) for one, that in zip(mine, theirs, strict=False))


def _segments(text: str) -> list[str]:
    if not text.startswith("/"):
        raise ValueError(f"the path pattern {text!r} must begin with a slash")
    return text[1:].removesuffix("/").split("/") if text != "/" else []


def _check_segment(segment: str, text: str) -> None:
    where = f"the path pattern {text!r}"
    if segment == "**":
        raise ValueError(f"{where} has `**` before its end; use `*` for each segment there")
    if segment != "*" and "*" in segment:
        raise ValueError(f"{where}: a star stands for a whole segment, not for a part of one")
    if segment in {"", ".", ".."}:
        raise ValueError(f"{where} has an empty or dot segment, which no plain path has")
    if not segment.isprintable():
        raise ValueError(f"{where} has a control character")
    for character, advice in _NOT_IN_PATTERN.items():
        if character in segment:
            raise ValueError(f"{where} has {character!r}; {advice}")


_Match: TypeAlias = Callable[[str], re.Match[str] | None]


def _matcher(patterns: Iterable[PathPattern]) -> _Match:
    return re.compile("|".join(pattern.regex for pattern in patterns) or r"(?!)", re.DOTALL).fullmatch


def compile_paths(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a plain decoded path matches any of `patterns` (see `PathPattern`). No patterns match nothing.

    Ask it about paths without a fault only. Raises ValueError for a malformed pattern.
    """
    match = _matcher([PathPattern(text) for text in patterns])
    return lambda path: match(path) is not None


class RouteTable:
    """Which route class a path belongs to: the first whose paths and methods both match.

    Built from `(paths, methods)` of each class in order; no methods means all of them. Exact paths are found in a
    dictionary, the others are tried in order, so a look-up costs at most one match per class.
    """

    __slots__ = ("_exact", "_others")

    def __init__(self, classes: Sequence[tuple[Sequence[str], Sequence[str]]]) -> None:
        self._exact: dict[str, list[tuple[int, frozenset[str]]]] = {}
        self._others: list[tuple[int, frozenset[str], _Match]] = []
        for index, (paths, methods) in enumerate(classes, 1):
            named = frozenset(method.upper() for method in methods)
            patterns = [PathPattern(text) for text in paths]
            for exact in {pattern.exact for pattern in patterns if pattern.exact is not None}:
                self._exact.setdefault(exact, []).append((index, named))
            if rest := [pattern for pattern in patterns if pattern.exact is None]:
                self._others.append((index, named, _matcher(rest)))

    def find(self, path: str, method: str) -> int:
        """0 for the default class, i + 1 for the i-th class. Ask it about paths without a fault only."""
        best = self._find_exact(path, method) if self._exact else 0
        for index, methods, match in self._others:
            if best and index >= best:
                break
            if (not methods or method in methods) and match(path) is not None:
                return index
        return best

    def _find_exact(self, path: str, method: str) -> int:
        entries = self._exact.get(path)
        if entries is None and path[-1:] == "/":
            entries = self._exact.get(path[:-1])
        for index, methods in entries or ():
            if not methods or method in methods:
                return index
        return 0
