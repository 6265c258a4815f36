"""Secrets are compared by `same`; comparisons that are not are found, and little else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from garrison.accounts.compare import find_naive_comparisons, same

SOURCE = Path(__file__).resolve().parents[2] / "src" / "garrison"


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("abc", "abc", True), ("abc", "abd", False), ("abc", "ab", False), ("", "", True), ("é", "é", True),
        (b"abc", b"abc", True), (b"abc", "abc", True), ("é", "e", False), ("\ud800", "\ud800", True),
    ],
)  # fmt: skip
def test_same_is_equality_of_texts_and_bytes(left: str | bytes, right: str | bytes, equal: bool) -> None:
    assert same(left, right) is equal


@pytest.mark.parametrize("absent", [None, 7, ["a"]])
def test_what_is_absent_is_equal_to_nothing_and_says_so(absent: object) -> None:
    with pytest.raises(TypeError):
        same("", absent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "code",
    [
        "api_key == stored",
        "request.headers['X-Api-Key'] == KEY",
        "settings.WEBHOOK_SECRET == given",
        "if user.password != form.password: pass",
        "headers.get('authorization_token') == wanted",
        "hmac.new(key, body, 'sha256').hexdigest() == signature",
        "given == sha256(code).digest()",
        "csrfToken != session['csrf_token']",
        "access_token == row.access_token",
        "expected_signature == got",
        "otp.strip() == code",
        "stored == (await load()).reset_token",
        "token_hash == 1 or session_key == cookie",
        "api_token in (first, second)",
        "given == 'hunter2-is-long'  and password == 'correct horse battery'",
        "private_key == other",
    ],
)
def test_a_naive_comparison_is_found(code: str) -> None:
    assert len(find_naive_comparisons(code)) == 1, code


@pytest.mark.parametrize(
    "code",
    [
        "token_type == other",
        "token.kind == kind",
        "token == '('",
        "tag == other_tag",
        "element.tag == wanted",
        "token == next_token",
        "password == ''",
        "secret is None",
        "password == None",
        "len(token) == size",
        "password_length == wanted",
        "password == password_again",
        "form.password != form.password_confirm",
        "password1 == password2",
        "mac == other",
        "compare_digest(token, other)",
        "same(api_key, stored)",
        "csrf_token_name == name",
        "passwords == expected",
        "api_key in known_keys",
        "tokens == []",
        "token == -1",
        "digest_size == size",
        "secret_version == version",
        "monkey == donkey",
        "stage == other",
        "machine == other",
    ],
)
def test_what_only_sounds_like_a_secret_is_left_alone(code: str) -> None:
    assert find_naive_comparisons(code) == []


def test_the_place_and_the_name_are_told_in_order() -> None:
    found = find_naive_comparisons("\nx = 1\nif a and given == api_key:\n    pass\nif csrf_token != b: pass\n")
    assert [(one.line, one.column, one.name) for one in found] == [(3, 9, "api_key"), (5, 3, "csrf_token")]


def test_what_is_not_python_is_refused_and_not_called_clean() -> None:
    with pytest.raises(SyntaxError):
        find_naive_comparisons("if api_key ==")


CHECKSUMS = {"accounts/breached.py", "reactions/evidence.py"}
"""Files that compare the digest of something public, such as a list's checksum."""


def test_the_source_of_this_package_compares_no_secret_naively() -> None:
    found = {
        str(path.relative_to(SOURCE)): findings
        for path in SOURCE.rglob("*.py")
        if (findings := find_naive_comparisons(path.read_text(encoding="utf-8")))
    }
    assert found.keys() <= CHECKSUMS, found


def test_false_alarms_over_the_standard_library_are_few() -> None:
    """At most one comparison in a thousand is called naive in code that handles few secrets."""
    folder = Path(ast.__file__).parent
    texts = [path.read_text(encoding="utf-8") for name in ("", "email", "http", "json", "asyncio")
             for path in sorted((folder / name).glob("*.py"))]  # fmt: skip
    total = sum(isinstance(node, ast.Compare) for text in texts for node in ast.walk(ast.parse(text)))
    found = sum(len(find_naive_comparisons(text)) for text in texts)
    assert total > 5000
    assert found * 1000 <= total, found
