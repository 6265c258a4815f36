"""A bundle of evidence: any change to any file of it is found, and so is what a careless reader would take for it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from garrison.events.audit.note import Signer
from garrison.reactions.evidence import EvidenceWrong, pack, verify

SIGNER = Signer("garrison", b"s" * 32)
FILES = {
    "incident.json": b"{}",
    "report.html": b"<p>O'Brien \xf0\x9f\x8e\x81",
    "sbom.cdx.json": b"{}",
    "timeline.jsonl": b"\n",
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    target = tmp_path / "e.zip"
    pack(target, "i1", FILES, SIGNER, 1.0)
    return target


def rewritten(bundle: Path, files: list[tuple[str, bytes]]) -> Path:
    other = bundle.with_name("other.zip")
    with zipfile.ZipFile(other, "w") as packed:
        for name, data in files:
            packed.writestr(name, data)
    return other


def content(bundle: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(bundle) as packed:
        return [(name, packed.read(name)) for name in packed.namelist()]


def test_packed_anew_without_a_change_it_still_holds(bundle: Path) -> None:
    """The control: what is found below is the change, not the packing."""
    assert verify(rewritten(bundle, content(bundle)), [SIGNER.public])["files"] == len(FILES)


@pytest.mark.parametrize("name", [*FILES, "manifest.json", "manifest.sig"])
def test_one_byte_of_any_file_changed_or_the_file_gone_is_found(bundle: Path, name: str) -> None:
    whole = content(bundle)
    changed = [(one, data[:-1] + bytes([data[-1] ^ 1]) if one == name else data) for one, data in whole]
    for files in (changed, [one for one in whole if one[0] != name]):
        with pytest.raises(EvidenceWrong):
            verify(rewritten(bundle, files), [SIGNER.public])


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("more", ["report.html", "REPORT.HTML", "../report.html", "proofs/x.json", "a/"])
def test_a_second_file_that_a_reader_might_open_instead_is_found(bundle: Path, more: str) -> None:
    for files in ([(more, b"forged"), *content(bundle)], [*content(bundle), (more, b"forged")]):
        with pytest.raises(EvidenceWrong):
            verify(rewritten(bundle, files), [SIGNER.public])


def test_a_bundle_of_another_incident_or_key_is_not_this_one(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "i2.zip"
    pack(other, "i2", FILES, SIGNER, 1.0)
    mixed = dict(content(bundle)) | {"manifest.sig": dict(content(other))["manifest.sig"]}
    with pytest.raises(EvidenceWrong):
        verify(rewritten(bundle, list(mixed.items())), [SIGNER.public])
    with pytest.raises(EvidenceWrong):
        verify(bundle, [Signer("garrison", b"t" * 32).public])
