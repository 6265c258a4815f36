"""Pictures, decoded and written anew by a bounded process.

Threat: decoders are the code that hostile files are written for (CWE-787), a picture of a kilobyte can be gigapixels
(CWE-400), and one file can be a picture and an archive or a script (polyglots). So the decoder runs in a process with
bounds on memory, time and output and with nothing in its environment; only the decoder of the expected format is
asked; and what is stored are pixels written by us, so that whatever else was in the file is gone: places and names in
EXIF, scripts, archives behind the end.
Costs: a process for each picture (about 0.2 s of CPU); JPEG and WebP lose a little; colour profiles are dropped.
Lets pass: what can be seen in the picture.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

from ...core.errors import DependencyError
from .image_worker import TOO_LARGE
from .refused import UploadRefused, Why

_WORKER: Final = str(Path(__file__).with_name("image_worker.py"))
_SECONDS: Final = 30


def need_pillow() -> None:
    """Raises `DependencyError` without Pillow."""
    if find_spec("PIL") is None:
        raise DependencyError("Pictures need Pillow.", remedy="pip install 'garrison[inputs]'")


def rewrite(source: BinaryIO, target: BinaryIO, kind: str, pixels: int) -> None:
    """Write the picture in `source`, of the format `kind`, to `target`; both are real files. Raises `UploadRefused`.
    Blocks: call it in a thread."""
    command = [sys.executable, "-I", _WORKER, kind.upper(), str(pixels)]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and file; no part comes from a client
            command, stdin=source, stdout=target, stderr=subprocess.DEVNULL, env={}, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UploadRefused(Why.BROKEN, "the decoder took too long") from None
    if done.returncode:
        raise UploadRefused(Why.PIXELS if done.returncode == TOO_LARGE else Why.BROKEN, f"decoder: {done.returncode}")
