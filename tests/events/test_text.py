"""Text that is safe to show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.events.text import clean, clip, clip_head

ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)  # lone surrogates included


@given(ANY_TEXT)
def test_cleaned_text_is_printable_valid_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert clean(cleaned) == cleaned


def test_what_does_not_show_is_spelled() -> None:
    assert clean("a\nb\x1b[2J\x00") == "a\\x0ab\\x1b[2J\\x00"
    assert clean("\u202etxt.exe") == "\\u202etxt.exe"
    assert clean("\ud800") == "\\ud800"
    assert clean("\U000e0041") == "\\U000e0041"
    assert clean("a\u3164b\ufe0f") == "a\\u3164b\\ufe0f"


def test_text_of_people_stays_readable() -> None:
    for text in ("/notes/überweisung", "Ωμέγα", "日本語 テキスト", "it's <b>bold</b> & fine"):
        assert clean(text) == text


@given(ANY_TEXT, st.integers(2, 50))
def test_clipped_text_keeps_its_bound_and_its_end_or_beginning(text: str, limit: int) -> None:
    assert len(clip(text, limit)) <= limit
    assert len(clip_head(text, limit)) <= limit
    if len(text) > limit:
        assert text.startswith(clip(text, limit)[:-1])
        assert text.endswith(clip_head(text, limit)[1:])
