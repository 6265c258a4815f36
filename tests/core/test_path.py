"""One path, decoded once and judged."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

import pytest

from garrison.core.path import FAULTS, PathPattern, RouteTable, compile_paths, normalise


@pytest.mark.parametrize(
    "raw",
    [
        b"/",
        b"/notes",
        b"/notes/",
        b"/O'Brien",
        b"/a%20b",
        b"/a%2Bb",
        b"/caf%C3%A9",
        b"/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%98%80",
        b"/map;v=2/point;x=1;y=2",
        b"/.well-known/acme-challenge/x",
        b"/...",
        b"/a..b/.hidden/c.",
        b"/100%25",
        b"/~user/[x]/{y}|z^!$&()*+,=:@-_",
        b"/Fate%EF%BC%8Fstay",  # a full-width slash is a letter of titles, not a separator
        b"/" + b"a" * 8000,
    ],
)
def test_what_browsers_and_people_send_is_a_plain_path(raw: bytes) -> None:
    assert normalise(raw) == (unquote(raw.decode("ascii")), "")


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"/a%00.png", "control"),
        (b"/a%0d%0aSet-Cookie:x", "control"),
        (b"/a\tb", "control"),
        (b"/a b", "control"),
        (b"/%C2%85", "control"),
        (b"/%E2%80%A8", "control"),
        (b"/%7f", "control"),
        (b"/a%2Fb", "encoded-slash"),
        (b"/a%2fb", "encoded-slash"),
        (b"/a\\b", "backslash"),
        (b"/a%5Cb", "backslash"),
        (b"/a/../b", "dot-segment"),
        (b"/a/..", "dot-segment"),
        (b"/./a", "dot-segment"),
        (b"/%2e%2E/a", "dot-segment"),
        (b"/.%2e", "dot-segment"),
        (b"/a/..;/b", "dot-segment"),
        (b"/a/..;x=1", "dot-segment"),
        (b"/%EF%BC%8E%EF%BC%8E/a", "dot-segment"),
        (b"/%E2%80%A5/a", "dot-segment"),
        (b"/..%EF%BC%8Fa", "dot-segment"),
        (b"//a", "empty-segment"),
        (b"/a//", "empty-segment"),
        (b"/%252e%252e/a", "double-encoding"),
        (b"/a%25%32%66b", "double-encoding"),
        (b"/a%25u002fb", "double-encoding"),
        (b"/%C0%AF", "invalid-utf8"),  # an overlong slash
        (b"/%C0%AE%C0%AE/", "invalid-utf8"),
        (b"/%E0%80%AF", "invalid-utf8"),
        (b"/%ED%A0%80", "invalid-utf8"),  # a surrogate
        (b"/%F8%80%80%80%AF", "invalid-utf8"),
        (b"/%FF", "invalid-utf8"),
        (b"/100%", "malformed-percent"),
        (b"/%zz", "malformed-percent"),
        (b"/%u0041", "malformed-percent"),
        (b"/a#b", "fragment"),
        (b"/caf\xc3\xa9", "raw-byte"),
        (b"*", "not-origin-form"),
        (b"", "not-origin-form"),
        (b"http://example.com/", "not-origin-form"),
        (b"example.com:443", "not-origin-form"),
        (b"admin", "not-origin-form"),
    ],
)
def test_a_second_reading_is_a_named_fault(raw: bytes, fault: str) -> None:
    assert fault in normalise(raw)[1].split()


def test_faults_come_in_one_order_from_a_closed_set() -> None:
    _, fault = normalise(b"\x00..\\%2f//%c0%25ff%#\xff")
    names = fault.split()
    assert set(names) <= set(FAULTS)
    assert names == sorted(names, key=FAULTS.index)
    assert len(names) >= 8


@pytest.mark.parametrize("raw", [b"/files/..%2f..%2fetc/passwd", b"/files/%2e%2e/%2e%2e/etc/passwd"])
def test_traversal_that_a_naive_reader_follows_is_named(raw: bytes) -> None:
    naive = posixpath.normpath(unquote(raw.decode()))
    assert naive == "/etc/passwd"  # the control: decoded and joined, it leaves its folder
    assert "dot-segment" in normalise(raw)[1].split()


def test_hostile_combining_characters_are_judged_in_linear_work() -> None:
    text, fault = normalise(b"/" + b"%CC%81%CC%A7" * 4000)
    assert (len(text), fault) == (8001, "")


MATCHES = [
    ("/login", "/login", True),
    ("/login", "/login/", True),
    ("/login/", "/login", True),
    ("/login", "/Login", False),
    ("/login", "/login/x", False),
    ("/", "/", True),
    ("/", "/x", False),
    ("/notes/*", "/notes/1", True),
    ("/notes/*", "/notes/1/", True),
    ("/notes/*", "/notes/", False),
    ("/notes/*", "/notes", False),
    ("/notes/*", "/notes/1/2", False),
    ("/notes/*/edit", "/notes/1/edit", True),
    ("/api/**", "/api", True),
    ("/api/**", "/api/", True),
    ("/api/**", "/api/a/b", True),
    ("/api/**", "/apix", False),
    ("/**", "/", True),
    ("/**", "/a/b", True),
    ("/a/**/", "/a/b", True),
    ("/a.b", "/axb", False),
    ("/(x+)+", "/(x+)+", True),
    ("/日本/*", "/日本/語", True),
    ("/a/*", "/a/b\n", True),
    ("/a/**", "/a/b\nc", True),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), MATCHES)
def test_patterns_mean_what_the_policy_says(pattern: str, path: str, expected: bool) -> None:
    assert compile_paths([pattern])(path) is expected
    assert RouteTable([([pattern], [])]).find(path, "GET") == int(expected)


@pytest.mark.parametrize(
    "pattern",
    ["", "login", "/a/**/b", "/a*", "/a//b", "//", "/a/./b", "/..", "/a%20b", "/a?x", "/a#b", "/a\\b", "/{x}", "/a\n"],
)  # fmt: skip
def test_malformed_patterns_are_refused_with_a_sentence(pattern: str) -> None:
    with pytest.raises(ValueError, match="path pattern"):
        compile_paths([pattern])


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("/a/**", "/a", True), ("/a/**", "/a/b", True), ("/a/**", "/a/*/c/**", True), ("/**", "/", True),
        ("/*", "/a", True), ("/*/b", "/a/b/", True), ("/a", "/a/", True), ("/a/*", "/a/**", False),
        ("/a/b", "/a/*", False), ("/a/**", "/ab", False), ("/a/b/**", "/a/**", False), ("/*", "/", False),
        ("/a/*", "/a/b/c", False), ("/*/b", "/a/c", False),
    ],
)  # fmt: skip
def test_one_pattern_covers_another_when_it_matches_all_that_the_other_does(
    wide: str, narrow: str, covered: bool
) -> None:
    assert PathPattern(wide).covers(PathPattern(narrow)) is covered


def test_no_patterns_match_nothing() -> None:
    assert not compile_paths([])("/")


TABLE = RouteTable(
    [
        (["/login", "/auth/*"], ["post"]),
        (["/api/**"], []),
        (["/api/open"], []),
        (["/health", "/login"], []),
    ]
)


@pytest.mark.parametrize(
    ("path", "method", "index"),
    [
        ("/login", "POST", 1),
        ("/login", "GET", 4),
        ("/login/", "POST", 1),
        ("/auth/x", "POST", 1),
        ("/auth/x", "GET", 0),
        ("/api/open", "GET", 2),  # the pattern stands before the exact path
        ("/health", "GET", 4),
        ("/nothing", "GET", 0),
    ],
)
def test_the_first_class_that_matches_wins_for_exact_paths_and_patterns_alike(
    path: str, method: str, index: int
) -> None:
    assert TABLE.find(path, method) == index


def test_another_spelling_of_a_loosened_path_is_faulty_so_that_it_gets_the_default_class() -> None:
    table = RouteTable([(["/hooks/**"], [])])
    for raw in (b"/hooks/../admin", b"/hooks/%2e%2e/admin", b"/hooks/..%2fadmin", b"/hooks/..;/admin"):
        path, fault = normalise(raw)
        assert table.find(path, "POST") == 1  # the control: by its text alone it would be loosened
        assert fault
