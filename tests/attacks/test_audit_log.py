"""Attacks on the record: whoever got the application's rights covers their tracks in the database file.

Quoted rule: "Logs should be protected from unauthorized access and cannot be modified" (OWASP ASVS 5.0, V16.4.2);
"protect log integrity … tamper detection" (OWASP Logging Cheat Sheet). Each change is found and located. The control is
the plain event store, in which the same edit goes unnoticed.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from garrison.events.audit.entry import commit, entry_bytes, link
from garrison.events.audit.note import Signer
from garrison.events.audit.segment import reading, rows, segments
from garrison.events.audit.tree import Frontier, leaf_hash
from garrison.events.audit.verify import Kind
from garrison.events.query import tail
from garrison.events.sqlite import SqliteWriter
from tests.events.audit.making import (
    OTHER,
    SIGNER,
    Hand,
    change,
    checkpoints,
    filled,
    found,
    new_log,
    some_events,
    verified,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    filled(tmp_path / "audit")
    return tmp_path / "audit"


def test_control_a_plain_event_store_shows_an_edited_record_as_if_nothing_had_happened(tmp_path: Path) -> None:
    store = tmp_path / "state" / "events.db"
    writer = SqliteWriter(store, 1000)
    writer.write(some_events(20))
    writer.close()
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE events SET body = replace(body, 'user3', 'user4')")
        connection.execute("DELETE FROM events WHERE id = 9")
    shown = [one.event for one in tail(store)]
    assert len(shown) == 19
    assert {one.principal for one in shown}.isdisjoint({"user3"})  # and nothing that reads it can tell


def test_an_untouched_log_is_whole(log: Path) -> None:
    report = verified(log, known=checkpoints(log))
    assert report.problems == []
    assert (report.start, report.size, report.covered) == (0, 250, 250)
    assert len(segments(log)) == 3


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE entries SET public = replace(public, 'refused', 'success') WHERE id = 37", (Kind.EDITED, 37)),
        ("UPDATE entries SET at = at - 1 WHERE id = 37", (Kind.EDITED, 37)),
        ("UPDATE entries SET commitment = zeroblob(32) WHERE id = 37", (Kind.EDITED, 37)),
        ("UPDATE entries SET commitment = x'', personal = NULL, salt = NULL WHERE id = 37", (Kind.EDITED, 37)),
        ("UPDATE entries SET personal = replace(personal, 'user', 'nobody') WHERE id = 37", (Kind.PERSONAL, 37)),
        ("UPDATE entries SET salt = zeroblob(16) WHERE id = 37", (Kind.PERSONAL, 37)),
        ("UPDATE entries SET salt = NULL WHERE id = 37", (Kind.PERSONAL, 37)),
        ("UPDATE entries SET personal = NULL, salt = NULL WHERE id BETWEEN 37 AND 40", (Kind.ERASED, 37)),
        ("UPDATE entries SET leaf = zeroblob(32) WHERE id = 37", (Kind.EDITED, 37)),
        ("UPDATE entries SET chain = zeroblob(32) WHERE id = 37", (Kind.CHAIN, 37)),
        ("DELETE FROM entries WHERE id = 37", (Kind.MISSING, 37)),
        ("DELETE FROM entries WHERE id BETWEEN 37 AND 60", (Kind.MISSING, 37)),
        ("DELETE FROM entries WHERE id < 37", (Kind.MISSING, 0)),
        ("UPDATE entries SET id = id + 1000 WHERE id = 99", (Kind.MISSING, 99)),
        ("UPDATE state SET start_chain = randomblob(32)", (Kind.CHAIN, 0)),
        ("UPDATE state SET origin = 'garrison/other'", (Kind.ORIGIN, 101)),
        ("DELETE FROM state", (Kind.UNREADABLE, 0)),
        ("DROP TABLE entries", (Kind.UNREADABLE, 0)),
        ("UPDATE checkpoints SET note = replace(note, 'time 1', 'time 2')", (Kind.KEY, 0)),
        ("UPDATE checkpoints SET note = 'x'", (Kind.CHECKPOINT, -1)),
    ],
)
def test_one_statement_is_found_and_located(log: Path, statement: str, expected: tuple[Kind, int]) -> None:
    change(log, statement)
    assert expected in found(verified(log))


def test_two_entries_that_change_places_are_found_at_both(log: Path) -> None:
    for statement in ("SET id = -1 WHERE id = 37", "SET id = 37 WHERE id = 38", "SET id = 38 WHERE id = -1"):
        change(log, f"UPDATE entries {statement}")
    assert {(Kind.EDITED, 37), (Kind.EDITED, 38)} <= found(verified(log))


def test_an_inserted_entry_is_found_even_if_all_later_ones_move(log: Path) -> None:
    change(log, "UPDATE entries SET id = -id WHERE id >= 37")
    change(log, "UPDATE entries SET id = -id + 1 WHERE id < 0")
    change(
        log,
        "INSERT INTO entries SELECT 37, at, public, commitment, personal, salt, leaf, chain FROM entries WHERE id = 36",
    )
    report = verified(log)
    assert {(Kind.EDITED, 37), (Kind.CHAIN, 37), (Kind.INSERTED, 101)} <= found(report)


@pytest.mark.parametrize("place", [-(2**63), -1, 2**62, 2**63 - 1])
def test_an_entry_inserted_far_from_all_others_is_found(log: Path, place: int) -> None:
    columns = "at, public, commitment, personal, salt, leaf, chain"
    insert = f"INSERT INTO entries SELECT {place}, {columns} FROM entries WHERE id = 230"  # noqa: S608 - ours
    change(log, insert, part=-1)
    assert (Kind.EDITED, place) in found(verified(log))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_whole_file_that_is_gone_is_found(log: Path, part: int) -> None:
    kept = checkpoints(log)
    segments(log)[part].unlink()
    expected = [(Kind.MISSING, 0), (Kind.MISSING, 101), (Kind.TRUNCATED, 201)][part]
    assert expected in found(verified(log, known=kept))


def test_an_end_cut_off_is_found_by_the_checkpoints_inside(log: Path) -> None:
    change(log, "DELETE FROM entries WHERE id >= 230", part=-1)
    assert (Kind.TRUNCATED, 230) in found(verified(log))


def test_an_end_cut_off_with_its_checkpoints_and_state_is_found_by_a_checkpoint_kept_elsewhere(log: Path) -> None:
    kept = checkpoints(log)[-1:]
    cut_off(log, 215)
    assert verified(log).ok  # within the file nothing is left that could tell
    assert found(verified(log, known=kept)) == {(Kind.TRUNCATED, 215)}


def cut_off(log: Path, size: int) -> None:
    """Everything from entry `size` on is gone, and what is left agrees with itself."""
    start = segments(log)[-1]
    with reading(start) as connection:
        left = list(rows(connection, high=size))
    with sqlite3.connect(start) as connection:
        begin, nodes = connection.execute("SELECT start, start_nodes FROM state").fetchone()
        frontier = Frontier(begin, nodes)
        for row in left:
            frontier.append(row.leaf)
        connection.execute("DELETE FROM entries WHERE id >= ?", (size,))
        connection.execute("DELETE FROM checkpoints WHERE size > ?", (size,))
        connection.execute(
            "UPDATE state SET size = ?, chain = ?, nodes = ?", (size, left[-1].chain, frontier.to_bytes())
        )


def rewrite(log: Path, at: int, edit: Callable[[str], str], signer: Signer | None = None) -> None:
    """Change entry `at` and make every hash behind it anew, in all files; sign anew if there is a key."""
    chain, frontier = bytes(32), Frontier()
    for path in segments(log):
        with sqlite3.connect(path) as connection:
            if frontier.size:
                connection.execute("UPDATE state SET start_chain = ?, start_nodes = ?", (chain, frontier.to_bytes()))
            for row in list(rows(connection)):
                public = edit(row.public) if row.id == at else row.public
                leaf = leaf_hash(entry_bytes(row.id, row.at, public, row.commitment))
                chain = link(chain, leaf)
                frontier.append(leaf)
                connection.execute(
                    "UPDATE entries SET public = ?, leaf = ?, chain = ? WHERE id = ?", (public, leaf, chain, row.id)
                )
                if signer and frontier.size > at:
                    note = signer.sign("garrison/web1", frontier.size, frontier.root(), row.at / 1e6)
                    connection.execute("UPDATE checkpoints SET note = ? WHERE size = ?", (note, frontier.size))
            connection.execute("UPDATE state SET chain = ?, nodes = ?", (chain, frontier.to_bytes()))


def whitewash(public: str) -> str:
    assert '"outcome":"refused"' in public
    return public.replace('"outcome":"refused"', '"outcome":"success"')


def test_an_edit_followed_through_every_hash_lies_between_two_checkpoints(log: Path) -> None:
    rewrite(log, 137, whitewash)
    problems = [one for one in verified(log).problems if one.kind is Kind.HISTORY]
    before = max(one.size for one in checkpoints(log) if one.size <= 137)
    assert problems
    assert problems[0].first == before <= 137 <= problems[0].last < before + 40


def test_an_edit_followed_through_and_signed_with_another_key_is_found(log: Path) -> None:
    rewrite(log, 137, whitewash, OTHER)
    report = verified(log)
    assert any(one.kind is Kind.KEY for one in report.problems)
    assert report.covered <= 137


def test_an_edit_signed_with_the_stolen_key_is_found_by_a_checkpoint_kept_elsewhere(log: Path) -> None:
    kept = [one for one in checkpoints(log) if one.size > 137][:1]
    rewrite(log, 137, whitewash, SIGNER)
    assert verified(log).ok  # the limit: who holds the key can sign another history
    assert {kind for kind, _ in found(verified(log, known=kept))} == {Kind.HISTORY}


def test_a_log_replaced_by_another_is_found(log: Path, tmp_path: Path) -> None:
    kept = checkpoints(log)
    shutil.rmtree(log)
    filled(log, 100)
    kinds = {kind for kind, _ in found(verified(log, known=kept))}
    assert {Kind.HISTORY, Kind.TRUNCATED} <= kinds
    shutil.rmtree(log)
    filled(log, 249, OTHER)
    assert {kind for kind, _ in found(verified(log))} >= {Kind.KEY}


def test_a_log_of_another_node_does_not_pass_for_this_one(log: Path, tmp_path: Path) -> None:
    kept = checkpoints(log)
    other = new_log(tmp_path / "other")
    other.node = "web2"
    other.write(some_events(20))
    other.close()
    assert any(kind is Kind.ORIGIN for kind, _ in found(verified(tmp_path / "other", known=kept)))


def test_a_clock_set_back_is_found_where_it_happened_and_told_at_once(tmp_path: Path) -> None:
    hand = Hand()
    log = new_log(tmp_path / "audit", hand)
    hand.now = 1000
    log.write(some_events(5))
    hand.now = 400
    log.write(some_events(5, first=5))
    log.close()
    assert ("audit_clock", {"seconds": 600}) in hand.told
    assert (Kind.CLOCK, 6) in found(verified(tmp_path / "audit"))


def test_a_small_step_of_time_synchronisation_is_no_finding(tmp_path: Path) -> None:
    hand = Hand()
    log = new_log(tmp_path / "audit", hand)
    hand.now = 1000
    log.write(some_events(5))
    hand.now -= 2
    log.write(some_events(5, first=5))
    log.close()
    assert verified(tmp_path / "audit").ok
    assert hand.told == []


def test_signatures_all_taken_out_leave_a_log_that_does_not_pass(log: Path) -> None:
    for part in range(3):
        change(log, "DELETE FROM checkpoints", part=part)
    assert found(verified(log)) == {(Kind.UNSIGNED, 0)}


def test_a_changed_end_is_told_at_the_next_start_and_the_log_goes_on_behind_it(log: Path) -> None:
    change(log, "DELETE FROM entries WHERE id >= 245", part=-1)
    change(
        log,
        "INSERT INTO entries SELECT id + 500, at, public, commitment, personal, salt, leaf, chain FROM entries",
        part=-1,
    )
    hand = Hand()
    hand.now = 5000
    again = new_log(log, hand)
    again.open()
    again.write(some_events(3))
    again.close()
    assert [name for name, _ in hand.told] == ["audit_broken"]
    report = verified(log)
    assert (Kind.MISSING, 245) in found(report)
    assert report.size == 253


def test_a_garbled_file_is_told_and_does_not_stop_the_verification(log: Path) -> None:
    path = segments(log)[1]
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 3 + 2000] = b"\xff" * 2000
    path.write_bytes(bytes(data))
    report = verified(log)
    assert report.problems
    assert all(one.first >= 101 for one in report.problems)
    path.write_bytes(b"no database at all")
    assert (Kind.UNREADABLE, 101) in found(verified(log))


def test_of_a_log_that_can_not_be_read_at_all_a_checkpoint_kept_elsewhere_tells_how_much_it_was(log: Path) -> None:
    kept = checkpoints(log)
    for path in segments(log):
        path.write_bytes(b"no database at all")
    assert {kind for kind, _ in found(verified(log))} == {Kind.UNREADABLE}
    gone = [one for one in verified(log, known=kept).problems if one.kind is Kind.TRUNCATED]
    assert max(one.last for one in gone) == kept[-1].size - 1


def test_an_address_can_not_be_guessed_from_what_stays_after_erasure(log: Path) -> None:
    """Control: without the salt, trying all 200 addresses gives the commitment away."""
    with reading(segments(log)[0]) as connection:
        row = next(rows(connection, low=37))
    assert row.personal is not None
    assert row.salt is not None
    guesses = [row.personal.replace("203.0.113.36", f"203.0.113.{number}") for number in range(256)]
    assert [guess for guess in guesses if commit(guess, row.salt) == row.commitment] == [row.personal]
    assert not [guess for guess in guesses if hashlib.sha256(guess.encode()).digest() == row.commitment]
    assert not [guess for guess in guesses if commit(guess, b"") == row.commitment]


def test_a_checkpoint_is_what_other_tools_of_the_format_read(log: Path) -> None:
    """C2SP signed-note, worked out by hand from the specification."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    note = checkpoints(log)[-1].note
    text, signature = note.split("\n\n")
    origin, size, root, *_ = text.split("\n")
    assert (origin, size, len(base64.b64decode(root))) == ("garrison/web1", "250", 32)
    dash, name, blob = signature.rstrip("\n").split(" ")
    raw = base64.b64decode(blob)
    assert (dash, name, len(raw)) == ("\u2014", "garrison/web1", 68)
    public = base64.b64decode(str(SIGNER.public).split("+", 2)[2])[1:]
    assert raw[:4] == hashlib.sha256(b"garrison/web1\n\x01" + public).digest()[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode() + b"\n")
