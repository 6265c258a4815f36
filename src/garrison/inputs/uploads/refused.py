"""Why a file is not taken. Closed: events, documentation and tests use exactly these words."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Why(StrEnum):
    """The rule that a file broke."""

    MALFORMED = "malformed"
    MISSING = "missing"
    SIZE = "size"
    EMPTY = "empty"
    NAME = "name"
    EXTENSION = "extension"
    DECLARED = "declared"
    DETECTED = "detected"
    ACTIVE = "active"
    BROKEN = "broken"
    PIXELS = "pixels"
    ARCHIVE_SIZE = "archive-size"
    ARCHIVE_NAME = "archive-name"
    ARCHIVE_LINK = "archive-link"
    ARCHIVE_NESTED = "archive-nested"
    ARCHIVE_MEMBER = "archive-member"
    ARCHIVE_HIDDEN = "archive-hidden"
    MACROS = "macros"
    INFECTED = "infected"
    SCANNER = "scanner"
    STORAGE = "storage"


SENTENCES: Final = {
    Why.MALFORMED: "The form can't be read.",
    Why.MISSING: "Send one file.",
    Why.SIZE: "The file is too large.",
    Why.EMPTY: "The file is empty.",
    Why.NAME: "The file's name can't be taken.",
    Why.EXTENSION: "Files of this kind are not taken.",
    Why.DECLARED: "The file's name and its declared type do not agree.",
    Why.DETECTED: "The file is not what its name says.",
    Why.ACTIVE: "The file holds something that could run.",
    Why.BROKEN: "The file is damaged.",
    Why.PIXELS: "The picture is too large.",
    Why.ARCHIVE_SIZE: "The archive unpacks to too much.",
    Why.ARCHIVE_NAME: "The archive holds a name that can't be taken.",
    Why.ARCHIVE_LINK: "The archive holds something that is neither a file nor a folder.",
    Why.ARCHIVE_NESTED: "The archive holds another archive.",
    Why.ARCHIVE_MEMBER: "The archive holds a file of a kind that is not taken.",
    Why.ARCHIVE_HIDDEN: "The archive holds data outside its files.",
    Why.MACROS: "The document holds macros.",
    Why.INFECTED: "The virus scanner refused the file.",
    Why.SCANNER: "Files can't be scanned at the moment.",
    Why.STORAGE: "Files can't be stored at the moment.",
}
"""What the client is told: enough to send another file, nothing about this machine."""

STATUS: Final = {
    Why.MALFORMED: 400, Why.MISSING: 400, Why.SIZE: 413, Why.PIXELS: 413, Why.ARCHIVE_SIZE: 413,
    Why.SCANNER: 503, Why.STORAGE: 503,
}  # fmt: skip
"""HTTP status; 415 for all others."""


class UploadRefused(Exception):
    """A file that is not taken. `detail` is for the log; nothing of the content is kept."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(SENTENCES[why])
        self.why = why
        self.detail = detail

    @property
    def status(self) -> int:
        return STATUS.get(self.why, 415)
