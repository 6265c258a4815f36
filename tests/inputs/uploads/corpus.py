"""The labelled corpus: what must be taken, and what must never be.

Three labels. "good": taken, and what is stored is the file or, for pictures, the same picture. "bad": refused.
"clean": whatever becomes of it, nothing of the payload may be stored (pictures that are something else as well).
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from garrison.inputs.uploads.clamd import EICAR

from . import builders as b

PICTURES = {"png": "png", "jpeg": "jpg", "gif": "gif", "webp": "webp"}
TEXTS = {
    "letter": "Dear O'Brien,\nplease find the minutes attached.\n",
    "german": "Größe: 3 m, Öffnungszeiten über Ostern: „geschlossen“\n",
    "japanese": "日本語のテキスト。会議の議事録です。\n",
    "arabic": "مرحبا بالعالم\n",
    "emoji": "Release day 🚀😎 ✔\n",
    "sql": "He'd like us to select the best offers from last year's list; drop table lobby --\n",
    "about-html": "Put <script> into a page? Use <b>bold</b> or <img src=x onerror=alert(1)>, they say.\n",
    "comments": "<!---->" * 580 + "x",
    "about-pdf": "The file begins with %PDF-1.7 and ends with %%EOF.\n",
    "code": "import os\n\n\ndef main() -> None:\n    print(os.environ)\n",
    "c": '#include <stdio.h>\nint main(void) { return puts("hi"); }\n',
    "javascript": "const a = 1;\nfunction f() { return a; }\n",
    "urls": "https://example.com/?a=1&b=2\nmailto:ann@example.com\n",
    "one": "x",
    "mz": "MZ is the beginning of my shopping list.\n",
    "pk": "PK, BM and GIF are letters too.\n",
    "template": "Dear {{ name }}, your ${price} is <%= due %>.\n",
    "tabs": "a\tb\r\nc\td\r\n",
    "long-line": "word " * 20_000,
}
CSVS = {
    "comma": "name,amount\nO'Brien,3\nAnn,-4\n",
    "semicolon": "Straße;Wert\nA;1\nB;2\n",
    "quoted": '"a ""b""","c\nd"\n1,2\n',
    "formula": "=1+1,@x\n",
    "bom": "\ufeffname,amount\nAnn,4\n",
}
MARKDOWNS = {
    "plain": "# Title\n\n- a\n- b\n\n```html\n<script>alert(1)</script>\n```\n",
    "table": "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "centred": '<p align="center"><img src="logo.png"></p>\n\n# Project\n',
    "comment": "<!-- a comment -->\n# Title\n",
}
JSONS = {"object": '{"a": [1, 2, 3], "b": "c"}', "list": "[1,2,3]", "text": '"<script>alert(1)</script>"'}


@dataclass(frozen=True)
class Case:
    id: str
    label: str
    name: str
    declared: str
    data: bytes


def cases() -> Iterator[Case]:
    yield from _pictures()
    yield from _texts()
    yield from _archives()
    yield from _opted_in()
    yield from _bad_pictures()
    yield from _renamed()
    yield from _bad_texts()
    yield from _bad_archives()
    yield from _bad_names()


def _media(kind: str) -> str:
    return f"image/{kind}"


def _pictures() -> Iterator[Case]:
    modes = {"png": ("RGB", "RGBA", "L", "LA", "P", "1"), "jpeg": ("RGB", "L", "CMYK"), "gif": ("RGB", "P", "L"),
             "webp": ("RGB", "RGBA")}  # fmt: skip
    for kind, extension in PICTURES.items():
        for mode in modes[kind]:
            data = b.picture(kind.upper(), mode)
            yield Case(f"{kind}-{mode}", "good", f"Ann's photo (2).{extension}", _media(kind), data)
        yield Case(
            f"{kind}-pixel", "good", f"p.{extension.upper()}", _media(kind), b.picture(kind.upper(), size=(1, 1))
        )
        yield Case(f"{kind}-wide", "good", f"www.example.com.{extension}", "", b.picture(kind.upper(), size=(900, 2)))
        yield Case(f"{kind}-unknown", "good", f"фото.{extension}", "application/octet-stream", b.picture(kind.upper()))
    for kind in ("jpeg", "png", "webp"):
        data = b.picture(kind.upper(), exif=True)
        yield Case(f"{kind}-exif", "good", f"exif.{PICTURES[kind]}", _media(kind), data)
    for kind in ("gif", "webp"):
        yield Case(f"{kind}-moving", "good", f"m.{kind}", _media(kind), b.picture(kind.upper(), frames=3))
    yield Case("jpeg-jfif", "good", "a.jfif", "image/jpeg", b.picture("JPEG"))  # as Windows saves pictures of pages
    yield Case("jpeg-jpeg", "good", "a.jpeg", "image/pjpeg", b.picture("JPEG"))


def _texts() -> Iterator[Case]:
    for name, text in TEXTS.items():
        yield Case(f"text-{name}", "good", f"{name}.txt", "text/plain", text.encode())
    yield Case("text-latin1", "good", "alt.txt", "text/plain", "Größe über Ähre\n".encode("latin-1"))
    yield Case("text-utf16", "good", "wide.txt", "text/plain", "Notepad schreibt so. Größe 🚀\r\n".encode("utf-16"))
    yield Case("text-bom", "good", "bom.txt", "text/plain; charset=utf-8", "\ufeffhello\n".encode())
    for name, text in CSVS.items():
        yield Case(f"csv-{name}", "good", f"{name}.csv", "text/csv", text.encode())
    yield Case("csv-excel", "good", "x.csv", "application/vnd.ms-excel", b"a,b\n1,2\n")
    for name, text in MARKDOWNS.items():
        yield Case(f"markdown-{name}", "good", f"{name}.md", "text/markdown", text.encode())
    for name, text in JSONS.items():
        yield Case(f"json-{name}", "good", f"{name}.json", "application/json", text.encode())


def _archives() -> Iterator[Case]:
    png, text = b.picture("PNG"), b"hello\n"
    files = {"a.txt": text, "Fotos/ü.png": png, "Fotos/list.csv": b"a,b\n1,2\n"}
    yield Case("zip-plain", "good", "a.zip", "application/zip", b.zipped(files))
    yield Case("zip-stored", "good", "a.zip", "application/x-zip-compressed", b.zipped(files, stored=True))
    yield Case("zip-streamed", "good", "a.zip", "", b.zipped_streaming(files))
    yield Case("zip-folders", "good", "a.zip", "application/zip", b.zipped({"d/": b"", "d/e/": b"", "d/e/a.md": text}))
    yield Case("zip-mac", "good", "a.zip", "application/zip", b.zipped({"a.txt": text, "__MACOSX/._a.txt": b"\0\5"}))
    yield Case("zip-big-text", "good", "a.zip", "application/zip", b.zipped({"a.txt": TEXTS["long-line"].encode() * 5}))
    yield Case("tar-plain", "good", "a.tar", "application/x-tar", b.tarred([("a.txt", text), ("d/b.png", png)]))
    yield Case("tar-dot", "good", "a.tar", "application/x-tar", b.tarred([("./a.txt", text)]))
    yield Case("tar-long-name", "good", "a.tar", "", b.tarred([("d/" + "ü" * 120 + ".txt", text)]))
    yield Case("tgz", "good", "a.tar.gz", "application/gzip", b.tarred([("a.txt", text)], mode="gz"))
    yield Case("tgz-short", "good", "a.tgz", "application/x-gzip", b.tarred([("a.txt", text)], mode="gz"))


def _opted_in() -> Iterator[Case]:
    yield Case("pdf", "good", "Report v1.2.pdf", "application/pdf", b.PDF)
    yield Case("pdf-after-a-line", "good", "a.pdf", "application/pdf", b"\xef\xbb\xbf\r\n" + b.PDF)
    for what, before in (("exe", b"MZ"), ("html", b"<html><script>x()</script>"), ("junk", b"junk " * 50)):
        yield Case(f"pdf-after-{what}", "bad", "a.pdf", "application/pdf", before + b.PDF)
    for kind in ("docx", "xlsx", "pptx"):
        yield Case(kind, "good", f"Angebot.{kind}", "", b.office(kind))
        yield Case(f"{kind}-main-last", "good", f"Angebot.{kind}", "", b.office(kind, main_last=True))
        yield Case(f"{kind}-streamed", "good", f"a.{kind}", "", b.office_streamed(kind))
        data = b.office(kind, {"word/vbaProject.bin": b"\xd0\xcf\x11\xe0"})
        yield Case(f"{kind}-macros", "bad", f"Angebot.{kind}", "", data)
        yield Case(f"{kind}-is-zip", "bad", f"a.{kind}", "", b.zipped({"a.txt": b"x"}))
        yield Case(f"{kind}-cut", "bad", f"a.{kind}", "", b.office(kind)[:200])


def _bad_pictures() -> Iterator[Case]:
    for kind, extension in PICTURES.items():
        data = b.picture(kind.upper(), size=(120, 90))
        name, media = f"a.{extension}", _media(kind)
        for part in (2, 3, 10):
            yield Case(f"{kind}-cut-{part}", "bad", name, media, data[: len(data) // part])
        yield Case(f"{kind}-head-alone", "bad", name, media, data[:16])
        yield Case(f"{kind}-garbage", "bad", name, media, data[:12] + b"\xa5" * 500)
        for what, payload in (("html", b.HTML), ("php", b.PHP), ("zip", b.zipped({"e.txt": b.PAYLOAD}, stored=True)),
                              ("pdf", b.PDF_SCRIPT), ("exe", b.EXE + b.PAYLOAD)):  # fmt: skip
            yield Case(f"{kind}-then-{what}", "clean", name, media, data + payload)
    for kind, comment in (("jpeg", b.picture("JPEG", exif=True)), ("png", b.picture("PNG", exif=True))):
        yield Case(f"{kind}-payload-in-exif", "clean", f"a.{PICTURES[kind]}", _media(kind),
                   comment.replace(b"secret place", b"<?php x() ?>"))  # fmt: skip
    yield Case("gif-js", "bad", "a.gif", "image/gif", b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//;")
    yield Case("png-gigapixel", "bad", "a.png", "image/png", b.png_claiming(60_000, 60_000))
    yield Case("png-over", "bad", "a.png", "image/png", b.png_claiming(10_000, 10_000))
    yield Case("png-negative", "bad", "a.png", "image/png", b.png_claiming(2**31, 1))
    yield Case("svg", "bad", "a.svg", "image/svg+xml", b.SVG)


def _renamed() -> Iterator[Case]:
    contents = {"exe": b.EXE, "elf": b.ELF, "pdf": b.PDF, "html": b.HTML, "svg": b.SVG_SCRIPT, "php": b.PHP,
                "zip": b.zipped({"a.txt": b"x"}), "png": b.picture("PNG"), "jpeg": b.picture("JPEG")}  # fmt: skip
    targets = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "txt": "text/plain",
               "csv": "text/csv", "json": "application/json", "zip": "application/zip", "pdf": "application/pdf",
               "docx": ""}  # fmt: skip
    same = {("png", "png"), ("jpeg", "jpg"), ("zip", "zip"), ("pdf", "pdf")}
    for what, data in contents.items():
        for extension, declared in targets.items():
            if (what, extension) not in same:
                yield Case(f"{what}-as-{extension}", "bad", f"a.{extension}", declared, data)
    yield Case("declared-html", "bad", "a.txt", "text/html", b"hello")
    yield Case("declared-svg", "bad", "a.png", "image/svg+xml", b.picture("PNG"))
    yield Case("declared-jpeg-is-png", "bad", "a.png", "image/jpeg", b.picture("PNG"))


def _bad_texts() -> Iterator[Case]:
    active = {
        "html": b.HTML, "html-space": b"  \r\n\t<HTML><body>", "html-bom": b"\xef\xbb\xbf<!doctype html><p>x",
        "html-comment": b"<!-- x --><script>alert(1)</script>", "script": b.PAYLOAD, "svg": b.SVG_SCRIPT, "php": b.PHP,
        "shell": b"#!/bin/sh\nrm -rf /\n", "xml": b"<?xml version='1.0'?><?xml-stylesheet href='x'?><a/>",
        "rtf": b"{\\rtf1 \\objdata}", "mhtml": b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n",
        "postscript": b"%!PS-Adobe-3.0\n(x) run\n", "batch": b"@echo off\r\ndel *.*\r\n",
        "pdf-inside": b"hello\n" + b.PDF_SCRIPT, "nul": b"hello\0world", "escape": b"hello \x1b]0;title\x07",
        "binary": bytes(range(256)), "html-utf16": "<html><script>alert(1)</script>".encode("utf-16"),
        "half-utf16": "hello".encode("utf-16") + b"x", "eicar-binary": b"\x7f" + EICAR,
    }  # fmt: skip
    for name, data in active.items():
        yield Case(f"text-{name}-bad", "bad", "a.txt", "text/plain", data)
    for name in ("html", "script", "svg", "php"):
        yield Case(f"markdown-{name}-bad", "bad", "a.md", "text/markdown", active[name])
    yield Case("text-empty", "bad", "a.txt", "text/plain", b"")


def _bad_archives() -> Iterator[Case]:
    text = b"hello\n"
    good = b.zipped({"a.txt": text})
    bad = {
        "bomb": b.zipped({"a.txt": b"\0" * 40_000_000}),
        "bomb-many": b.zipped({f"{n}.txt": b"0" * 200_000 for n in range(200)}),
        "too-many": b.zipped({f"{n}.txt": b"" for n in range(1001)}),
        "overlap": b.zip_overlapping(),
        "traversal": b.zip_entry("../../etc/cron.txt"), "absolute": b.zip_entry("/etc/a.txt"),
        "drive": b.zip_entry("C:/a.txt"), "backslash": b.zip_entry("..\\a.txt"), "device": b.zip_entry("aux.txt"),
        "newline": b.zip_entry("a\nb.txt"), "bidi": b.zip_entry("a\u202etxt.png"), "dot-dot": b.zip_entry("a/../b.txt"),
        "link": b.zip_entry("a.txt", b"/etc/passwd", mode=0o120777), "fifo": b.zip_entry("a.txt", mode=0o010666),
        "encrypted": b.zip_entry("a.txt", flags=1), "two-names": b.zip_with_two_names(b"a.txt", b"b.php"),
        "twice": b.zip_overlapping(1, 10), "case-twice": b.zipped({"a.txt": text, "A.TXT": text}),
        "nested": b.zipped({"b.zip": good}), "nested-renamed": b.zipped({"b.txt": good}),
        "exe": b.zipped({"a.exe": b.EXE}), "exe-renamed": b.zipped({"a.txt": b.EXE}),
        "html": b.zipped({"a.html": b.HTML}),
        "php-middle": b.zipped({"a.php.txt": text}), "shell": b.zipped({"a.txt": b"#!/bin/sh\nid\n"}),
        "prefix": b.HTML + good, "suffix": good + b.HTML, "comment": b"",
        "pdf-first": b.zipped({"a.txt": b.PDF_SCRIPT}, stored=True), "cut": good[:-30], "half": good[: len(good) // 2],
        "not": b"PK\3\4" + b"\0" * 100, "deep": b.zipped({"d/" * 40 + "a.txt": text}),
        "directory": b.zip_with_long_directory(), "zip64": good[:-22] + b"PK\6\7" + b"\0" * 16 + good[-22:],
        "gap": good[:36] + b"x" + good[36:],
    }  # fmt: skip
    bad["comment"] = good[:-2] + len(b.PAYLOAD).to_bytes(2, "little") + b.PAYLOAD
    for name, data in bad.items():
        yield Case(f"zip-{name}-bad", "bad", "a.zip", "application/zip", data)
    tars = {
        "traversal": b.tarred([("../a.txt", text)]), "absolute": b.tarred([("/etc/a.txt", text)]),
        "symlink": b.tar_member(tarfile.SYMTYPE, target="/etc/passwd"),
        "hardlink": b.tar_member(tarfile.LNKTYPE, target="b"),
        "device": b.tar_member(tarfile.CHRTYPE), "fifo": b.tar_member(tarfile.FIFOTYPE), "sparse": b.tar_sparse(),
        "header": b.tar_long_header(), "nested": b.tarred([("a.zip", good)]),
        "nested-renamed": b.tarred([("a.txt", good)]),
        "exe": b.tarred([("a.exe", b.EXE)]), "twice": b.tarred([("a.txt", text), ("a.txt", text)]),
        "cut": b.tarred([("a.txt", b"x" * 5000)])[:2000], "suffix": b.tarred([("a.txt", text)]) + b.HTML,
        "pdf": b.tarred([("%PDF-1.4.txt", text)]),
    }  # fmt: skip
    for name, data in tars.items():
        yield Case(f"tar-{name}-bad", "bad", "a.tar", "application/x-tar", data)
    bombs = {"bomb": b.tarred([("a.txt", b"\0" * 40_000_000)], mode="gz"), "no-tar": b.gzipped(b"hello" * 1000),
             "bomb-no-tar": b.gzipped(b"\0" * 40_000_000), "cut": b.tarred([("a.txt", text)], mode="gz")[:-20],
             "suffix": b.tarred([("a.txt", text)], mode="gz") + b.HTML}  # fmt: skip
    for name, data in bombs.items():
        yield Case(f"tgz-{name}-bad", "bad", "a.tgz", "application/gzip", data)


def _bad_names() -> Iterator[Case]:
    for name in ("a", "a.", ".txt", ".htaccess", "a.html", "a.svg", "a.js", "a.exe", "a.php", "a.phtml", "a.php.txt",
                 "a.asp.txt", "shell.jsp.txt", "a.txt.exe", "a.txt\0.png", "gpj\u202etxt.exe", "photo\u202egnp.txt",
                 "a.txt:x.php", "a.pHp", "a.p\u200dhp", "web.config", "a.txt.lnk", "..",
                 "a.７z", "con.sh"):  # fmt: skip
        yield Case(f"name-{name.encode('ascii', 'backslashreplace').decode()}", "bad", name, "", b"hello\n")
