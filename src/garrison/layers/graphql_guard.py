"""The guard behind the layer `graphql`: every way in which a document reaches a GraphQL server, judged alike.

It imports what reads GraphQL and forms, so it is imported where the policy names a GraphQL endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.json_guard import JsonLimits, JsonRefused, loads
from ..core.layer import Peek
from ..core.names import SAFE_METHODS
from ..core.path import compile_paths
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import Policy
from .graphql_document import GraphqlRefused, judge_document, judge_total
from .graphql_form import FormFields, judge_map
from .media import parse_media_type, sane_boundary

_NAME: Final = "graphql"
_FORM, _MULTIPART, _TEXT = "application/x-www-form-urlencoded", "multipart/form-data", "application/graphql"
_STARTS: Final = frozenset({"subscribe", "start"})
_NAMED: Final = frozenset({"extensions", "documentId", "doc_id", "queryId"})
"""Parameters that name a document instead of bringing one."""
_HINT: Final = "The GraphQL request asks for too much, or can't be judged."
_TYPE: Final = Refuse(Reason.CONTENT_TYPE_UNSUPPORTED, 415, layer=_NAME, hint="Send GraphQL as JSON.")
_BY_GET: Final = Refuse(
    Reason.METHOD_NOT_ALLOWED, 405, ((b"allow", b"POST"),), layer=_NAME, detail="mutation by GET",
    hint="Send mutations by POST.",
)  # fmt: skip
_CLOSED: Final = Refuse(
    Reason.GRAPHQL_REFUSED, 403, layer=_NAME, detail="introspection", hint="The schema is not shown here."
)


class Guard:
    """Judges one request after another; keeps nothing of any."""

    def __init__(self, policy: Policy) -> None:
        body, sizes = policy.body, policy.size
        self._section = policy.graphql
        self._here = compile_paths(policy.graphql.paths)
        self._size = sizes.decompressed if sizes.decompress else sizes.body
        self._limits = JsonLimits(self._size, body.depth, body.values, body.keys, body.digits)
        self._most_params = body.fields

    def decide(self, facts: Facts) -> Verdict:
        """The document in the query string, which some servers prefer to the one in the body, and the body's type."""
        if not self._here(facts.path):
            return None
        if facts.query and (verdict := _said(lambda: self._judge_query(facts))):
            return verdict
        if facts.kind != "http" or (facts.method in SAFE_METHODS and b"content-type" not in facts.headers):
            return None
        empty = facts.headers.get(b"content-length") == b"0" and b"transfer-encoding" not in facts.headers
        return None if empty or _kind_of(facts) else _TYPE

    def peek(self, facts: Facts) -> Peek | None:
        """Ask for the whole body, unless it may hold files."""
        if not self._here(facts.path) or (kind := _kind_of(facts)) in {"", _MULTIPART}:
            return None
        reads: dict[str, Callable[[bytes], Iterator[str]]] = {_FORM: self._of_form, _TEXT: _of_text}
        read = reads.get(kind, self._of_json)

        def judge(body: bytes, complete: bool) -> Verdict:
            if not complete:
                return _refused("size", 413) if len(body) > self._size else None
            return _said(lambda: self._judge(read(body), by_get=facts.method in SAFE_METHODS)) if body else None

        return Peek(self._size + 1, judge)

    def watch(self, facts: Facts, exchange: Exchange) -> Callable[[bytes], Refuse | None] | None:
        """Judge messages of a WebSocket, and the fields of a form that may hold files."""
        if not self._here(facts.path):
            return None
        if facts.kind == "websocket":
            return lambda message: _said(lambda: self._judge(self._of_message(message)))
        if _kind_of(facts) != _MULTIPART:
            return None
        media = parse_media_type(facts.headers[b"content-type"])
        if media is None or not sane_boundary(media) or b"content-encoding" in facts.headers:
            return lambda chunk: _refused("form")
        form = FormFields(media.parameters["boundary"].encode("latin-1"), self._size)
        return lambda chunk: _said(lambda: self._judge_form(form, chunk))

    def _judge(self, documents: Iterator[str], *, by_get: bool = False) -> Refuse | None:
        asked = []
        for document in documents:
            asked.append(judge_document(document, self._section))
            if len(asked) > self._section.batch:
                raise GraphqlRefused("batch")
        judge_total(asked, self._section)
        return _BY_GET if by_get and any(one.mutates for one in asked) else None

    def _judge_query(self, facts: Facts) -> Refuse | None:
        try:
            pairs = _pairs(facts.query.decode("ascii"), self._most_params)
        except ValueError:
            raise GraphqlRefused("malformed") from None
        given = [value for name, value in pairs if name == "query"]
        if len(given) > 1:
            raise GraphqlRefused("malformed")
        if not any(given):
            named = facts.kind == "http" and any(name in _NAMED for name, _ in pairs)
            if named and facts.method in SAFE_METHODS and self._section.persisted == "refuse":
                raise GraphqlRefused("persisted")
            return None
        return self._judge(iter(given), by_get=facts.method in SAFE_METHODS)

    def _judge_form(self, form: FormFields, chunk: bytes) -> Refuse | None:
        form.feed(chunk)
        while form.done:
            name = form.done.pop()
            value = form.fields[name]
            if name == b"map":
                judge_map(value, self._limits)
            else:
                self._judge(self._of_json(value) if name == b"operations" else _of_text(value))
        return None

    def _of_json(self, data: bytes) -> Iterator[str]:
        try:
            value = loads(data, self._limits)
        except JsonRefused:
            raise GraphqlRefused("malformed") from None
        if isinstance(value, list):
            if len(value) > self._section.batch:
                raise GraphqlRefused("batch")
            return (text for one in value if (text := self._document(one)))
        return self._one(value)

    def _of_form(self, body: bytes) -> Iterator[str]:
        try:
            pairs = _pairs(body.decode(), self._most_params)
        except ValueError:
            raise GraphqlRefused("malformed") from None
        given = [value for name, value in pairs if name in {"query", "operations"}]
        if len(given) > 1 or any(name == "operations" for name, _ in pairs):
            raise GraphqlRefused("malformed")
        return iter(given) if any(given) else self._one({})

    def _of_message(self, message: bytes) -> Iterator[str]:
        try:
            value = loads(message, self._limits)
        except JsonRefused:
            raise GraphqlRefused("malformed") from None
        if not isinstance(value, dict):
            raise GraphqlRefused("malformed")
        payload = value.get("payload")
        kind = value.get("type")
        starts = isinstance(kind, str) and kind in _STARTS
        if not starts and not (isinstance(payload, dict) and "query" in payload):
            return iter(())
        return self._one(payload)

    def _one(self, operation: Any) -> Iterator[str]:
        return iter([text] if (text := self._document(operation)) else [])

    def _document(self, value: Any) -> str:
        """The document of one operation; empty where the server is to know it by name, and may."""
        query = value.get("query") if isinstance(value, dict) else 0
        if isinstance(query, str) and query:
            return query
        if query is not None and query != "":
            raise GraphqlRefused("malformed")
        if self._section.persisted == "refuse":
            raise GraphqlRefused("persisted")
        return ""


def _kind_of(facts: Facts) -> str:
    """The type of a body that can be judged, else nothing."""
    if b"content-type" in facts.duplicates:
        return ""
    media = parse_media_type(facts.headers.get(b"content-type", b""))
    if media is None:
        return ""
    json = media.name == "application/json" or media.name.endswith("+json")
    return media.name if json or media.name in {_FORM, _MULTIPART, _TEXT} else ""


def _pairs(text: str, most: int) -> list[tuple[str, str]]:
    """Raises ValueError for more than `most`, and for what is no UTF-8: parsers mend that in their own ways."""
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=most)


def _of_text(data: bytes) -> Iterator[str]:
    try:
        return iter([data.decode()])
    except UnicodeDecodeError:
        raise GraphqlRefused("malformed") from None


def _said(judge: Callable[[], Refuse | None]) -> Refuse | None:
    try:
        return judge()
    except GraphqlRefused as error:
        return _refused(error.why)


def _refused(why: str, status: int = 400) -> Refuse:
    if why == "introspection":
        return _CLOSED
    return Refuse(Reason.GRAPHQL_REFUSED, status, layer=_NAME, detail=why, hint=_HINT)
