"""Every sentence that this application answers an error with."""

from __future__ import annotations

from typing import Final

from garrison.fastapi import NOT_HERE, Catalogue, Entry

LOG_IN_FIRST: Final = Entry("log-in-first", 401, "Log in first.")
ADMINISTRATORS: Final = Entry("administrators", 403, "This is for administrators.")
NOT_YOURSELF: Final = Entry("not-yourself", 409, "You can't disable yourself.")
NO_PREVIEW: Final = Entry("no-preview", 400, "There is no preview for this address.")
ATTACHMENTS_FULL: Final = Entry("attachments-full", 409, "A note has {most} attachments at most.")
NO_EXPORT: Final = Entry("no-export", 422, "This file is no export of notes, or it holds more than {most}.")
DATABASE_AWAY: Final = Entry("database-away", 503, "The database does not answer.")

ERRORS: Final = Catalogue(
    [NOT_HERE, LOG_IN_FIRST, ADMINISTRATORS, NOT_YOURSELF, NO_PREVIEW, ATTACHMENTS_FULL, NO_EXPORT, DATABASE_AWAY]
)
