"""Put a route class's headers on an answer: drop what layers own, add what they set, let them amend."""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..core.exchange import Exchange
from ..core.headers import Edit, RawHeaders, merge_vary
from ..core.row import broken_at
from ..core.stack import Stack


class AmendFailed(Exception):  # internal: never leaves asgi/
    """A layer raised `cause` while it amended an answer."""

    def __init__(self, layer: str, cause: Exception) -> None:
        super().__init__(layer)
        self.layer = layer
        self.cause = cause


def dress(
    stack: Stack,
    exchange: Exchange,
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    ours: bool = False,
) -> RawHeaders:
    """The headers that go out. Raises `AmendFailed`, from the layer's own exception.

    Layers amend what the application sent; what the policy alone decides comes last, in one piece.
    """
    edit = Edit(status, [*map(tuple, headers)], ours)  # type: ignore[list-item]  # ASGI: pairs, lists perhaps
    names = tuple(edit.sent)
    leaves = stack.left.get(names)
    if not (stack.leaves(names) if leaves is None else leaves):
        edit = Edit(status, _disowned(stack.owned, edit.headers), ours)
    amend = stack.amend
    try:
        amend(exchange, edit)
    except Exception as error:
        # A layer that can't write its headers leaves the answer without a defence: the caller closes the door.
        raise AmendFailed(stack.amenders[broken_at(amend, error)], error) from error
    if stack.varies and (edit.varied or b"vary" in edit.sent):
        return merge_vary(edit.headers, stack.varies) + stack.sets
    return edit.headers + stack.ending


def _disowned(owned: Container[bytes], headers: RawHeaders) -> RawHeaders:
    """`headers` in lower case, without those that layers own. Most answers are so from the start."""
    return [(low, value) for name, value in headers if (low := name.lower()) not in owned]


def dress_plainly(stack: Stack, headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """Only the headers that can't fail: for the answer given after a layer failed."""
    return [(n, v) for n, v in headers if n not in stack.owned] + stack.sets
