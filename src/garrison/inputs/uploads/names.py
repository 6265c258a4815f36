"""What a file is called: for display, and what its extension promises.

Threat: a name that leaves its folder, hides its end (`gpj.exe` shown as `exe.jpg`), or is run by a server for an
extension in its middle (`a.php.jpg`, Apache's multiple extensions; CWE-22, CWE-434, CWE-646). The name is only ever
shown: files are stored under names of our own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from .kinds import Kind
from .refused import UploadRefused, Why

_UNFIT: Final = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029]')
_BIDI: Final = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MOST: Final = 120

SERVER_RUN: Final = frozenset(
    """
    asa asax ascx ashx asmx asp aspx cer cfm cgi fcgi jsp jspx phar php php3 php4 php5 php7 php8 phps pht phtml pl shtml
    """.split()  # noqa: SIM905  # a list of words reads best as words
)
"""Extensions that web servers run also in the middle of a name. Others, as in `example.com.png`, mean nothing there."""


def display_name(sent: str | None) -> str:
    """The sender's name for a file, fit for display and for Content-Disposition: one line, no path, no tricks, at most
    120 characters; "file" where nothing is left."""
    name = unicodedata.normalize("NFC", sent or "").replace("\\", "/").rpartition("/")[2]
    name = _BIDI.sub("_", _UNFIT.sub("_", name.encode("utf-8", "replace").decode())).strip(" .")
    return name[-_MOST:] or "file"


def kind_of(sent: str | None, kinds: Mapping[str, Kind]) -> Kind:
    """The kind that the extension of `sent` promises. Raises `UploadRefused`."""
    if sent is None or "\0" in sent or _BIDI.search(sent):
        raise UploadRefused(Why.NAME)
    words = [unicodedata.normalize("NFKC", word).casefold().strip() for word in display_name(sent).split(".")]
    kind = (kinds.get(".".join(words[-2:])) if len(words) > 2 else None) or kinds.get(words[-1] if words[1:] else "")
    if kind is None:
        raise UploadRefused(Why.EXTENSION, f"extension {words[-1][:20]!r}" if len(words) > 1 else "no extension")
    if SERVER_RUN & set(words[1:-1]):
        raise UploadRefused(Why.EXTENSION, "an extension that is run stands in the name")
    return kind
