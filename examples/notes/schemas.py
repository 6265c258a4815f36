"""What goes in and out: a model for every payload.

Text is refused when it holds control characters: PostgreSQL takes no NUL, and terminals and logs obey the rest.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_ONE_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _no_controls(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _one_line(text: str) -> str:
    if _ONE_LINE.search(text):
        raise ValueError("line breaks and control characters are not allowed")
    return text


def _unix_lines(value: object) -> object:
    """Forms send CRLF; store what was typed."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


Stripped = StringConstraints(strip_whitespace=True)
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s<>,;]{1,64}@[^@\s<>,;]{1,189}$"
    ),
    AfterValidator(_one_line),
]
Name = Annotated[str, Stripped, Field(min_length=1, max_length=80), AfterValidator(_one_line)]
Title = Annotated[str, Stripped, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Body = Annotated[str, BeforeValidator(_unix_lines), Field(max_length=20_000), AfterValidator(_no_controls)]
Query = Annotated[str, Stripped, Field(max_length=100), AfterValidator(_one_line)]
NewPassword = Annotated[SecretStr, Field(min_length=15, max_length=256)]
"""NIST SP 800-63B-4, 3.1.1.2: 15 characters for a password that is the only factor. Garrison's rules judge the rest."""
Address = Annotated[str, Stripped, Field(min_length=1, max_length=2000), AfterValidator(_one_line)]


class Payload(BaseModel):
    """Base of what clients send."""

    model_config = ConfigDict(hide_input_in_errors=True)


class Answer(BaseModel):
    """Base of what is answered; reads table rows."""

    model_config = ConfigDict(from_attributes=True)


class SignUp(Payload):
    """The sign-up form."""

    email: Email
    name: Name
    password: NewPassword


class LogIn(Payload):
    """The log-in form. Lengths are bounded and nothing else is said about a password here."""

    email: Annotated[str, Stripped, Field(max_length=254)]
    password: Annotated[SecretStr, Field(max_length=256)]


class Code(Payload):
    """A one-time code or a recovery code."""

    code: Annotated[SecretStr, Field(min_length=1, max_length=40)]


class Confirm(Payload):
    """The password once more, and the page to go back to."""

    password: Annotated[SecretStr, Field(max_length=256)]
    then: Annotated[str, Field(max_length=100)] = ""


class KeyIn(Payload):
    """A new API key."""

    name: Name
    days: Annotated[int, Field(ge=1, le=90)] = 30
    write: bool = False


class NoteIn(Payload):
    """A note as its owner writes it."""

    title: Title
    body: Body = ""
    shared: bool = False


class Owner(Answer):
    """Whose note it is. The address stays private."""

    id: UUID
    name: str


class AttachmentOut(Answer):
    """An attachment; its content is at `/attachments/{id}`."""

    id: UUID
    name: str
    size: int


class NoteSummary(Answer):
    """A note in a list."""

    id: UUID
    title: str
    excerpt: str = ""
    shared: bool
    owner: Owner
    updated: datetime


class NoteOut(Answer):
    """A whole note."""

    id: UUID
    title: str
    body: str
    shared: bool
    owner: Owner
    created: datetime
    updated: datetime
    attachments: list[AttachmentOut]


class NoteList(Answer):
    """A page of notes, newest first. `more` says whether there are further ones."""

    notes: list[NoteSummary]
    more: bool


class PreviewIn(Payload):
    """A link to look at."""

    url: Address


class PreviewOut(Answer):
    """What the page behind the link calls itself; empty when it does not say."""

    url: str
    title: str


class Me(Answer):
    """The person who is logged in."""

    id: UUID
    email: str
    name: str
    role: Literal["member", "admin"]


class Export(Answer):
    """Everything a person has written."""

    exported: datetime
    account: Me
    notes: list[NoteOut]


class Live(Answer):
    """A message on the WebSocket. `note` is missing when the note is gone, for everybody or for you."""

    kind: Literal["created", "updated", "deleted"]
    id: UUID
    note: NoteSummary | None = None


class Health(Answer):
    """Alive, and the database answers."""

    status: Literal["ok"]


class Switch(Payload):
    """An administrator's decision about an account."""

    disabled: bool
