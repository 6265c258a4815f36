"""ZIP and tar files, read to their end under bounds before anybody unpacks them.

Threat: bombs (CWE-409), names that leave the folder (CWE-22), links and devices (CWE-59), archives in archives, files
that overlap, two programs that see different files in one archive, and data outside of them: a PDF, a page or a
program in front, behind or between. All of it is unpacked once, to nowhere, with bytes counted as they come: what
an archive says about its sizes is not believed.
Lets pass: what the files themselves hold, beyond their kind. Encrypted members are refused: nobody could look.
"""

from __future__ import annotations

import gzip
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Self

from .detect import detector
from .kinds import Kind
from .names import kind_of
from .refused import UploadRefused, Why

_CHUNK: Final = 256 * 1024
_HEAD: Final = 4096
_PART: Final = re.compile(r'[^\x00-\x1f\x7f\\/:*?"<>|\u202a-\u202e\u2066-\u2069]{1,255}')
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_END: Final = b"PK\5\6"
_END_SIZE: Final = 22
_LOCATOR: Final = b"PK\6\7"
_LOCATOR_SIZE: Final = 20
_EXTENSIONS: Final = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
                                tarfile.SOLARIS_XHDTYPE})  # fmt: skip
_MOST_EXTENSION: Final = 8 * 1024
_SCRAP: Final = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
_NESTED: Final = frozenset(
    "zip tar gz tgz bz2 tbz2 xz txz zst 7z rar jar war ear apk cab iso lz lzma lz4 arj".split()  # noqa: SIM905  # words
)


@dataclass(frozen=True, slots=True)
class ArchiveRule:
    """What an archive may unpack to: `files` members, `most` bytes together, `ratio` times its own size (from a
    megabyte on), `depth` folders; `kinds` by extension that its members may be of."""

    kinds: Mapping[str, Kind]
    files: int = 1000
    most: int = 100 * 1024**2
    ratio: int = 100
    depth: int = 16


class _Count:
    """Unpacked bytes and members so far."""

    def __init__(self, rule: ArchiveRule, packed: int) -> None:
        self._rule = rule
        self._room = min(rule.most, max(1024**2, rule.ratio * packed))
        self._seen: set[str] = set()

    def add(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise UploadRefused(Why.ARCHIVE_SIZE)

    def name(self, name: str, *, folder: bool) -> None:
        if len(self._seen) >= self._rule.files:
            raise UploadRefused(Why.ARCHIVE_SIZE, "too many files")
        parts = name.rstrip("/").split("/") if folder else name.split("/")
        if parts[0] == ".":  # what `tar -c .` writes
            parts = parts[1:] or ["_"]
        key = "/".join(parts).casefold()
        if key in self._seen or len(parts) > self._rule.depth or not all(map(_is_plain, parts)):
            raise UploadRefused(Why.ARCHIVE_NAME)
        self._seen.add(key)
        if not folder and not _SCRAP & set(parts):
            _check_kind(parts[-1], self._rule.kinds)


def _is_plain(part: str) -> bool:
    return bool(_PART.fullmatch(part)) and part not in {".", ".."} and not _DEVICE.fullmatch(part) and part[-1] != " "


def _check_kind(name: str, kinds: Mapping[str, Kind]) -> None:
    if name.rpartition(".")[2].casefold() in _NESTED:
        raise UploadRefused(Why.ARCHIVE_NESTED)
    try:
        kind_of(name, kinds)
    except UploadRefused as error:
        raise UploadRefused(Why.ARCHIVE_MEMBER, error.detail) from None


def _drain(member: Callable[[int], bytes], count: _Count) -> int:
    """Read a member to its end; its size. Its first bytes must not be a program or an archive."""
    size, head = 0, b""
    while chunk := member(_CHUNK):
        if not size:
            head = chunk[:_HEAD]
        size += len(chunk)
        count.add(len(chunk))
    found = detector().media_type(head) if head else ""
    if any(word in found for word in ("zip", "x-tar", "gzip", "x-7z", "x-rar", "x-xz", "x-bzip2", "zstd", "cab")) and (
        "openxml" not in found
    ):
        raise UploadRefused(Why.ARCHIVE_NESTED, found)
    if any(word in found for word in ("executable", "sharedlib", "dosexec", "mach-binary", "x-shellscript", "x-php")):
        raise UploadRefused(Why.ARCHIVE_MEMBER, found)
    return size


def check_zip(file: BinaryIO, size: int, rule: ArchiveRule) -> None:
    """Raises `UploadRefused` for a ZIP file (APPNOTE 6.3.10) that breaks `rule` or can be read in two ways."""
    check_directory(file, size, rule.files)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > rule.files:
                raise UploadRefused(Why.ARCHIVE_SIZE, "too many files")
            _check_layout(file, archive)
            count = _Count(rule, size)
            for member in members:
                _check_member(member)
                count.name(member.filename, folder=member.is_dir())
                with archive.open(member) as opened:
                    if _drain(opened.read, count) and member.is_dir():
                        raise UploadRefused(Why.ARCHIVE_HIDDEN, "a folder with content")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        # RuntimeError is zipfile's word for encryption, NotImplementedError for methods it can't unpack
        raise UploadRefused(Why.BROKEN, type(error).__name__) from None


def check_directory(file: BinaryIO, size: int, most: int) -> None:
    """Before `zipfile` reads it whole into memory: the directory of a ZIP file is at its end, for `most` files, and no
    larger than these need. Raises `UploadRefused`; ZIP64, which files of gigabytes need, is none of what is taken."""
    file.seek(max(0, size - _END_SIZE - _LOCATOR_SIZE))
    tail = file.read()
    file.seek(0)
    end = tail[-_END_SIZE:]
    if len(end) < _END_SIZE or end[:4] != _END or end[-2:] != b"\0\0":
        raise UploadRefused(Why.ARCHIVE_HIDDEN, "bytes behind the directory")
    files, length = struct.unpack("<HL", end[10:16])
    if files > most or length > max(64 * 1024, most * 512) or tail[:-_END_SIZE][:4] == _LOCATOR:
        raise UploadRefused(Why.ARCHIVE_SIZE, "too many files")


def _check_member(member: zipfile.ZipInfo) -> None:
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise UploadRefused(Why.ARCHIVE_LINK)
    if member.flag_bits & 0x1:
        raise UploadRefused(Why.BROKEN, "encrypted")
    if member.orig_filename != member.filename and member.orig_filename.replace("\\", "/") != member.filename:
        raise UploadRefused(Why.ARCHIVE_NAME, "a NUL in a name")  # zipfile cuts there, others do not


def _check_layout(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """The members, each behind the one before, then the directory, then the end: and nothing else."""
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    file.seek(0)
    if b"%PDF-" in file.read(1024) and not any(m.filename.casefold().endswith(".pdf") for m in members):
        raise UploadRefused(Why.ARCHIVE_HIDDEN, "a PDF too")
    place = 0
    for member in members:
        if member.header_offset != place:
            raise UploadRefused(Why.ARCHIVE_HIDDEN, "bytes before or between files, or files that overlap")
        place = _end_of_member(file, member)
    if place != archive.start_dir:
        raise UploadRefused(Why.ARCHIVE_HIDDEN, "bytes before the directory")


def _end_of_member(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    file.seek(member.header_offset)
    header = file.read(30)
    if len(header) != 30 or header[:4] != b"PK\3\4":
        raise UploadRefused(Why.BROKEN, "no member where the directory says")
    name, extra = struct.unpack("<HH", header[26:30])
    if file.read(name) != member.orig_filename.encode("utf-8" if member.flag_bits & 0x800 else "cp437"):
        raise UploadRefused(Why.ARCHIVE_NAME, "the directory has another name")
    end = member.header_offset + 30 + name + extra + member.compress_size
    if not member.flag_bits & 0x8:
        return int(end)
    file.seek(end)  # a data descriptor: with or without its signature, in 32 or 64 bits
    descriptor = file.read(24)
    wide = 8 if extra and member.extra and max(member.file_size, member.compress_size) >= 0xFFFFFFFF else 4
    return int(end) + (8 if descriptor[:4] == b"PK\7\x08" else 4) + 2 * wide


def check_tar(file: BinaryIO, size: int, rule: ArchiveRule) -> None:
    """Raises `UploadRefused` for a tar file (POSIX.1-2001), with gzip around it or not, that breaks `rule`."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file) if packed else file as source:
            counted = _Counted(source, _Count(rule, size))
            _check_tar(counted, _Count(rule, size))
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OSError) as error:
        raise UploadRefused(Why.BROKEN, type(error).__name__) from None


class _Counted:
    """A stream whose bytes are counted as they are unpacked, headers and padding included."""

    def __init__(self, source: BinaryIO | gzip.GzipFile, count: _Count) -> None:
        self._source = source
        self._count = count

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._count.add(len(data))
        return data


def _check_tar(source: _Counted, count: _Count) -> None:
    head = source.read(1024)
    if b"%PDF-" in head:
        raise UploadRefused(Why.ARCHIVE_HIDDEN, "a PDF too")
    stream: Any = _Rejoined(head, source)  # all that tarfile needs of it is `read`
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
        for member in archive:
            if not (member.isreg() or member.isdir()):
                raise UploadRefused(Why.ARCHIVE_LINK)
            count.name(member.name, folder=member.isdir())
            opened = archive.extractfile(member)
            if opened is not None and _drain(opened.read, count) != member.size:
                raise UploadRefused(Why.BROKEN, "a member is cut")
    while rest := source.read(_CHUNK):
        if rest.strip(b"\0"):
            raise UploadRefused(Why.ARCHIVE_HIDDEN, "bytes behind the end")


class _Header(tarfile.TarInfo):
    """A header whose extensions are bounded: tarfile reads them into memory, whatever size they claim."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENSIONS and header.size > _MOST_EXTENSION:
            raise UploadRefused(Why.ARCHIVE_SIZE, "a header extension")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise UploadRefused(Why.ARCHIVE_SIZE, "sparse")
        return header

    def _refuse_sparse(self, *_: object) -> None:
        raise UploadRefused(Why.ARCHIVE_SIZE, "sparse")

    # A sparse file's map is as long as it likes; a test sees to it that these are still what tarfile calls.
    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


class _Rejoined:
    """`head` once more in front of what follows it."""

    def __init__(self, head: bytes, source: _Counted) -> None:
        self._head = head
        self._source = source

    def read(self, size: int) -> bytes:
        head, self._head = self._head[:size], self._head[size:]
        return head if len(head) == size else head + self._source.read(size - len(head))
