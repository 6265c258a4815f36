"""What the first bytes of a file are: libmagic, chosen by figures (docs/decisions/0009-libmagic.md).

Threat: content that is not what its name says. libmagic is C code that reads hostile bytes; it sees 64 KB of them, and
what it answers only ever narrows what is taken. Its library comes in the wheel `pylibmagic` (whose own module is not
imported: it patches `ctypes` for the whole process), or from the system.
"""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Final

from ...core.errors import DependencyError

HEAD: Final = 64 * 1024
"""Bytes that are looked at."""
_MIME_TYPE: Final = 0x000010
_NO_CHECKS: Final = 0x1000 | 0x10000 | 0x40000 | 0x100000
"""Its parsers for compressed data, ELF, OLE documents and source code stay off: the first bytes say enough."""
_REMEDY: Final = "pip install 'garrison[inputs]' (or your system's libmagic)"


class Detector:
    """libmagic, opened once. Calls take turns: a handle is not for two threads."""

    def __init__(self, library: str, database: bytes | None) -> None:
        self._lock = Lock()
        self._magic = ctypes.CDLL(library)
        self._magic.magic_open.restype = ctypes.c_void_p
        self._magic.magic_load.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
        self._magic.magic_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
        self._magic.magic_buffer.restype = ctypes.c_char_p
        self._handle = self._magic.magic_open(_MIME_TYPE | _NO_CHECKS)
        if not self._handle or self._magic.magic_load(self._handle, database) != 0:
            raise DependencyError("libmagic has no database of file types.", remedy=_REMEDY)

    def media_type(self, head: bytes) -> str:
        """The media type of a file that begins with `head`; "application/octet-stream" where nothing is known."""
        with self._lock:
            found = self._magic.magic_buffer(self._handle, head[:HEAD], len(head[:HEAD]))
        return found.decode("ascii", "replace") if found else "application/octet-stream"


@cache
def detector() -> Detector:
    """The process's detector. Raises `DependencyError` where there is no libmagic."""
    spec = find_spec("pylibmagic")
    for folder in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
        for name in ("libmagic.so.1", "libmagic.dylib"):
            if (folder / name).is_file():
                return Detector(str(folder / name), bytes(folder / "magic.mgc"))
    library = find_library("magic")
    if library is None:
        raise DependencyError("Uploads need libmagic to see what a file is.", remedy=_REMEDY)
    return Detector(library, None)
