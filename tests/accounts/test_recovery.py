"""Recovery codes: random, readable, one use each, and nothing in the store that lets in."""

from __future__ import annotations

import pytest

from garrison.accounts.recovery import hash_code, looks_like_code, make_codes, without


def test_codes_are_random_and_of_the_length_that_needs_no_slow_hash() -> None:
    codes = make_codes(200)
    assert len(set(codes)) == 200
    letters = "".join(codes).replace("-", "")
    assert len(letters) == 200 * 24
    assert len(set(letters)) == 32, "five bits a letter, 120 a code"


def test_a_hash_does_not_show_its_code() -> None:
    (code,) = make_codes(1)
    assert code not in hash_code(code)
    assert code.replace("-", "") not in hash_code(code).upper()


@pytest.mark.parametrize("typed", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code}\t"])
def test_how_a_code_is_typed_makes_no_difference(typed: object) -> None:
    assert callable(typed)
    (code,) = make_codes(1)
    assert hash_code(typed(code)) == hash_code(code)
    assert looks_like_code(typed(code))


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert hash_code("OIL0IL-" * 4) == hash_code("011011-" * 4)


@pytest.mark.parametrize("typed", ["", "123456", "A" * 23, "A" * 25, "U" * 24, "é" * 24])
def test_what_is_no_code_is_not_taken_for_one(typed: str) -> None:
    assert not looks_like_code(typed)


def test_a_used_code_is_gone_and_the_others_stay() -> None:
    codes = make_codes(3)
    hashes = [hash_code(code) for code in codes]
    left = without(hashes, codes[1])
    assert left == [hashes[0], hashes[2]]
    assert without(left, codes[1]) is None
