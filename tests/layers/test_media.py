"""Media types: parsed strictly, matched by pattern."""

from __future__ import annotations

import pytest

from garrison.layers.media import compile_types, parse_media_type, sane_boundary


@pytest.mark.parametrize(
    ("value", "name", "parameters"),
    [
        (b"application/json", "application/json", {}),
        (b"Application/JSON; Charset=UTF-8", "application/json", {"charset": "UTF-8"}),
        (b'text/plain;charset="utf-8"', "text/plain", {"charset": "utf-8"}),
        (b" text/plain ; a=1;b=2 ", "text/plain", {"a": "1", "b": "2"}),
        (b"text/plain;", "text/plain", {}),
        (b"text/plain;;a=1", "text/plain", {"a": "1"}),
        (rb'text/plain; a="x\"y;z"', "text/plain", {"a": 'x"y;z'}),
        (b"application/vnd.api+json", "application/vnd.api+json", {}),
    ],
)
def test_well_formed_types_are_read(value: bytes, name: str, parameters: dict[str, str]) -> None:
    media = parse_media_type(value)
    assert media is not None
    assert (media.name, media.parameters) == (name, parameters)


@pytest.mark.parametrize(
    "value",
    [b"", b"json", b"/json", b"application/", b"application/json, text/html", b"application /json",
     b"application/json charset=utf-8", b"a/b; c", b"a/b; c=", b'a/b; c="x', b"a/b; c=d; C=e", b"a/b; c =d",
     b"a/b\r\nx: y", b"a/b\x00", b"\xff/b", b"a/" + b"b" * 300],
)  # fmt: skip
def test_malformed_types_are_not(value: bytes) -> None:
    assert parse_media_type(value) is None


@pytest.mark.parametrize(
    ("boundary", "sane"),
    [("----WebKitFormBoundaryABC123", True), ("------------------------d74496d66958873e", True), ("a b", True),
     ("x" * 70, True), ("x" * 71, False), ("", False), ("a ", False), ("a;b", False), ("a\\b", False), ("é", False)],
)  # fmt: skip
def test_a_boundary_is_one_that_every_parser_finds(boundary: str, sane: bool) -> None:
    value = b'multipart/form-data; boundary="' + boundary.replace("\\", "\\\\").encode() + b'"'
    media = parse_media_type(value)
    assert media is not None
    assert sane_boundary(media) is sane


def test_patterns_match_a_type_or_its_suffix() -> None:
    allowed = compile_types(["application/json", "application/*+json", "image/*"])
    assert all(map(allowed, ["application/json", "application/problem+json", "image/png"]))
    assert not any(
        map(allowed, ["application/json5", "application/+json", "application/xml", "imagex/png", "text/json"])
    )
    assert not compile_types([])("application/json")


@pytest.mark.parametrize("pattern", ["*", "*/*", "*/json", "json", "", "application/json; charset=utf-8", "app*/json"])
def test_patterns_that_are_none_or_match_everything_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"media type|every type"):
        compile_types([pattern])
