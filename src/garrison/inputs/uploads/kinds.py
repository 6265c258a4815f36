"""The kinds of files that can be allowed: what each may be called, declared and found to be.

Threat: a file that is one thing to us and another to whoever opens it (CWE-434, CWE-351). An extension, the client's
Content-Type and the content are three claims, and all must be of one kind. SVG is none of the kinds: no sanitiser in
reach reads it as browsers do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ...core.errors import OperatorError

Family = Literal["image", "text", "html", "zip", "tar", "unexamined"]

UNDECLARED: Final = frozenset({"", "application/octet-stream"})
"""What a browser declares for an extension it does not know. It says nothing, so it contradicts nothing."""


class UnknownKind(OperatorError):
    """A kind of file that does not exist."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its `family` says how it is examined, `media` what it is served as, `extensions` what it is called,
    `declared` which Content-Types clients send for it, `found` what libmagic answers for it."""

    name: str
    family: Family
    media: str
    extensions: frozenset[str]
    declared: frozenset[str]
    found: frozenset[str]


def _kind(name: str, family: Family, media: str, extensions: str, declared: str = "", found: str = "") -> Kind:
    types = frozenset({media, *declared.split()})
    return Kind(name, family, media, frozenset(extensions.split()), types, frozenset({media, *found.split()}))


_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_ZIP: Final = "application/zip"

KINDS: Final = {
    kind.name: kind
    for kind in (
        _kind("png", "image", "image/png", "png", "image/x-png"),
        _kind("jpeg", "image", "image/jpeg", "jpg jpeg jpe jfif", "image/jpg image/pjpeg"),
        _kind("gif", "image", "image/gif", "gif"),
        _kind("webp", "image", "image/webp", "webp"),
        _kind("text", "text", "text/plain", "txt text log"),
        _kind("csv", "text", "text/csv", "csv", "text/plain application/csv application/vnd.ms-excel"),
        _kind("markdown", "text", "text/markdown", "md markdown", "text/plain text/x-markdown"),
        _kind("json", "text", "application/json", "json", "text/plain text/json"),
        _kind("html", "html", "text/html", "html htm", "application/xhtml+xml", "text/plain"),
        _kind("zip", "zip", _ZIP, "zip", "application/x-zip-compressed application/x-zip"),
        _kind("tar", "tar", "application/x-tar", "tar"),
        _kind("tgz", "tar", "application/gzip", "tgz tar.gz", "application/x-gzip application/x-compressed-tar "
              "application/x-tgz"),
        _kind("pdf", "unexamined", "application/pdf", "pdf", "application/x-pdf"),
        _kind("docx", "unexamined", f"{_OFFICE}wordprocessingml.document", "docx", found=_ZIP),
        _kind("xlsx", "unexamined", f"{_OFFICE}spreadsheetml.sheet", "xlsx", found=_ZIP),
        _kind("pptx", "unexamined", f"{_OFFICE}presentationml.presentation", "pptx", found=_ZIP),
    )
}  # fmt: skip
"""Every kind by its name. "unexamined" ones are only seen to be what they say: scripts and links hide deeper."""

GROUPS: Final = {
    "images": ("png", "jpeg", "gif", "webp"),
    "texts": ("text", "csv", "markdown", "json"),
    "archives": ("zip", "tar", "tgz"),
}
"""Names for several kinds at once."""


def choose(names: Iterable[str], *, unexamined: bool) -> dict[str, Kind]:
    """The kinds called `names`, groups resolved, by extension. Raises `UnknownKind`, also for one that is "unexamined"
    where that was not asked for, and the other way round."""
    chosen = {}
    for name in names:
        for one in GROUPS.get(name, (name,)):
            kind = KINDS.get(one)
            if kind is None or (kind.family == "unexamined") is not unexamined:
                known = [key for key, kind in KINDS.items() if (kind.family == "unexamined") is unexamined]
                remedy = f"Take of: {', '.join([*known, *([] if unexamined else GROUPS)])}."
                raise UnknownKind(f"{one!r} is no kind of file that can stand here.", remedy=remedy)
            chosen.update(dict.fromkeys(kind.extensions, kind))
    return chosen
