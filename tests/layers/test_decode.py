"""Encoded bodies: decoded piece by piece, under caps."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable

import pytest

from garrison.core.verdict import Reason, Refuse
from garrison.layers.decode import FREE, MAX_MEMBERS, PIECE, Decoder

TEXT = b"".join(b"%d: a line of text with some O'Brien in it\n" % number for number in range(3000))


def _decode(encoding: str, chunks: Iterable[bytes], cap: int = 10**6, ratio: int = 100) -> bytes | Refuse:
    decoder = Decoder(encoding, cap, ratio)
    made = b""
    for chunk in chunks:
        pieces = decoder.feed(chunk, False)
        if isinstance(pieces, Refuse):
            return pieces
        made += b"".join(pieces)
    rest = decoder.feed(b"", True)
    return rest if isinstance(rest, Refuse) else made + b"".join(rest)


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_a_body_comes_out_whole_however_it_is_cut(encoding: str, size: int) -> None:
    packed = gzip.compress(TEXT) if encoding == "gzip" else zlib.compress(TEXT)
    assert _decode(encoding, _cut(packed, size)) == TEXT


def test_the_last_chunk_may_carry_data() -> None:
    assert Decoder("gzip", 10**6, 100).feed(gzip.compress(b"note"), True) == [b"note"]


def test_an_empty_body_is_an_empty_body() -> None:
    assert Decoder("gzip", 100, 100).feed(b"", True) == []
    assert Decoder("deflate", 100, 100).feed(zlib.compress(b""), True) == []


def test_several_gzip_members_are_one_body() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    for size in (1, 5, len(packed)):
        assert _decode("gzip", _cut(packed, size)) == b"one two"


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT)[:-9]),
        ("gzip", gzip.compress(TEXT)[:4]),
        ("gzip", gzip.compress(b"x") + b"trailing"),
        ("gzip", gzip.compress(b"x") + b"\x00" * 8),
        ("gzip", gzip.compress(b"x") + gzip.compress(b"y")[:5]),
        ("gzip", b"plain text"),
        ("gzip", zlib.compress(b"x")),
        ("gzip", gzip.compress(b"x")[:-8] + b"\x00" * 8),
        ("gzip", gzip.compress(b"") * (MAX_MEMBERS + 1)),
        ("deflate", zlib.compress(TEXT)[:-1]),
        ("deflate", zlib.compress(b"x") + b"y"),
        ("deflate", zlib.compress(b"x") * 2),
        ("deflate", zlib.compress(b"x")[2:-4]),  # a bare stream without its wrapper
        ("deflate", gzip.compress(b"x")),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",  # packed data holds the time of day
)
@pytest.mark.parametrize("size", [3, 10**6])
def test_a_broken_body_is_a_bad_request(encoding: str, data: bytes, size: int) -> None:
    refusal = _decode(encoding, _cut(data, size))
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status, refusal.layer) == (Reason.BODY_MALFORMED, 400, "size")


def _packed_zeros(total: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([packer.compress(bytes(10**6)) for _ in range(total // 10**6)]) + packer.flush()


@pytest.mark.parametrize("size", [100, 10**6])
def test_a_bomb_is_refused_and_never_held(size: int) -> None:
    bomb = _packed_zeros(100 * 10**6)
    assert len(zlib.decompress(bomb)) == 100 * 10**6  # the control: decoded at once, it is all there
    tracemalloc.start()
    refusal = _decode("deflate", _cut(bomb, size), cap=10**6, ratio=10**9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status) == (Reason.EXPANSION_TOO_LARGE, 413)
    assert peak < 4 * 10**6 + PIECE


def test_a_bomb_within_the_cap_is_refused_by_its_ratio() -> None:
    bomb = _packed_zeros(5 * 10**6)
    assert isinstance(_decode("deflate", [bomb], cap=10**7, ratio=100), Refuse)
    allowed = _decode("deflate", [bomb], cap=10**7, ratio=2000)
    assert allowed == bytes(5 * 10**6)  # the control


def test_a_small_body_of_one_repeated_word_passes_any_ratio() -> None:
    assert _decode("gzip", [gzip.compress(b"a" * FREE)], ratio=2) == b"a" * FREE
    assert isinstance(_decode("gzip", [gzip.compress(b"a" * (FREE + 1))], ratio=2), Refuse)


def test_many_members_do_not_go_round_the_cap() -> None:
    packed = gzip.compress(TEXT) * 10
    assert isinstance(_decode("gzip", [packed], cap=len(TEXT) * 9), Refuse)
    assert _decode("gzip", [packed], cap=len(TEXT) * 10) == TEXT * 10
