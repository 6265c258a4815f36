"""The ways to people: signed webhooks, and whatever apprise reaches (mail, chat, pagers).

Threat: an address that holds a password is shown, or a message can be forged. So apprise's addresses come from
references alone and are in no error, and webhooks are signed with a key of their own. Lets pass: why apprise did not
deliver, which it does not say.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from ..core.errors import DependencyError
from ..core.ports import Reveal
from ..events.event import Event
from ..events.exports.senders import signed_headers
from ..events.links import BadLink, parse_link
from ..events.post import post
from ..policy.reference import is_reference
from ..policy.section_alerts import AlertReceiver
from .message import Message, name_of

PURPOSE: Final = "alerts/webhook"
"""What the webhooks' signing key is derived for."""


class AppriseMissing(DependencyError):
    """The package for mail, chat and pagers is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Telling people by mail, chat or pager needs the package 'apprise', which is not installed.",
            remedy='Install it with: pip install "garrison[alerts]"',
        )


class NotTaken(OSError):
    """The receiver did not take the message; which one and why, apprise does not say."""


class Channel(Protocol):
    """A way to somebody. `send` blocks for some seconds at most, and raises OSError when it was not taken."""

    name: str

    def send(self, message: Message, events: Sequence[Event]) -> None: ...


class WebhookChannel:
    """POSTs title, text and the alerts' details as JSON, signed as Standard Webhooks have it."""

    def __init__(self, url: str, host: str, key: bytes) -> None:
        self.name = f"alerts:{host}"
        self._url, self._key = url, key
        self._context = ssl.create_default_context() if url.startswith("https:") else None

    def send(self, message: Message, events: Sequence[Event]) -> None:
        told = [
            {"id": name_of(one), "name": one.name.value, "time": one.time, "node": one.node, **one.details}
            for one in events
        ]
        body = json.dumps({"title": message.title, "text": message.text, "alerts": told}).encode("ascii")
        post(self._url, body, signed_headers(self._key, _batch(events), int(time.time()), body), context=self._context)


def _batch(events: Sequence[Event]) -> str:
    """The id of a message: that of all that is in it, so that one with more in it is not taken for the first again."""
    if not events:
        return f"test-{time.time_ns()}"
    names = "\n".join(map(name_of, events))
    return f"m{hashlib.blake2b(names.encode(), digest_size=9).hexdigest()}"


class AppriseChannel:
    """Whatever apprise can reach. Its address is never shown: it may hold a password."""

    def __init__(self, url: str, name: str) -> None:
        try:
            import apprise
        except ImportError:
            raise AppriseMissing from None
        self.name = f"alerts:{name}"
        self._apprise: Any = apprise.Apprise()
        if not self._apprise.add(url):
            raise BadLink(name, "apprise can't read the address in this variable")

    def send(self, message: Message, events: Sequence[Event]) -> None:
        if not self._apprise.notify(title=message.title, body=message.text):
            raise NotTaken(f"{self.name} did not take the message")


def channel_for(receiver: AlertReceiver, key: bytes, reveal: Reveal) -> Channel:
    """The way to `receiver`; `reveal` is asked for an address that is kept as a secret.

    Raises `BadLink`, `AppriseMissing`, and what `reveal` raises.
    """
    if is_reference(receiver.to):
        try:
            return _channel_at(reveal(receiver.to).strip(), key, receiver.to.removeprefix("env:"))
        except (BadLink, AppriseMissing) as error:
            raise error.with_traceback(None) from None  # its frames hold the address, and crash reports show them
    if not receiver.to.startswith(("https://", "http://")):
        raise BadLink(
            "the address of a receiver",
            "write https://… or a reference such as env:NAME, since apprise's may hold a password",
        )
    return _channel_at(receiver.to, key)


def _channel_at(address: str, key: bytes, secret: str = "") -> Channel:
    if not address.startswith(("https://", "http://")):
        return AppriseChannel(address, secret)
    link = parse_link(address, secret=bool(secret))
    return WebhookChannel(link.url, link.host, key)
