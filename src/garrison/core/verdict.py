"""What a layer can say about a request: nothing (`None`), an answer of its own, or a refusal with a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

HeaderList: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Mode(StrEnum):
    """What happens to a refusal. Decided in the onion and nowhere else."""

    ENFORCE = "enforce"
    MONITOR = "monitor"
    OFF = "off"


class Reason(StrEnum):
    """Why a request was refused. Closed: events, documentation and `garrison report` use exactly these words."""

    CLIENT_CHAIN = "client-chain"
    BANNED = "banned"
    ROUTE_DISABLED = "route-disabled"
    READ_ONLY = "read-only"
    HOST_MISSING = "host-missing"
    HOST_DUPLICATED = "host-duplicated"
    HOST_MALFORMED = "host-malformed"
    HOST_UNKNOWN = "host-unknown"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    TARGET_MALFORMED = "target-malformed"
    TARGET_TOO_LONG = "target-too-long"
    HEADERS_TOO_MANY = "headers-too-many"
    HEADERS_TOO_LARGE = "headers-too-large"
    HEADER_MALFORMED = "header-malformed"
    LENGTH_MALFORMED = "length-malformed"
    BODY_TOO_LARGE = "body-too-large"
    BODY_MALFORMED = "body-malformed"
    ENCODING_UNSUPPORTED = "encoding-unsupported"
    GRAPHQL_REFUSED = "graphql-refused"
    UPLOAD_REFUSED = "upload-refused"
    EXPANSION_TOO_LARGE = "expansion-too-large"
    CONTENT_TYPE_UNSUPPORTED = "content-type-unsupported"
    CHARSET_UNSUPPORTED = "charset-unsupported"
    RATE_LIMITED = "rate-limited"
    CONCURRENCY_LIMITED = "concurrency-limited"
    OVERLOADED = "overloaded"
    CORS_ORIGIN = "cors-origin"
    CORS_METHOD = "cors-method"
    CORS_HEADER = "cors-header"
    CROSS_SITE = "cross-site"
    ORIGIN_UNKNOWN = "origin-unknown"
    CSRF_MISSING = "csrf-missing"
    CSRF_INVALID = "csrf-invalid"
    MESSAGE_TOO_LARGE = "message-too-large"
    MESSAGE_RATE = "message-rate"
    UNAUTHENTICATED = "unauthenticated"
    LOGIN_NOT_FRESH = "login-not-fresh"
    CREDENTIAL_INVALID = "credential-invalid"
    CREDENTIAL_AMBIGUOUS = "credential-ambiguous"
    NOT_ALLOWED = "not-allowed"
    LAYER_FAILED = "layer-failed"
    STORE_AWAY = "store-away"
    SCANNER_AWAY = "scanner-away"
    AUDIT_AWAY = "audit-away"


@dataclass(frozen=True, slots=True)
class Refuse:
    """A closed door.

    `status` is the HTTP status; `headers` go on the refusal besides those of the amending layers; `retry_after` is in
    whole seconds. `detail` is for events and development, and never reaches a client in production. `hint` is one
    safe sentence for the client. `close` is the WebSocket close code used once a connection is accepted.
    """

    reason: Reason
    status: int
    headers: HeaderList = ()
    retry_after: int | None = None
    layer: str = ""
    detail: str = ""
    hint: str = ""
    close: int = 1008


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer given in the application's place, such as a CORS preflight."""

    status: int
    headers: HeaderList = ()
    body: bytes = field(default=b"", repr=False)


Verdict: TypeAlias = Refuse | Answer | None
