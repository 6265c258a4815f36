"""Files of every kind, made here: genuine ones, and the pieces that bad ones are made of."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from PIL import Image

PAYLOAD = b"<script>alert(document.domain)</script>"
PHP = b"<?php system($_GET['c']); ?>"
EXE = (
    b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8" + b"\0" * 43 + b"\x80\0\0\0\x0e\x1f\xba\x0e" + b"\0" * 60
    + b"PE\0\0L\1" + b"\0" * 200
)  # fmt: skip
ELF = b"\x7fELF\2\1\1" + b"\0" * 9 + b"\2\0\x3e\0\1\0\0\0" + b"\0" * 200
PDF = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
PDF_SCRIPT = PDF.replace(b"/Catalog", b"/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="4"/></svg>'
SVG_SCRIPT = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!doctype html><html><head><title>x</title></head><body>" + PAYLOAD + b"</body></html>"
TYPES = '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def picture(
    kind: str, mode: str = "RGB", size: tuple[int, int] = (48, 32), *, frames: int = 1, exif: bool = False
) -> bytes:
    """A picture with something to see; `exif` puts a place and a comment into it."""
    image = Image.effect_noise(size, 60).convert(mode)
    out, options = io.BytesIO(), {}
    if exif:
        data = Image.Exif()
        data[0x010E] = "secret place"
        data[0x0112] = 6
        options["exif"] = data.tobytes()
    if frames > 1:
        others = [Image.effect_noise(size, 60 + n).convert(mode) for n in range(1, frames)]
        options |= {"save_all": True, "append_images": others, "duration": 80}
    image.save(out, kind, **options)
    return out.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG that says it is enormous."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!L", len(data)) + name + data + struct.pack("!L", zlib.crc32(name + data))

    header = struct.pack("!LLBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def zipped(files: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def zipped_streaming(files: Mapping[str, bytes]) -> bytes:
    """As a program writes it that can't go back: sizes behind the data (flag bit 3)."""

    class Forward(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)  # type: ignore[call-overload]
            self.data += piece
            return len(piece)

    out = Forward()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            with archive.open(name, "w") as member:
                member.write(data)
    return bytes(out.data)


def zip_entry(name: str, data: bytes = b"x", *, mode: int = 0, flags: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, data)
    made = bytearray(out.getvalue())
    if flags:
        made[6] |= flags
        place = made.index(b"PK\1\2")
        made[place + 8] |= flags
    return bytes(made)


def zip_with_two_names(shown: bytes, hidden: bytes) -> bytes:
    """The directory and the member itself disagree on the name."""
    assert len(shown) == len(hidden)
    data = zipped({shown.decode(): b"x"}, stored=True)
    return data.replace(shown, hidden, 1)


def zip_overlapping(copies: int = 40, size: int = 100_000) -> bytes:
    """Many entries of the directory, one member (the shape of zip bombs that do not recurse)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"0" * size)
        first = archive.infolist()[0]
        for number in range(copies):
            info = zipfile.ZipInfo(f"{number:05}"[:5])
            for field in ("header_offset", "CRC", "compress_size", "file_size", "compress_type", "flag_bits"):
                setattr(info, field, getattr(first, field))
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
    return out.getvalue()


def zip_with_long_directory(copies: int = 20_000) -> bytes:
    """A directory of many entries whose end says that it is one."""
    data = zipped({"a.txt": b"x"})
    start = data.index(b"PK\1\2")
    entry, end = data[start:-22], bytearray(data[-22:])
    end[12:16] = struct.pack("<L", len(entry) * copies)
    return data[:start] + entry * copies + bytes(end)


def tarred(members: Sequence[tuple[str, bytes]], *, mode: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{mode}") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_member(kind: bytes, name: str = "a.txt", target: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return out.getvalue()


def tar_sparse() -> bytes:
    """A file with a map of holes in its extended header (GNU, pax 1.0)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.txt")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a.txt",
                            "GNU.sparse.realsize": "99999999999"}  # fmt: skip
        body = b"1\n0\n0\n".ljust(512, b"\0")
        info.size = len(body)
        archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def tar_long_header(size: int = 200_000) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.txt")
        info.pax_headers = {"comment": "x" * size}
        archive.addfile(info)
    return out.getvalue()


def office(kind: str, extra: Mapping[str, bytes] | None = None, *, main_last: bool = False) -> bytes:
    """As Office writes one, or, with `main_last`, as the usual libraries of Python do."""
    main = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}[kind]
    size = [hashlib.sha256(bytes([number])).hexdigest().encode() * 4 for number in range(2)]  # as properties have it
    properties = dict(zip(("docProps/core.xml", "docProps/app.xml"), size, strict=True)) if main_last else {}
    files = {"[Content_Types].xml": TYPES.encode(), "_rels/.rels": b"<Relationships/>", **properties, main: b"<x/>"}
    return zipped(files | dict(extra or {}))


def office_streamed(kind: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(office(kind, main_last=True))) as archive:
        return zipped_streaming({name: archive.read(name) for name in archive.namelist()[::-1]})


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
