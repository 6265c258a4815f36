"""A bundle of evidence: one file that another machine can check, with nothing but a key it trusts.

A zip archive with what the incident is, its timeline, for each event that the audit log holds a proof of inclusion
under a signed checkpoint, and a manifest with the digest of every other file. The manifest is signed with the audit
log's key, as a checkpoint of its own (C2SP tlog-checkpoint): the root is its digest, the size the number of files.

Threat: a bundle that was changed on the way, or made by somebody else. Lets pass: what the log's own
key signed falsely.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from ..core.errors import OperatorError
from ..events.audit.note import Checkpoint, Signs, VerifierKey
from ..events.audit.proof import ProofWrong, check_proof

FORMAT: Final = "garrison evidence 1"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
ORIGIN: Final = "garrison/evidence/"
_LARGEST: Final = 256 * 1024**2
_MOST_FILES: Final = 20_000


class EvidenceWrong(OperatorError):
    """A bundle does not hold; `why` says where."""

    exit_code = 1

    def __init__(self, why: str) -> None:
        super().__init__(f"The evidence does not hold: {why}.", remedy="Don't rely on what it says.")
        self.why = why


def pack(target: Path, incident: str, files: Mapping[str, bytes], signer: Signs, now: float) -> bytes:
    """Write the bundle into the new file `target`; the manifest. Raises OSError when it is there already."""
    digests = {name: sha256(data).hexdigest() for name, data in sorted(files.items())}
    about = {"format": FORMAT, "incident": incident, "made": now, "files": digests}
    manifest = json.dumps(about, indent=1, sort_keys=True).encode("ascii")
    root = sha256(manifest).digest()
    signature = signer.sign(f"{ORIGIN}{incident}", len(digests), root, now)
    with target.open("xb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
        bundle.writestr(MANIFEST, manifest)
        bundle.writestr(SIGNATURE, signature)
    return manifest


def verify(source: Path, keys: Sequence[VerifierKey]) -> dict[str, Any]:
    """What a bundle holds, all of it checked: the manifest, the number of proofs. Raises `EvidenceWrong`."""
    try:
        with zipfile.ZipFile(source) as bundle:
            return _verify(bundle, keys)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        raise EvidenceWrong(f"it can't be read ({type(error).__name__})") from error


def _verify(bundle: zipfile.ZipFile, keys: Sequence[VerifierKey]) -> dict[str, Any]:
    infos = bundle.infolist()
    if len(infos) > _MOST_FILES or sum(one.file_size for one in infos) > _LARGEST:
        raise EvidenceWrong("it is larger than a bundle can be")
    manifest = bundle.read(MANIFEST)
    about = json.loads(manifest)
    if about["format"] != FORMAT:
        raise EvidenceWrong("it is of another format")
    digests: dict[str, str] = about["files"]
    origin = f"{ORIGIN}{about['incident']}"
    _check_signature(bundle.read(SIGNATURE).decode("utf-8"), manifest, len(digests), origin, keys)
    names = sorted(one.filename for one in infos)
    if names != sorted([*digests, MANIFEST, SIGNATURE]):
        raise EvidenceWrong("files are missing, or were added")
    for name, digest in digests.items():
        if not compare_digest(sha256(bundle.read(name)).hexdigest(), digest):
            raise EvidenceWrong(f"{name} was changed")
    proofs = [name for name in names if name.startswith("proofs/")]
    for name in proofs:
        try:
            check_proof(json.loads(bundle.read(name)), list(keys))
        except ProofWrong as error:
            raise EvidenceWrong(f"{name}: {error.why}") from error
    return {"incident": about["incident"], "made": about["made"], "files": len(digests), "proofs": len(proofs)}


def _check_signature(text: str, manifest: bytes, size: int, origin: str, keys: Sequence[VerifierKey]) -> None:
    checkpoint = Checkpoint.parse(text)
    own = [key.of(origin) for key in keys]
    if checkpoint.signed_by(own) is None:
        raise EvidenceWrong("its manifest is not signed by the given key")
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (origin, size, sha256(manifest).digest()):
        raise EvidenceWrong("the manifest was changed")


def lines(events: Iterable[str]) -> bytes:
    """A timeline: one JSON object on each line."""
    return "".join(f"{event}\n" for event in events).encode("ascii")


def origins(source: Path) -> list[str]:
    """The logs that a bundle's proofs are of, unchecked: to find keys by. Raises `EvidenceWrong`."""
    try:
        with zipfile.ZipFile(source) as bundle:
            if sum(one.file_size for one in bundle.infolist()) > _LARGEST:
                raise EvidenceWrong("it is larger than a bundle can be")
            proofs = [json.loads(bundle.read(name)) for name in bundle.namelist() if name.startswith("proofs/")]
            return sorted({Checkpoint.parse(str(one["checkpoint"])).origin for one in proofs})
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise EvidenceWrong(f"it can't be read ({type(error).__name__})") from error
