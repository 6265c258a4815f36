"""The section `uploads`: which files may come in, where they lie, and who looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from .section import Frozen, Names
from .units import Bytes, Rate, Seconds

UploadName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
_Count = Annotated[int, Field(ge=1)]
_Most = Annotated[Bytes, Field(ge=1)]


class NamedUpload(Frozen):
    """What differs for one kind of upload: `[uploads.named.avatars]`, and `UploadPolicy(name="avatars")`."""

    allow: Names | None = None
    """Kinds or groups that are taken."""
    allow_unexamined: Names | None = None
    """Kinds that are taken without a look inside."""
    most: _Most | None = None
    """Bytes of a file."""
    rate: tuple[Rate, ...] | None = None
    """Uploads of one client."""
    pixels: _Count | None = None
    """Of a picture, all its frames together."""
    unpacked: _Most | None = None
    """Bytes that an archive unpacks to."""
    unpacked_files: _Count | None = None
    """Files in an archive."""
    unpacked_ratio: _Count | None = None
    """How many times its own size an archive unpacks to, from 1 MB on."""


class UploadsSection(Frozen):
    """Uploads that name no rule of their own: `docs/inputs/uploads.md`."""

    folder: str = ""
    """Where quarantine and files lie, outside of all that is served; empty: the application says it."""
    served: Names = ()
    """Folders that a web server in front gives out: uploads must lie in none."""
    keep_quarantine: Annotated[Seconds, Field(ge=600)] = 6 * 3600.0
    """How long a file that a killed process left in quarantine stays; the next start removes it."""
    at_once: Annotated[int, Field(ge=1, le=100)] = 4
    """Files that one process judges at a time; more wait."""
    scanner: str = ""
    """ClamAV's daemon on this machine: `unix:/run/clamav/clamd.ctl` or `tcp:127.0.0.1:3310`; empty: none."""
    scanner_timeout: Annotated[Seconds, Field(gt=0, le=600)] = 30.0
    """How long each step of the scanner may take; then the file is refused."""
    allow: Names = ("images", "texts")
    """Kinds or groups that are taken: `images`, `texts`, `archives`, `png`, `html`, …"""
    allow_unexamined: Names = ()
    """Kinds that are taken without a look inside: `pdf`, `docx`, `xlsx`, `pptx`."""
    most: _Most = 5 * 1024**2
    """Bytes of a file; `size.body` of the route counts first."""
    rate: tuple[Rate, ...] = (Rate(60, 60.0),)
    """Uploads of one client: of the principal where there is one, else of the address."""
    pixels: _Count = 50_000_000
    """Of a picture, all its frames together."""
    unpacked: _Most = 100 * 1024**2
    """Bytes that an archive unpacks to."""
    unpacked_files: _Count = 1000
    """Files in an archive."""
    unpacked_ratio: _Count = 100
    """How many times its own size an archive unpacks to, from 1 MB on."""
    named: Mapping[UploadName, NamedUpload] = Field(default_factory=dict)
    """Uploads with values of their own: `[uploads.named.avatars]`."""
