"""A proof convinces who has the key and nothing else, and only of what was recorded."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from garrison.events.audit.forget import about, erase, trim
from garrison.events.audit.proof import NotProvable, ProofWrong, check_proof, prove
from garrison.events.audit.segment import segments
from tests.events.audit.making import OTHER, SIGNER, Hand, checkpoints, filled, new_log, some_events, verified
from tests.events.making import WHEN

KEYS = [SIGNER.public]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    filled(tmp_path / "audit")
    return tmp_path / "audit"


@pytest.mark.parametrize("index", [0, 1, 100, 101, 137, 249])
def test_every_entry_of_every_file_can_be_proved(log: Path, index: int) -> None:
    event, under = check_proof(prove(log, index), KEYS)
    assert under.size == 250
    assert event.name.value == ("authn_login_fail" if index else "audit_started")
    assert event.details.get("number") == (index - 1 if index else None)


def test_a_proof_without_personal_fields_holds_and_tells_none(log: Path) -> None:
    proof = prove(log, 37, personal=False)
    assert "user" not in str(proof)
    event, _ = check_proof(proof, KEYS)
    assert (event.principal, event.seq) == ("", 37)


@pytest.mark.parametrize(
    ("field", "value"),
    [("index", 38), ("at", 1), ("public", "{}"), ("commitment", "00" * 32), ("personal", '{"principal":"eve"}'),
     ("salt", "00" * 16), ("hashes", []), ("checkpoint", "x"), ("format", "y"), ("hashes", ["!"]), ("at", "x"),
     ("commitment", 7), ("public", None)],
)  # fmt: skip
def test_a_changed_proof_does_not_hold(log: Path, field: str, value: Any) -> None:
    proof = copy.deepcopy(prove(log, 37))
    check_proof(proof, KEYS)
    proof[field] = value
    with pytest.raises(ProofWrong):
        check_proof(proof, KEYS)


def test_a_proof_does_not_hold_for_another_key(log: Path) -> None:
    with pytest.raises(ProofWrong):
        check_proof(prove(log, 37), [OTHER.public])


def test_there_is_no_proof_for_what_is_not_there_or_not_signed(log: Path) -> None:
    with pytest.raises(NotProvable):
        prove(log, 250)
    late = new_log(log, signer=None)
    late.write(some_events(1))
    late.close()
    with pytest.raises(NotProvable):
        prove(log, 250)


def erased(folder: Path, **whose: Any) -> int:
    hand = Hand()
    hand.now = 5000
    log = new_log(folder, hand)
    count = erase(log, about(**whose), "cli:ann", "request 17", WHEN + 5000)
    log.close()
    return count


def test_erasing_a_person_takes_their_fields_keeps_every_proof_and_is_recorded(log: Path) -> None:
    kept = checkpoints(log)
    before = prove(log, 38)
    assert '"user2"' in before["personal"]
    assert erased(log, principal="user2") == 36
    files = b"".join(path.read_bytes() for path in log.iterdir())
    assert b'"user2"' not in files
    assert b'"user3"' in files
    report = verified(log, known=kept)
    assert report.problems == []
    assert report.erased == 36
    event, _ = check_proof(prove(log, 38), KEYS)
    assert (event.principal, event.client, event.seq) == ("", "", 38)
    check_proof(before, KEYS)  # a proof somebody took along still holds
    record, _ = check_proof(prove(log, 250), KEYS)
    assert record.name.value == "audit_erased"
    assert record.details["by"] == "cli:ann"
    assert erased(log, principal="user2") == 0


def test_erasing_by_address_or_age_takes_what_fits_and_no_more(log: Path) -> None:
    assert erased(log, client="203.0.113.36") == 2  # number 36 and 236
    assert erased(log, before=WHEN + 12) == 30  # three batches of ten, at 0, 5 and 10 seconds
    assert verified(log).ok


def test_old_files_go_after_their_time_and_the_rest_still_proves(log: Path) -> None:
    kept = checkpoints(log)
    hand = Hand()
    hand.now = 5000
    again = new_log(log, hand)
    assert trim(again, WHEN + 80, WHEN + 5000) == 1
    again.close()
    assert len(segments(log)) == 2
    report = verified(log, known=kept)
    assert report.problems == []
    assert report.start == 101
    for index in (101, 137, 250):
        check_proof(prove(log, index), KEYS)


def test_the_newest_file_stays_whatever_its_age(log: Path) -> None:
    hand = Hand()
    hand.now = 5000
    again = new_log(log, hand)
    assert trim(again, WHEN + 1e9, WHEN + 5000) == 2
    again.close()
    assert len(segments(log)) == 1
    assert verified(log).ok
