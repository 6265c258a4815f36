"""A bill of materials from lock files: CycloneDX 1.6 and SPDX 2.3, as JSON, with the hashes of every file.

Threat: nobody knows what is inside when the next hole is published. Assumption: the locks are what is installed. The
same locks give the same text, but for the time. What no lock tells (licences) is left open, never guessed.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from .lockfiles import Dependency

_SPACE: Final = uuid.UUID("6c5b2a53-6f0e-5d0a-9a55-5a5d3d0a4b0e")
_CYCLONE: Final = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "sha1": "SHA-1"}
_SPDX: Final = {"sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512", "sha1": "SHA1"}
_SINGLE: Final = re.compile(r"[A-Za-z0-9.+-]+")


@dataclass(frozen=True, slots=True)
class Materials:
    """What goes into a bill: the project's name and version, and each package once, with its licence (or none)."""

    name: str
    version: str
    packages: tuple[tuple[Dependency, str], ...]

    @property
    def mark(self) -> str:
        """The same for the same content."""
        said = [[one.purl, one.hashes, one.needs, one.dev, licence] for one, licence in self.packages]
        return sha256(json.dumps([self.name, self.version, said]).encode()).hexdigest()


def materials(name: str, version: str, found: Sequence[tuple[Dependency, str]]) -> Materials:
    """Each package of each version once, whatever number of locks name it."""
    once: dict[str, tuple[Dependency, str]] = {}
    for one, licence in found:
        known = once.get(one.purl)
        if known is None:
            once[one.purl] = (one, licence)
            continue
        merged = replace(
            known[0], hashes=tuple(dict.fromkeys([*known[0].hashes, *one.hashes])),
            needs=tuple(sorted({*known[0].needs, *one.needs})), dev=known[0].dev and one.dev,
        )  # fmt: skip
        once[one.purl] = (merged, known[1] or licence)
    return Materials(name, version, tuple(once[purl] for purl in sorted(once)))


def cyclonedx(given: Materials, created: datetime, garrison: str) -> str:
    """CycloneDX 1.6 (ECMA-424). Several files of a package are its distributions, each with its hash."""
    root = "project"
    edges = _edges(given)
    components = [_component(one, licence) for one, licence in given.packages]
    needed = {ref for refs in edges.values() for ref in refs}
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, given.mark)}",
        "version": 1,
        "metadata": {
            "timestamp": _time(created),
            "tools": {"components": [{"type": "application", "name": "garrison", "version": garrison}]},
            "component": {"type": "application", "bom-ref": root, "name": given.name}
            | ({"version": given.version} if given.version else {}),
        },
        "components": components,
        "dependencies": [
            {"ref": root, "dependsOn": [one.purl for one, _ in given.packages if one.purl not in needed]},
            *({"ref": ref, "dependsOn": refs} for ref, refs in edges.items()),
        ],
    }
    return json.dumps(bill, indent=2) + "\n"


def _component(one: Dependency, licence: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "library", "bom-ref": one.purl, "name": one.name, "purl": one.purl,
        "scope": "excluded" if one.dev else "required",
    }  # fmt: skip
    if one.version:
        made["version"] = one.version
    if licence:
        made["licenses"] = [{"license": {"name": licence}} if _SINGLE.fullmatch(licence) else {"expression": licence}]
    files = [{"alg": _CYCLONE[kind], "content": value} for kind, value in _split(one, _CYCLONE)]
    if len(files) == 1:
        made["hashes"] = files
    elif files:
        made["externalReferences"] = [{"type": "distribution", "url": one.purl, "hashes": [file]} for file in files]
    return made


def spdx(given: Materials, created: datetime, garrison: str) -> str:
    """SPDX 2.3 (ISO/IEC 5962)."""
    ids = {one.purl: f"SPDXRef-{re.sub(r'[^A-Za-z0-9.-]', '-', one.purl)}" for one, _ in given.packages}
    edges = _edges(given)
    needed = {ref for refs in edges.values() for ref in refs}
    related = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-project")]
    related += [("SPDXRef-project", "DEPENDS_ON", ids[one.purl]) for one, _ in given.packages if one.purl not in needed]
    related += [(ids[ref], "DEPENDS_ON", ids[to]) for ref, refs in edges.items() for to in refs]
    project = {"SPDXID": "SPDXRef-project", "name": given.name, "downloadLocation": "NOASSERTION",
               "filesAnalyzed": False, "primaryPackagePurpose": "APPLICATION"}  # fmt: skip
    bill = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": given.name,
        "documentNamespace": f"urn:uuid:{uuid.uuid5(_SPACE, given.mark)}",
        "creationInfo": {"created": _time(created), "creators": [f"Tool: garrison-{garrison}"]},
        "packages": [
            project | ({"versionInfo": given.version} if given.version else {}),
            *(_package(one, licence, ids[one.purl]) for one, licence in given.packages),
        ],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in related
        ],
    }
    return json.dumps(bill, indent=2) + "\n"


def _package(one: Dependency, licence: str, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "SPDXID": name, "name": one.name, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION", "licenseDeclared": licence or "NOASSERTION", "copyrightText": "NOASSERTION",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": one.purl}
        ],
        "checksums": [
            {"algorithm": _SPDX[kind], "checksumValue": value} for kind, value in _split(one, _SPDX)
        ],
    }  # fmt: skip
    return made | ({"versionInfo": one.version} if one.version else {})


def _split(one: Dependency, known: dict[str, str]) -> list[tuple[str, str]]:
    pairs = [tuple(mark.split(":", 1)) for mark in one.hashes]
    return [(kind, value) for kind, value in pairs if kind in known]


def _edges(given: Materials) -> dict[str, list[str]]:
    """Who needs whom, by purl. A name in several versions means all of them: the lock does not tell which."""
    named: dict[tuple[str, str], list[str]] = {}
    for one, _ in given.packages:
        named.setdefault((one.ecosystem, one.name), []).append(one.purl)
    return {
        one.purl: sorted({to for need in one.needs for to in named.get((one.ecosystem, need), ()) if to != one.purl})
        for one, _ in given.packages
    }


def _time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
