"""Encoded bodies, decoded piece by piece under caps.

Threat: a few kilobytes that unfold into gigabytes (CWE-409), and bodies that hide what they are from whoever counts or
inspects them. Decoding never holds more than one piece beyond what it has handed out, and stops at the byte cap or the
ratio, whichever comes first.

`gzip` may have several members (RFC 1952 section 2.2), at most `MAX_MEMBERS`; `deflate` is the zlib format (RFC 9110
section 8.4.1.2), never the bare stream some clients once sent. Bytes after the end and a stream that is cut short are
malformed. Lets pass: any ratio within the first `FREE` bytes, since a short body of one repeated word exceeds them all.
"""

from __future__ import annotations

import zlib

from ..core.verdict import Reason, Refuse

NAME = "size"
PIECE = 64 * 1024
"""Bytes decoded at a time."""
FREE = 64 * 1024
"""Decoded bytes to which the ratio does not apply yet."""
MAX_MEMBERS = 256
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Decoder:
    """One body's decoder. `encoding` is "gzip" or "deflate", `cap` in decoded bytes, `ratio` decoded to encoded."""

    __slots__ = ("_cap", "_encoded", "_encoding", "_made", "_members", "_ratio", "_stream")

    def __init__(self, encoding: str, cap: int, ratio: int) -> None:
        self._encoding = encoding
        self._cap = cap
        self._ratio = ratio
        self._stream = zlib.decompressobj(_WINDOW[encoding])
        self._members = 1
        self._encoded = 0
        self._made = 0

    def feed(self, chunk: bytes, last: bool) -> list[bytes] | Refuse:
        """Decode the next `chunk`; `last` when the body ends with it. Pieces in order, or why the body is refused.

        After a refusal the decoder must not be fed again. An empty body is an empty body, not a broken one.
        """
        pieces: list[bytes] = []
        self._encoded += len(chunk)
        try:
            refusal = self._decode(chunk, pieces)
        except zlib.error as error:
            return _malformed(str(error))
        if refusal is not None:
            return refusal
        if last and not self._stream.eof and self._encoded:
            return _malformed("the stream is cut short")
        return pieces

    def _decode(self, data: bytes, pieces: list[bytes]) -> Refuse | None:
        while data:
            if self._stream.eof and not self._next_member():
                return _malformed("there are bytes after the end")
            piece = self._stream.decompress(data, PIECE)
            if piece:
                self._made += len(piece)
                if self._made > self._cap or self._made > max(FREE, self._encoded * self._ratio):
                    return self._too_large()
                pieces.append(piece)
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return None

    def _next_member(self) -> bool:
        if self._encoding != "gzip" or self._members >= MAX_MEMBERS:
            return False
        self._stream = zlib.decompressobj(_WINDOW["gzip"])
        self._members += 1
        return True

    def _too_large(self) -> Refuse:
        detail = f"{self._made} bytes out of {self._encoded}"
        return Refuse(
            Reason.EXPANSION_TOO_LARGE, 413, layer=NAME, detail=detail, hint="The body is too large once decoded."
        )


def _malformed(detail: str) -> Refuse:
    return Refuse(Reason.BODY_MALFORMED, 400, layer=NAME, detail=detail, hint="The body cannot be decoded.")
