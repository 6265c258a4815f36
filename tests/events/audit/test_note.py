"""Keys and checkpoints are parsed whole or refused."""

from __future__ import annotations

import pytest

from garrison.events.audit.note import BadKey, Checkpoint, VerifierKey, parse_notes
from tests.events.audit.making import OTHER, SIGNER

NOTE = SIGNER.sign("garrison/web1", 7, b"r" * 32, 1_795_000_000.5)


def test_a_verifier_key_is_read_back_from_its_text() -> None:
    assert VerifierKey.parse(f"{SIGNER.public}\n") == SIGNER.public


@pytest.mark.parametrize(
    "text",
    ["", "a", "a+b+c", f"x{SIGNER.public}", str(SIGNER.public)[:-4], str(SIGNER.public).replace("+", "-"), "é+1+2"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        VerifierKey.parse(text)


def test_a_checkpoint_says_what_was_signed_and_by_whom() -> None:
    one = Checkpoint.parse(NOTE)
    assert (one.origin, one.size, one.root, one.time) == ("garrison/web1", 7, b"r" * 32, 1_795_000_000.5)
    assert one.signed_by([OTHER.public, SIGNER.public]) == SIGNER.public
    assert one.signed_by([OTHER.public]) is None


@pytest.mark.parametrize(
    ("old", "new"), [("\n7\n", "\n8\n"), ("web1\n7", "web2\n7"), ("time 1", "time 2"), ("\n\n", "\nx y\n\n")]
)
def test_a_changed_checkpoint_is_signed_by_nobody(old: str, new: str) -> None:
    assert Checkpoint.parse(NOTE.replace(old, new, 1)).signed_by([SIGNER.public]) is None


@pytest.mark.parametrize(
    "note",
    ["", "x", "a\n1\n", "a\n1\nAAAA\n\n", "a\n01\n" + "A" * 43 + "=\n\n", "\n1\n" + "A" * 43 + "=\n\n", "a\n-1\nA\n\n",
     "a\n9999999999999999999\n" + "A" * 43 + "=\n\n", "a\n1\n!\n\n", "a\n1\n" + "A" * 43 + "=\n" + "x" * 9000 + "\n\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(ValueError):
        Checkpoint.parse(note)


def test_a_file_of_many_checkpoints_is_read_whole_or_refused() -> None:
    many = "\n".join(SIGNER.sign("garrison/web1", size, b"r" * 32, 0.0) for size in range(5))
    assert [one.size for one in parse_notes(many)] == list(range(5))
    assert parse_notes("\n") == []
    with pytest.raises(ValueError):
        parse_notes(many[:-30])
    with pytest.raises(ValueError):
        parse_notes(f"{many}\nrubbish")
