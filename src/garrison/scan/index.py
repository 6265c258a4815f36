"""What releases a package has, from the index that pip is configured for (Simple API: PEP 503, 691, 700).

Threat: an index that hangs, never ends, or answers something else; credentials of its address in a message. So every
answer is bounded in time and bytes, what is no answer is a reason, and only the host is ever shown.
Assumption: TLS to the index is verified as the system has it. Lets pass: an index that lies about its dates.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from ..core.errors import DependencyError
from .adapter import Limits
from .process import run_bounded

LARGEST: Final = 64 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
_ACCEPT: Final = "application/vnd.pypi.simple.v1+json, text/html;q=0.2"
_ASK_PIP: Final = """
import contextlib, os
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
found = os.environ.get("PIP_INDEX_URL", "")
config = Configuration(isolated=False)
config.load()
for key in ("global.index-url", "install.index-url"):
    with contextlib.suppress(Exception):
        found = found or config.get_value(key)
print(found or PyPI.simple_url)
"""


class NoIndex(DependencyError):
    """No index is known, or it does not answer."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version: when its first file came (None where the index does not tell), whether and why it was taken back,
    whether it has a wheel, and which Pythons it is for. npm tells why one is deprecated, and whether it runs scripts
    when installed."""

    version: str
    uploaded: datetime | None
    yanked: str
    wheel: bool
    python: str = ""
    deprecated: str = ""
    scripts: bool = False


def index_of_pip() -> str:
    """The address that pip would ask, credentials included: never show it. Raises `NoIndex`."""
    extra = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "XDG_"))}
    ended = run_bounded([sys.executable, "-P", "-c", _ASK_PIP], Path.cwd(), Limits(30), extra=extra)
    if why := ended.crash(0):
        raise NoIndex(f"pip does not tell its index: {why}", remedy="Name one: --index URL.")
    return ended.output.decode().strip()


def shown(index: str) -> str:
    """The host of an address, for messages."""
    return urlsplit(index).hostname or "the index"


def releases(index: str, name: str, seconds: float = 20) -> list[Release]:
    """All releases of a package. Raises `NoIndex` where the index does not say, with the reason."""
    kind, content = fetch(index, f"{name}/", {"Accept": _ACCEPT}, "", seconds)
    try:
        files = _html(content.decode()) if kind == "text/html" else json.loads(content)["files"]
        return _releases(files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoIndex(f"{shown(index)} answered something else ({type(error).__name__})") from None


def fetch(index: str, path: str, headers: dict[str, str], authorization: str, seconds: float) -> tuple[str, bytes]:
    """The type and content that an index has below its address. `authorization`: instead of what its address says.
    `seconds` without a byte are too many, and six times as many for all of it. Raises `NoIndex`, with the reason and
    without the credentials.
    """
    parts = urlsplit(index)
    if parts.scheme not in {"http", "https"}:
        raise NoIndex(f"The index is {parts.scheme}: and not http.", remedy="Name another: --index URL.")
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(  # noqa: S310  # http and https only, see above
        urlunsplit((parts.scheme, host, f"{parts.path.rstrip('/')}/{path}", "", "")), headers=headers
    )
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = authorization or f"Basic {base64.b64encode(pair.encode()).decode()}"
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    try:
        with http_only().open(request, timeout=seconds) as answer:
            kind = answer.headers.get_content_type()
            content = _read(answer, index, time.monotonic() + 6 * seconds)
    except urllib.error.HTTPError as error:
        why = "does not have it" if error.code == 404 else f"answered {error.code}"
        raise NoIndex(f"{shown(index)} {why}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoIndex(f"{shown(index)} does not answer ({type(error).__name__})") from None
    return kind, content


def _read(answer: http.client.HTTPResponse, index: str, end: float) -> bytes:
    content = bytearray()
    while data := answer.read1(_CHUNK):
        content += data
        if len(content) > LARGEST:
            raise NoIndex(f"{shown(index)} answered more than {LARGEST // 1024**2} MB")
        if time.monotonic() > end:
            raise NoIndex(f"{shown(index)} does not come to an end")
    if answer.length:
        raise NoIndex(f"{shown(index)} ended {answer.length} bytes too early")
    return bytes(content)


class _NotBack(urllib.request.HTTPRedirectHandler):
    """Follows no redirect from https to http: whoever stands between would answer."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """See the class. Raises `NoIndex`."""
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise NoIndex(f"{shown(req.full_url)} leads to an address without TLS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def http_only(redirects: urllib.request.HTTPRedirectHandler | None = None) -> urllib.request.OpenerDirector:
    """What opens http and https: no file, no FTP, whoever asks for it.

    `redirects`: who says which are followed; otherwise those that don't leave TLS.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
        redirects or _NotBack(), urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def _releases(files: list[dict[str, Any]]) -> list[Release]:
    from packaging.utils import parse_sdist_filename, parse_wheel_filename
    from packaging.version import Version

    found: dict[Version, Release] = {}
    for file in files:
        name = str(file["filename"])
        try:
            version = parse_wheel_filename(name)[1] if name.endswith(".whl") else parse_sdist_filename(name)[1]
        except ValueError:
            continue  # eggs, installers, signatures: nothing that pip takes
        when = datetime.fromisoformat(file["upload-time"]) if file.get("upload-time") else None
        yanked = file.get("yanked") or ""
        one = Release(str(version), when, yanked if isinstance(yanked, str) else "no reason given",
                      name.endswith(".whl"), str(file.get("requires-python") or ""))  # fmt: skip
        known = found.get(version)
        if known is not None:
            first = min((at for at in (known.uploaded, when) if at), default=None)
            # One file that was not taken back is still installed, so the release is.
            kept = known.yanked if known.yanked and one.yanked else ""
            one = Release(one.version, first, kept, known.wheel or one.wheel, known.python or one.python)
        found[version] = one
    if not found:
        raise ValueError("no release among the files")
    return [found[version] for version in sorted(found)]


def _html(text: str) -> list[dict[str, Any]]:
    """The files of an index without the JSON API: no dates there."""
    reader = _Links()
    reader.feed(text)
    return reader.files


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.files: list[dict[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and (href := given.get("href")):
            yanked = (given["data-yanked"] or True) if "data-yanked" in given else False
            name = unquote(urlsplit(href).path.rpartition("/")[2])
            self.files.append(
                {"filename": name, "yanked": yanked, "requires-python": given.get("data-requires-python")}
            )
