"""The receivers a policy names."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ...core.errors import OperatorError
from ...core.ports import Emit, Reveal
from ...policy.model import Policy
from ...policy.reference import is_reference
from ...policy.section_export import ExportTable
from ..links import BadLink, Link, parse_link
from ..terms import Severity
from ..writers import FileWriter, Writer
from .formats import FORMATS
from .outlet import Outlet, told_apart
from .renewing import Renewing
from .senders import OtlpMetricsSender, OtlpSender, RedisSender, SyslogSender, WebhookSender

WEBHOOK: Final = "events/webhook"
"""What the webhook's signing key is derived for."""


class BadAuthorities(OperatorError):
    """The `ca` of a receiver can't be used."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path} holds no usable certificates: {why}.", remedy="Name a PEM file with the authority.")
        self.path = path


def build_exports(policy: Policy, key: bytes, emit: Emit, alarm: Callable[[str], None], reveal: Reveal) -> list[Outlet]:
    """An outlet for every `events.exports`. `key` signs webhooks; `reveal` is asked for addresses that are kept as
    secrets, now and when an outlet is renewed. Raises `OperatorError`, `RedisMissing`, and what `reveal` raises."""
    found = [
        _outlet(make, table, emit, alarm) for table in policy.events.exports for make in _senders(table, key, reveal)
    ]
    for outlet, name in zip(found, told_apart(one.name for one in found), strict=True):
        outlet.name = name
    return found


def _outlet(make: Callable[[], Writer], table: ExportTable, emit: Emit, alarm: Callable[[str], None]) -> Outlet:
    writer = Renewing(make) if is_reference(table.to) else make()
    return Outlet(writer, Severity(table.least), table.queue, emit, alarm)


def _senders(table: ExportTable, key: bytes, reveal: Reveal) -> Iterator[Callable[[], Writer]]:
    def sender() -> Writer:
        return _sender(table, _link(table.to, reveal), key)

    def metrics() -> Writer:
        link = _link(table.to, reveal)
        if not link.scheme.startswith("otlp+"):
            raise BadLink(link.host, "metrics go over OTLP only")
        return OtlpMetricsSender(link, _context(table, link))

    yield sender
    if table.metrics:
        yield metrics


def _sender(table: ExportTable, link: Link, key: bytes) -> Writer:
    render = FORMATS[table.format]
    if link.scheme == "file":
        return FileWriter(Path(link.path), render)
    if link.scheme in ("redis", "rediss"):
        sender = RedisSender(link.url, link.host, table.stream, table.keep, render)
        sender.open()  # opens no connection; a missing package is to be told now
        return sender
    context = _context(table, link)
    if link.scheme.startswith("syslog"):
        return SyslogSender(link, render, context)
    if link.scheme.startswith("otlp+"):
        return OtlpSender(link, context)
    if link.scheme in ("https", "http"):
        return WebhookSender(link, render, context, key)
    raise BadLink(table.to, "events can't be sent there")


def _link(text: str, reveal: Reveal) -> Link:
    """An address, or where one is kept that may hold a password."""
    if not is_reference(text):
        return parse_link(text)
    try:
        return parse_link(reveal(text).strip(), secret=True)
    except BadLink as error:
        raise error.with_traceback(None) from None  # its frames hold the address, and crash reports show them


def _context(table: ExportTable, link: Link) -> ssl.SSLContext | None:
    if link.scheme not in ("https", "otlp+https", "syslog+tls"):
        return None
    try:
        context = ssl.create_default_context(cafile=table.ca or None)
    except (OSError, ssl.SSLError) as error:
        raise BadAuthorities(table.ca, str(error)) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
