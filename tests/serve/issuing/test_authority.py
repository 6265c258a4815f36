"""Certificates from a real authority (pebble): nonces refused, challenges refused, accounts kept and lost."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from garrison.serve.issuing.authority import NONCES
from garrison.serve.issuing.errors import AuthorityAway, IssueRefused
from garrison.serve.issuing.signed import LONGEST, plain_line
from garrison.serve.issuing.state import Accounts, Progress
from tests.serve.authority import Authority, pem_of
from tests.serve.issuing.conftest import NAMES, Machine
from tests.support.pebble import Pebble, free_port, pebble

pytestmark = [pytest.mark.server]


@pytest.fixture
def strict(tmp_path: Path, web: Authority) -> Iterator[Pebble]:
    """An authority that rejects every seventh good nonce: about two in each certificate."""
    with pebble(tmp_path / "pebble", web.file, http_port=free_port(), nonces=15) as running:
        yield running


def test_one_certificate_for_several_names_is_issued_although_nonces_are_rejected(
    tmp_path: Path, strict: Pebble, web: Authority
) -> None:
    with Machine(tmp_path / "state", strict) as machine:
        machine.issuer.issue(rehearse=False)
        kept = machine.sets.read()
        assert kept is not None
        assert kept.names == set(NAMES)
        assert [name for name, _ in machine.events] == ["certificate_renewed"]
    # Control: with an authority that rejects nearly all of them, no number of tries is enough.
    with (
        pebble(tmp_path / "worse", web.file, http_port=free_port(), nonces=97) as worse,
        Machine(tmp_path / "other", worse) as machine,
        pytest.raises(IssueRefused, match="badNonce"),
    ):
        machine.issuer.issue(rehearse=False)


def test_a_nonce_is_tried_again_as_often_as_it_must_be_and_no_oftener(
    tmp_path: Path, web: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried once, as a client would that takes the error for final, hardly a certificate comes to be."""
    outcomes = {1: 0, NONCES: 0}
    with pebble(tmp_path / "pebble", web.file, http_port=free_port(), nonces=30) as authority:
        for tries in outcomes:
            monkeypatch.setattr("garrison.serve.issuing.authority.NONCES", tries)
            for number in range(3):
                with Machine(tmp_path / f"{tries}-{number}", authority) as machine:
                    outcomes[tries] += machine.issuer.attempt(Progress()) is None
    assert outcomes[NONCES] >= 2
    assert outcomes[1] < outcomes[NONCES]


def test_files_are_private_and_so_is_every_folder(tmp_path: Path, strict: Pebble) -> None:
    state = tmp_path / "deep" / "state"
    with Machine(state, strict) as machine:
        machine.issuer.issue(rehearse=False)
    for path in (state.parent, state, *state.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_account_is_kept_and_a_second_issue_makes_no_other(tmp_path: Path, strict: Pebble) -> None:
    with Machine(tmp_path / "state", strict) as machine:
        machine.issuer.issue(rehearse=False)
        first = Accounts(tmp_path / "state").read(strict.directory)
        machine.issuer.issue(rehearse=False)
        assert Accounts(tmp_path / "state").read(strict.directory) == first


def test_an_account_the_authority_has_forgotten_is_made_anew(tmp_path: Path, strict: Pebble) -> None:
    accounts = Accounts(tmp_path / "state")
    with Machine(tmp_path / "state", strict) as machine:
        machine.issuer.issue(rehearse=False)
        known = accounts.read(strict.directory)
        assert known is not None
        accounts.write(strict.directory, {**known, "uri": ""})  # killed between the two writes of a registration
        machine.issuer.issue(rehearse=False)
        assert accounts.read(strict.directory) == known
        fresh = ec.generate_private_key(ec.SECP256R1())
        accounts.write(strict.directory, {**known, "key": pem_of(fresh).decode(), "uri": known["uri"] + "0"})
        machine.issuer.issue(rehearse=False)
        found = accounts.read(strict.directory)
        assert found is not None
        assert found["key"] == pem_of(fresh).decode()
        assert found["uri"] not in {known["uri"], known["uri"] + "0"}


def test_a_refused_challenge_keeps_what_there_is_and_says_why(tmp_path: Path, strict: Pebble) -> None:
    with Machine(tmp_path / "state", strict) as machine:
        machine.issuer.issue(rehearse=False)
        before = machine.sets.live.read_bytes()
    machine.issuer.attempt(machine.sets.progress())  # port 80 is closed now
    assert machine.sets.live.read_bytes() == before
    progress = machine.sets.progress()
    assert progress.failures == 1
    name, details = machine.events[-1]
    assert name == "certificate_renewal_failed"
    error = str(details["error"])
    assert all(name in error for name in NAMES)
    assert error.endswith(". Each name must lead here, and port 80 of this machine must be reachable from outside.")
    assert [entry["what"] for entry in machine.sets.history()] == ["issued", "failed"]


def test_external_account_binding_is_used_where_it_is_wanted(
    tmp_path: Path, web: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    binding = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
    more = {"externalAccountBindingRequired": True, "externalAccountMACKeys": binding}
    with pebble(tmp_path / "pebble", web.file, http_port=free_port(), **more) as authority:
        secret = tmp_path / "eab"
        secret.touch(0o600)
        secret.write_text("d3Jvbmc")
        for more in ({}, {"eab_id": "kid-1", "eab_key": f"file:{secret}"}):
            with Machine(tmp_path / "without", authority, **more) as machine, pytest.raises(IssueRefused) as refused:
                machine.issuer.issue(rehearse=False)
            assert "account binding" in refused.value.why
            assert "acme.eab_key" in refused.value.remedy
            assert "lead here" not in str(refused.value), "it is not about the names"
        secret.write_text(binding["kid-1"])
        with Machine(tmp_path / "with", authority, eab_id="kid-1", eab_key=f"file:{secret}") as machine:
            machine.issuer.issue(rehearse=False)
            assert machine.sets.read() is not None


def test_after_a_failure_the_staging_directory_is_asked_first_and_its_certificate_is_thrown_away(
    tmp_path: Path, web: Authority
) -> None:
    http = free_port()
    with (
        pebble(tmp_path / "main", web.file, http_port=http) as main,
        pebble(tmp_path / "staging", web.file, http_port=http) as staging,
    ):
        with Machine(tmp_path / "state", main, staging=staging.directory) as machine:
            machine.issuer.issue(rehearse=False)
            assert "Issued certificate" not in (staging.folder / "log").read_text()  # control: nothing had failed
            assert machine.issuer.attempt(Progress(failures=1)) is None
        assert "Issued certificate" in (staging.folder / "log").read_text()
        kept = machine.sets.read()
        assert kept is not None
        assert _signed(kept.pem, main.root())
        assert not _signed(kept.pem, staging.root())
        # What still fails at the staging directory does not reach the authority.
        orders = (main.folder / "log").read_text().count("POST /order-plz")
        refused = machine.issuer.attempt(Progress(failures=1))
        assert isinstance(refused, IssueRefused)
        assert "staging" in refused.why
        assert "lead here" in refused.remedy
        assert (main.folder / "log").read_text().count("POST /order-plz") == orders > 0


def test_a_staging_directory_that_is_away_stands_in_nobodys_way(tmp_path: Path, strict: Pebble) -> None:
    away = f"https://localhost:{free_port()}/dir"
    with Machine(tmp_path / "state", strict, staging=away) as machine:
        assert machine.issuer.attempt(Progress(failures=3)) is None


def test_an_authority_that_is_away_or_not_trusted_is_a_typed_error(tmp_path: Path, strict: Pebble) -> None:
    for acme in ({"directory": f"https://localhost:{free_port()}/dir"}, {"ca_file": ""}):
        with Machine(tmp_path / "state", strict, **acme) as machine, pytest.raises(AuthorityAway):
            machine.issuer.issue(rehearse=False)


def test_somebody_elses_text_that_is_too_long_says_that_it_was_cut() -> None:
    assert plain_line("a\nb") == "a b"
    assert plain_line("x" * LONGEST) == "x" * LONGEST
    assert plain_line("x" * (LONGEST + 1)) == "x" * (LONGEST - 1) + "…"


def _signed(pem: bytes, root: Path) -> bool:
    *_, issuing = x509.load_pem_x509_certificates(pem)
    authority = x509.load_pem_x509_certificate(root.read_bytes())
    return issuing.issuer == authority.subject
