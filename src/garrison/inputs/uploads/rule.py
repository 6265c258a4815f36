"""What may be uploaded, and the judgement of one file in quarantine. Pure of HTTP; blocks, so call it in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from zipfile import BadZipFile, ZipFile

from ...core.errors import OperatorError
from ...policy.section_uploads import NamedUpload, UploadsSection
from ...policy.units import parse_size
from .archive import ArchiveRule, check_directory, check_tar, check_zip
from .clamd import Clamd
from .detect import HEAD, detector
from .image import need_pillow, rewrite
from .kinds import UNDECLARED, Kind, choose
from .names import display_name, kind_of
from .quarantine import Draft, Store
from .refused import UploadRefused, Why
from .selftest import ControlFailed, try_decoder, try_scanner
from .text import check_text, clean_html, has_controls

_PARTS: Final = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}
_OF_POLICY: Final = (
    "allow", "most", "allow_unexamined", "pixels", "unpacked", "unpacked_files", "unpacked_ratio",
)  # fmt: skip
_ACTIVE_PARTS: Final = ("vbaproject", "activex", "oleobject")


class UnknownUpload(OperatorError):
    """A name for uploads that stands nowhere in the policy."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A file that passed. `name` is for display alone, `media` what it is served as; `examined` is False for kinds
    that were only seen to be what they say; `rewritten` where what is stored are not the bytes that were sent."""

    name: str
    kind: str
    media: str
    size: int
    sha256: str
    examined: bool
    rewritten: bool


@dataclass(frozen=True, slots=True)
class UploadRule:
    """The rule for the files of one form.

    allow        kinds or groups: "images", "texts", "archives", "png", … ("html" is stored as a sanitised fragment)
    most         bytes of a file, as a number or "5 MB"
    allow_unexamined   kinds taken without a look inside: "pdf", "docx", "xlsx", "pptx"
    pixels       of a picture, all its frames together
    unpacked, unpacked_files, unpacked_ratio   what an archive may hold
    scanner      a `Clamd`, asked last; None for none

    Raises `UnknownKind`.
    """

    allow: tuple[str, ...] = ("images", "texts")
    most: int | str = "5 MB"
    allow_unexamined: tuple[str, ...] = ()
    pixels: int = 50_000_000
    unpacked: int | str = "100 MB"
    unpacked_files: int = 1000
    unpacked_ratio: int = 100
    scanner: Clamd | None = None
    kinds: Mapping[str, Kind] = field(init=False, repr=False)
    largest: int = field(init=False, repr=False)
    _archives: ArchiveRule = field(init=False, repr=False)

    def __post_init__(self) -> None:
        examined = choose(self.allow, unexamined=False)
        kinds = examined | choose(self.allow_unexamined, unexamined=True)
        archives = ArchiveRule(kinds, self.unpacked_files, parse_size(self.unpacked), self.unpacked_ratio)
        for name, value in (("kinds", kinds), ("largest", parse_size(self.most)), ("_archives", archives)):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, section: UploadsSection, name: str = "") -> Self:
        """The rule that the policy has, for uploads called `name` where they have values of their own. Raises
        `UnknownUpload`, `UnknownKind` and `ScannerAddress`."""
        own = NamedUpload()
        if name:
            if name not in section.named:
                raise UnknownUpload(f"The policy has no [uploads.named.{name}].", remedy="Write it, or mend the name.")
            own = section.named[name]
        values = {key: getattr(section, key) if (value := getattr(own, key)) is None else value for key in _OF_POLICY}
        scanner = Clamd(section.scanner, section.scanner_timeout) if section.scanner else None
        return cls(**values, scanner=scanner)

    def self_test(self, store: Store) -> None:
        """See that every control this rule needs is there and works. Raises `ControlFailed` and `DependencyError`."""
        if detector().media_type(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n") != "application/pdf":
            raise ControlFailed("libmagic does not know a PDF.", remedy="Install garrison[inputs] anew.")
        if any(kind.family == "image" for kind in self.kinds.values()):
            need_pillow()
            try_decoder(store)
        if self.scanner is not None:
            try_scanner(self.scanner, store)

    def kind(self, sent: str | None, declared: str) -> Kind:
        """The kind a file of this name and Content-Type must prove to be. Raises `UploadRefused`."""
        kind = kind_of(sent, self.kinds)
        media = declared.partition(";")[0].strip().lower()
        if media not in kind.declared and media not in UNDECLARED:
            raise UploadRefused(Why.DECLARED, f"{kind.name} declared as {media[:60]!r}")
        return kind

    def draft(self, kind: Kind, store: Store) -> Draft:
        """A draft for a file of `kind`: text is looked at while it is written."""
        return Draft(store, has_controls if kind.family == "text" else None)

    def judge(self, draft: Draft, sent: str | None, kind: Kind, store: Store) -> tuple[Draft, Accepted]:
        """The draft to keep (another one, where the file was rewritten) and what it is. Raises `UploadRefused`."""
        if not draft.size:
            raise UploadRefused(Why.EMPTY)
        self._check(draft, kind)
        if self.scanner is not None:  # what was sent: rewriting may take out what the scanner would know
            with draft.reading() as file:
                self.scanner.scan(file)
        kept = self._rewritten(draft, kind, store)
        name = display_name(sent)
        examined = kind.family != "unexamined"
        accepted = Accepted(name, kind.name, kind.media, kept.size, kept.sha256, examined, kept is not draft)
        return kept, accepted

    def _check(self, draft: Draft, kind: Kind) -> None:
        with draft.reading() as file:
            head = file.read(HEAD)
            found = detector().media_type(head)
            file.seek(0)
            if kind.family == "text":
                return check_text(file, found, draft.seen)
            if not _fits(kind, found, head):
                raise UploadRefused(Why.DETECTED, f"{kind.name} found to be {found}")
            if kind.name == "pdf" and not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-"):
                raise UploadRefused(Why.DETECTED, "a PDF that begins as something else")  # ISO 32000-2, section 7.5.2
            if kind.family == "zip":
                check_zip(file, draft.size, self._archives)
            elif kind.family == "tar":
                check_tar(file, draft.size, self._archives)
            elif kind.name in _PARTS:
                _check_office(draft, kind.name, self._archives.files)
        return None

    def _rewritten(self, draft: Draft, kind: Kind, store: Store) -> Draft:
        if kind.family not in {"image", "html"}:
            return draft
        clean = Draft(store)
        try:
            with draft.reading() as file:
                if kind.family == "html":
                    clean.write(clean_html(file))
                else:
                    rewrite(file, clean.file, kind.name, self.pixels)
                    clean.take_over()
        except BaseException:  # also on cancellation: nothing may stay in quarantine
            clean.discard()
            raise
        return clean


def _fits(kind: Kind, found: str, head: bytes) -> bool:
    """Whether libmagic's word is that of the kind. Its patterns for Office's documents know the order in which Office
    writes their parts, and other programs have their own: there the parts themselves tell (`_check_office`)."""
    if kind.name in _PARTS:
        return head.startswith(b"PK\x03\x04")
    return found in kind.found or (kind.family == "html" and found.startswith("text/"))


def _check_office(draft: Draft, name: str, most: int) -> None:
    """Nothing is unpacked: the names of its parts have to be those of such a document, without macros."""
    try:
        with draft.reading() as file:
            check_directory(file, draft.size, most)
            with ZipFile(file) as archive:
                names = archive.namelist()
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UploadRefused(Why.BROKEN, type(error).__name__) from None
    if len(names) > most or not {"[Content_Types].xml", _PARTS[name]} <= set(names):
        raise UploadRefused(Why.DETECTED, f"no {name}")
    if any(word in part.casefold() for part in names for word in _ACTIVE_PARTS):
        raise UploadRefused(Why.MACROS)
