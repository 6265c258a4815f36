"""A demo user and a few notes, for development: text of the kinds that filters trip over."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .models import Note, User, now
from .parts import Parts
from .settings import DEMO_EMAIL

_DEMO: Final = (
    (
        "Welcome to your team's notes",
        """Everything here runs behind **one line of code**: `app = harden(app)`.

- Notes are written in *Markdown*; tables and ~~strikethrough~~ work too
- A shared note appears at once in everybody's open pages
- Attach files, look for words, export it all as JSON

| Where | What to look at |
|---|---|
| Response headers | a strict Content-Security-Policy with a nonce |
| Forms | a CSRF token bound to your session |
| `/docs` | the API, documented, under the same policy |
""",
        True,
    ),
    (
        "Release day 😎",
        "Done: ✔ changelog ✔ screenshots\n\nStill open:\n\n1. Tag the release\n2. Tell the team 😀😃😄\n3. Sleep 😴",
        False,
    ),
    (
        "How do I put <script> into a page?",
        'Use `<script src="app.js" nonce="…">`. Text such as <b>bold</b> or <img src=x onerror=alert(1)> is shown '
        "as it was typed:\n\n```html\n<script>alert('hello')</script>\n```\n",
        False,
    ),
)
_COLLEAGUE: Final = (
    (
        "Minutes with Mr O'Brien",
        "He'd like us to *select* the best offers **from** last year's list **where** the price is under 100, then "
        "drop the table in the lobby -- it's too big. Also: update the calendar and set the date; union or not.",
        True,
    ),
    (
        "Öffnungszeiten über Ostern",
        "Am Karfreitag und am Ostermontag geschlossen. Größere Bestellungen bitte bis Gründonnerstag, 12 Uhr.\n\n"
        "И по-русски тоже. Και ελληνικά.",
        True,
    ),
)


async def seed(own: Parts) -> None:
    """Make the demo user (or renew the password) and, in an empty database, the notes."""
    async with own.database.sessions() as session:
        password = own.settings.demo_password.reveal()
        demo = await _user(session, own, DEMO_EMAIL, "Dana Demo", password)
        demo.role = "admin"
        colleague = await _user(session, own, "sean@example.com", "Seán O'Brien", secrets.token_urlsafe(32))
        if await session.scalar(select(Note.id).limit(1)) is None:
            _add_notes(session, demo, colleague)
        await session.commit()


async def _user(session: AsyncSession, own: Parts, email: str, name: str, password: str) -> User:
    user = await session.scalar(select(User).where(User.email == email))
    password_hash = await own.passwords.hash(password)
    if user is None:
        user = User(email=email, name=name, password_hash=password_hash)
        session.add(user)
    user.password_hash = password_hash
    return user


def _add_notes(session: AsyncSession, demo: User, colleague: User) -> None:
    written = [(demo, *one) for one in _DEMO] + [(colleague, *one) for one in _COLLEAGUE]
    for age, (owner, title, body, shared) in enumerate(written):
        moment = now() - timedelta(hours=3 * age)
        session.add(Note(owner=owner, title=title, body=body, shared=shared, created=moment, updated=moment))
