"""The JSON guard: what it refuses, what it takes, and that the quick way never takes what the exact one refuses."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.core.json_guard import _exactly
from garrison.inputs.json import JsonLimits, JsonRefused, loads

SMALL = JsonLimits(size=2000, depth=4, values=50, keys=20, digits=20)

ATTACKS: list[tuple[str, bytes, str]] = [
    ("depth", b"[" * 33 + b"]" * 33, "depth"),
    ("depth of objects", b'{"a":' * 40 + b"1" + b"}" * 40, "depth"),
    ("depth of objects and lists by turns", b'{"a":[' * 17 + b"1" + b"]}" * 17, "depth"),
    ("depth beside strings with brackets", b'["]]]]",' + b"[" * 40 + b"]" * 40 + b"]", "depth"),
    ("depth behind an escaped quote", b'["\\"",' + b"[" * 40 + b"]" * 40 + b"]", "depth"),
    ("a million values", b"[" + b"1," * 300_000 + b"1]", "values"),
    ("many empty objects", b"[" + b"{}," * 30_000 + b"{}]", "values"),
    ("many keys", json.dumps({str(n): 1 for n in range(30_000)}).encode(), "keys"),
    ("a number of a hundred thousand digits", b"[" + b"9" * 100_000 + b"]", "number"),
    ("a long fraction", b"0." + b"1" * 100, "number"),
    ("infinity by exponent", b"[1e999]", "number"),
    ("infinity by mantissa", b"[" + b"9" * 30 + b"e300]", "number"),
    ("duplicate keys", b'{"role":"user","role":"admin"}', "duplicate-key"),
    ("duplicate keys by escape", b'{"role":1,"r\\u006fle":2}', "duplicate-key"),
    ("duplicate keys deep down", b'[{"a":{"b":1,"b":2}}]', "duplicate-key"),
    ("duplicate keys with space", b'{"a" :1,\n"a"\t:2}', "duplicate-key"),
    ("duplicate keys beside a colon", b'{"a":1,"a":"12:30"}', "duplicate-key"),
    ("duplicate keys beside an escaped colon", b'{"a":1,"a":"\\":"}', "duplicate-key"),
    ("duplicate keys with colons in them", b'{"a:b":1,"a:b":2}', "duplicate-key"),
    ("duplicate keys with colons and a string that is one", b'{"a:":1,"b":":","a:":2}', "duplicate-key"),
    ("duplicate keys with an escaped quote", b'{"\\"":1,"\\"":2}', "duplicate-key"),
    ("a long number in two halves", b"[" + b"1" * 25 + b"e-" + b"0" * 25 + b"]", "number"),
    ("NaN", b"[NaN]", "not-a-number"),
    ("minus infinity", b"[-Infinity]", "not-a-number"),
    ("no UTF-8", b'["\xff"]', "utf-8"),
    ("overlong UTF-8", b'["\xc0\xaf"]', "utf-8"),
    ("a surrogate in UTF-8", b'["\xed\xa0\x80"]', "utf-8"),
    ("a lone surrogate", b'["\\ud800"]', "surrogate"),
    ("a lone low surrogate", b'["\\uDC00"]', "surrogate"),
    ("a lone surrogate in a key", b'{"\\ud800":1}', "surrogate"),
    ("a pair the wrong way round", b'["\\udc00\\ud800"]', "surrogate"),
    ("UTF-16", '{"a":1}'.encode("utf-16"), "utf-8"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "malformed"),
    ("two documents", b"{}{}", "malformed"),
    ("nothing", b"", "malformed"),
    ("half", b'{"a":', "malformed"),
    ("a control character", b'["a\nb"]', "malformed"),
    ("a comment", b"[1/*x*/]", "malformed"),
    ("too many bytes", b'"' + b"x" * 1024**2 + b'"', "size"),
]
BENIGN: list[Any] = [
    {}, [], "x", 1, None, -1.5e-10, 2**53,
    {"at": "12:30", "url": "https://example.com:8443/", "odd \": key": {"a:b": ":"}},
    {"name": "O'Brien", "text": "SELECT * FROM notes; -- [[[[ {{{{ \"quoted\" \\ back",
     "emoji": "👩‍🚀", "zh": "李小龍"},
    {"code": "[" * 200, "hash": "1e999" * 20, "digits": "9" * 500, "word": "NaN"},
    [{"a": 1, "b": [1, 2, {"c": True}]}] * 500,
]  # fmt: skip


@pytest.mark.parametrize(("data", "why"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
def test_what_is_out_of_bounds_or_ambiguous_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(JsonRefused) as caught:
        loads(data)
    assert caught.value.why == why


@pytest.mark.parametrize("value", BENIGN, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_ordinary_documents_are_read_as_they_are(value: Any, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=40,
)
FRAGMENTS = st.lists(
    st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b'\\"', b"\\\\", b",", b":", b"1", b"a", b" ", b'"a":'])
).map(b"".join)


def _measures(value: Any) -> tuple[int, int, int]:
    """Depth, values, keys."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        return 0, 1, 0
    below = [_measures(one) for one in inner]
    keys = len(value) if isinstance(value, dict) else 0
    return (
        1 + max((d for d, _, _ in below), default=0),
        1 + sum(v for _, v, _ in below),
        keys + sum(k for *_, k in below),
    )


def _outcome(data: bytes) -> tuple[str, Any]:
    try:
        return "", loads(data, SMALL)
    except JsonRefused as error:
        return error.why, None


@given(DOCUMENTS, st.booleans())
@settings(max_examples=300)
def test_a_document_is_taken_exactly_when_it_is_within_the_bounds(value: Any, ascii_only: bool) -> None:
    try:
        data = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    depth, values, keys = _measures(value)
    fits = depth <= SMALL.depth and values <= SMALL.values and keys <= SMALL.keys
    why, taken = _outcome(data)
    assert why in ("", "size", "number", "depth", "values", "keys", "surrogate")
    assert not (fits and why in ("depth", "values", "keys"))
    assert why or (fits and taken == value)


def _by_the_standard_library(data: bytes) -> tuple[str, Any]:
    try:
        return "", _exactly(data, SMALL)
    except JsonRefused as error:
        return error.why, None


@given(
    DOCUMENTS.map(lambda value: json.dumps(value).encode())
    | FRAGMENTS
    | st.from_regex(rb"\A[ \n]*[\[{]([-+.0-9eE]{1,12}|\"(\\\\u[0-9a-fA-F]{4}|[a-c:]|\\\\[bn\"x])*\"|[,:\]} ])*\Z")
)
@settings(max_examples=1000)
def test_the_quick_parser_and_the_standard_library_read_the_same(data: bytes) -> None:
    (why, value), (reason, expected) = _outcome(data), _by_the_standard_library(data)
    assert (why, repr(value)) == (reason, repr(expected))


@given(st.binary() | FRAGMENTS)
@settings(max_examples=500)
def test_nothing_a_client_sends_raises_anything_else(data: bytes) -> None:
    try:
        loads(data, SMALL)
    except JsonRefused:
        return
    json.loads(data)


@pytest.mark.parametrize(
    "data", [b'"' + b'\\"' * 500_000, b"[" * 10**6, b"-" * 10**6, b'"a":' * 200_000, b"\\u" * 400_000]
)
def test_the_worst_documents_end_soon(data: bytes) -> None:
    start = time.process_time()
    with pytest.raises(JsonRefused):
        loads(data)
    assert time.process_time() - start < 20, "quadratic"
