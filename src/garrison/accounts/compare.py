"""Comparing secrets: one function to do it with, and a check that finds where it was not used.

Threat: `==` stops at the first byte that differs, so its time tells how much of a guessed token was right (CWE-208).
`same` takes as long for a near miss as for a wild guess.

`find_naive_comparisons` reads source code and never runs it. It goes by names, so it lets pass what is not called a
secret, and what is compared by other means than `==`, `!=` and `in` (a database query, a dictionary). It stays silent
where the other side is a short constant, a name of its kind (`token_type`), or a second entry of a new password.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final


def same(left: str | bytes, right: str | bytes) -> bool:
    """Whether two secrets are equal, in time that does not depend on where they differ (their lengths do show).

    Text counts as its UTF-8. Raises TypeError for anything but text and bytes, None among it: an absent secret equals
    nothing, and the caller has to say what follows from it.
    """
    return compare_digest(_bytes(left), _bytes(right))


def _bytes(value: str | bytes) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return value
    raise TypeError(f"secrets are text or bytes, not {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class NaiveComparison:
    """One comparison that should be `same(…)`. `line` counts from 1, `column` from 0; `name` looks like a secret."""

    line: int
    column: int
    name: str


_SECRETS: Final = frozenset(
    {
        "apikey", "credential", "csrf", "digest", "hexdigest", "hmac", "mac", "otp", "passphrase", "passwd", "password",
        "pwd", "secret", "signature", "tag", "token", "totp", "xsrf",
    }
)  # fmt: skip
_WEAK: Final = frozenset({"tag", "mac", "digest", "token", "signature", "credential"})
"""Words that also mean other things: an element's tag, a parser's token. Alone they need company, see `_is_secret`."""
_COMPANY: Final = frozenset(
    {
        "access", "api", "auth", "authentication", "authorization", "bearer", "csrf", "expected", "given", "hmac", "id",
        "jwt", "login", "our", "provided", "received", "refresh", "reset", "secret", "sent", "session", "stored",
        "their", "user", "valid", "webhook",
    }
)  # fmt: skip
_PAIRS: Final = frozenset(
    {("api", "key"), ("private", "key"), ("access", "key"), ("session", "key"), ("secret", "key")}
)
_AGAIN: Final = frozenset({"again", "confirm", "confirmation", "confirmed", "repeat", "repeated", "retype", "2"})
_SHORTEST: Final = 8
"""Characters from which on a constant could be a secret; shorter ones are modes, separators and empty strings."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def find_naive_comparisons(source: str) -> list[NaiveComparison]:
    """Every comparison of `source` by `==`, `!=` or `in` that has a secret on one side, in order.

    Raises SyntaxError for what is not Python of this interpreter's version.
    """
    found = [
        NaiveComparison(node.lineno, node.col_offset, name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        for name in _naive(node)
    ]
    return sorted(found, key=lambda one: (one.line, one.column))


def _naive(node: ast.Compare) -> Iterator[str]:
    sides = [node.left, *node.comparators]
    for place, operator in enumerate(node.ops):
        left, right = sides[place], sides[place + 1]
        if isinstance(operator, (ast.In, ast.NotIn)):
            # `token in ("a", "b")` compares with each; `token in allowed` may well be a set, which hashes.
            pairs = [(left, one) for one in right.elts] if isinstance(right, (ast.Tuple, ast.List)) else []
        elif isinstance(operator, (ast.Eq, ast.NotEq)):
            pairs = [(left, right)]
        else:
            pairs = []
        names = [_name(one) or _name(other) for one, other in pairs if not _is_harmless(one, other)]
        if name := next(filter(None, names), ""):
            yield name


def _name(node: ast.expr) -> str:
    """What `node` is called, if that is what a secret would be called."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name if _is_secret(name) else ""
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key if _is_secret(key) else ""
        case ast.Call(func=ast.Attribute(attr="digest" | "hexdigest" as name)):
            return name
        case ast.Call(func=ast.Attribute(attr="get" | "pop"), args=[ast.Constant(value=str() as key), *_]):
            return key if _is_secret(key) else ""
        case ast.Call(func=ast.Attribute(value=inner, attr="strip" | "encode" | "decode" | "lower" | "hex")):
            return _name(inner)
        case ast.Await(value=inner) | ast.NamedExpr(value=inner):
            return _name(inner)
    return ""


def _is_secret(name: str) -> bool:
    words = _words(name)
    if not words or (words[-1] not in _SECRETS and tuple(words[-2:]) not in _PAIRS):
        return False
    return words[-1] not in _WEAK or not _COMPANY.isdisjoint(words[:-1])


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _is_harmless(left: ast.expr, right: ast.expr) -> bool:
    return any(map(_is_plain, (left, right))) or _is_second_entry(left, right)


def _is_plain(node: ast.expr) -> bool:
    """A constant that is no secret: None, a number, or a text too short or too wordy to be one."""
    match node:
        case ast.Constant(value=str() | bytes() as value):
            return len(value) < _SHORTEST
        case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.List() | ast.Dict() | ast.Set() | ast.Tuple():
            return True
    return False


def _is_second_entry(left: ast.expr, right: ast.expr) -> bool:
    """`password == password_again`: both came from the same person, in the same form."""
    called = [_words(_plain_name(one)) for one in (left, right)]
    return all(called) and any(not _AGAIN.isdisjoint(words) for words in called)


def _plain_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""
