"""Cursors: where a page of a listing ended, signed.

Threat: a position the client makes up, to read from elsewhere in an index or to feed the query values it never meant
(CWE-639, CWE-807). The signature covers the listing (`place`), so a cursor of one is no cursor of another.
Lets pass: replay. A cursor says where to go on, never who may read: filter by the principal all the same.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Final

from pydantic_core import PydanticCustomError

from ..core.ports import Sign

Part = str | int | None
_MOST: Final = 1024


def _wrong() -> PydanticCustomError:
    return PydanticCustomError("cursor", "Not a cursor of this listing")


class Cursors:
    """Writes and reads the cursors of one listing.

    `sign`: a signer of a purpose of its own (`services.signer("cursor")`); `place`: the listing and whatever else a
    cursor must not be carried across, such as the filter or the principal's id.
    """

    __slots__ = ("_place", "_sign")

    def __init__(self, sign: Sign, place: str) -> None:
        self._sign = sign
        self._place = f"{len(place)}:{place}:".encode()

    def write(self, position: Sequence[Part]) -> str:
        """A cursor for the values of the sort keys in the last row. Raises `ValueError` when they are too long."""
        data = json.dumps(list(position), separators=(",", ":")).encode()
        text = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        cursor = f"{text}~{self._sign.sign(self._place + data)}"
        if len(cursor) > _MOST:
            raise ValueError("the position is too long for a cursor")
        return cursor

    def read(self, cursor: str) -> tuple[Part, ...]:
        """The position. Raises `PydanticCustomError` for what we did not write for this listing; nothing of it is
        parsed before the signature holds."""
        text, mark, tag = cursor.partition("~")
        if not mark or len(cursor) > _MOST or not cursor.isascii():
            raise _wrong()
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _wrong() from None
        if not self._sign.verify(self._place + data, tag):
            raise _wrong()
        return tuple(json.loads(data))
