"""What goes in and out: a model for every payload.

What comes in is made of `garrison.inputs`: unknown fields are refused, text is bounded, in one form, and free of
characters that act; PostgreSQL takes no NUL, and terminals and logs obey the rest.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from garrison.fastapi import refusals
from garrison.inputs import Email as AnyEmail
from garrison.inputs import FormInput, Name, Prose, SearchText, Sensitive, Text, Title

Email = Annotated[AnyEmail, AfterValidator(str.lower)]
Query = SearchText
NewPassword = Annotated[SecretStr, Field(min_length=15, max_length=256)]
"""NIST SP 800-63B-4, 3.1.1.2: 15 characters for a password that is the only factor. Garrison's rules judge the rest."""
Address = Annotated[str, Text(least=1, most=2000)]


class Payload(FormInput):
    """Base of what clients send, as a form or as JSON."""


class Told(BaseModel):
    """What went wrong, in a sentence."""

    detail: str


NOT_LOGGED_IN: dict[int | str, dict[str, Any]] = {401: {**refusals(401)[401], "model": Told}}
"""OpenAPI `responses` of what asks for a person; `NOT_THERE` those of what asks for a thing."""
NOT_THERE: dict[int | str, dict[str, Any]] = {404: {"model": Told, "description": "Not there, or not yours"}}


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

    email: Annotated[str, Text(most=254)]
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
    body: Prose = ""
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
    """The person who is logged in, or whose program asks. A key that leaks does not tell the address to log in with."""

    id: UUID
    email: Sensitive[str]
    name: str
    role: Literal["member", "admin"]


class Account(Me):
    """The whole account, for its owner's own export."""

    email: str


class Export(Answer):
    """Everything a person has written."""

    exported: datetime
    account: Account
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
