"""Why a request was refused, in words: the rule, and what to change if the request was right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from ..core.verdict import Reason


class Why(NamedTuple):
    """`rule` ends "The request was refused because …"; `key` is the policy key that decides; `change` what helps."""

    rule: str
    key: str
    change: str


WHY: Final[Mapping[Reason, Why]] = {
    Reason.CLIENT_CHAIN: Why(
        "the forwarding header of a trusted proxy is missing or can't be read, so nobody knows who is asking",
        "proxies",
        "Let every proxy append to the header, and list the networks of all of them.",
    ),
    Reason.BANNED: Why(
        "this client, principal, API key or session is banned",
        "bans.mode",
        "`garrison bans list` shows by whom and why; `garrison bans lift` takes the id that the detail begins with.",
    ),
    Reason.ROUTE_DISABLED: Why(
        "the operator has switched this route off",
        "control.disabled",
        "Set control.disabled = false; where `garrison incident contain` closed it, `garrison undo` lists that.",
    ),
    Reason.READ_ONLY: Why(
        "the operator has switched to read-only",
        "control.read_only",
        "Set control.read_only = false; where `garrison incident contain` did, `garrison undo` lists that.",
    ),
    Reason.HOST_MISSING: Why("it names no host", "host.mode", "The client must send Host (RFC 9112 section 3.2)."),
    Reason.HOST_DUPLICATED: Why(
        "it names its host more than once", "host.mode", "The client or a proxy adds a second Host; mend that one."
    ),
    Reason.HOST_MALFORMED: Why(
        "its Host is no host name or address", "host.mode", "The client must send a host as RFC 9110 has it."
    ),
    Reason.HOST_UNKNOWN: Why(
        "it is meant for a host, or a port, that is not one of ours",
        "hosts",
        "Add the name to hosts if users really type it; probes by IP address need a route class with health = true.",
    ),
    Reason.METHOD_NOT_ALLOWED: Why(
        "its method may not reach the application",
        "method.allow",
        "Add the method to method.allow; TRACE and CONNECT never pass.",
    ),
    Reason.TARGET_MALFORMED: Why(
        "its path can be read in two ways",
        "target.mode",
        'Set the kind that the detail names (target.encoded_slash, …) to "pass", if the application needs such paths.',
    ),
    Reason.TARGET_TOO_LONG: Why("its path and query are too long", "target.max_length", "Raise target.max_length."),
    Reason.HEADERS_TOO_MANY: Why("it has too many header lines", "size.header_count", "Raise size.header_count."),
    Reason.HEADERS_TOO_LARGE: Why("its headers are too large", "size.header_bytes", "Raise size.header_bytes."),
    Reason.HEADER_MALFORMED: Why("a header can't be read", "size.mode", "The client must send well-formed headers."),
    Reason.LENGTH_MALFORMED: Why(
        "its Content-Length can't be read or contradicts the body", "size.mode", "The client must count its body right."
    ),
    Reason.BODY_TOO_LARGE: Why(
        "its body is too large",
        "size.body",
        "Raise size.body, or where the detail names one of them body.values, body.fields …, best in a route class.",
    ),
    Reason.BODY_MALFORMED: Why(
        "its body can't be decoded, or reads in two ways",
        "body.mode",
        "The client must encode its body right; the detail says what is wrong (depth, duplicate-key, boundary, …).",
    ),
    Reason.GRAPHQL_REFUSED: Why(
        "its GraphQL document asks for too much, or can't be judged: the detail names the bound",
        "graphql.depth",
        "Ask for less, or raise that bound in [graphql], best in a route class (docs/layers/graphql.md).",
    ),
    Reason.UPLOAD_REFUSED: Why(
        "its file is not what may be uploaded: the detail names the rule",
        "content.types",
        "Send another file, or widen the UploadRule of the route (docs/inputs/uploads.md).",
    ),
    Reason.ENCODING_UNSUPPORTED: Why(
        "its body is compressed, and this route takes no compressed bodies",
        "size.decompress",
        'Set size.decompress = ["gzip"] in a route class for this path.',
    ),
    Reason.EXPANSION_TOO_LARGE: Why(
        "its body grows too much when it is decompressed", "size.decompressed", "Raise size.decompressed or size.ratio."
    ),
    Reason.CONTENT_TYPE_UNSUPPORTED: Why(
        "its body is of a type that this route does not take, or says none",
        "content.types",
        "Add the type to content.types, best in a route class; a client that sends no Content-Type must send one.",
    ),
    Reason.CHARSET_UNSUPPORTED: Why(
        "its Content-Type names another character set than expected", "content.charsets", "Add it to content.charsets."
    ),
    Reason.RATE_LIMITED: Why(
        "this client asked too often", "rate.address", "Raise the limit that the detail names, or wait (Retry-After)."
    ),
    Reason.CONCURRENCY_LIMITED: Why(
        "its client had too many requests or WebSocket connections in progress at once",
        "load.requests",
        "Raise load.requests or load.websockets; where many people share one address, by as many.",
    ),
    Reason.OVERLOADED: Why(
        "the process was late, and there was no room for it",
        "load.most",
        "Run more processes, or find what blocks the event loop; load.weight makes costly routes count for more.",
    ),
    Reason.CORS_ORIGIN: Why(
        "a page of another origin asked, and that origin is not listed",
        "cors.origins",
        "Add the origin to cors.origins.",
    ),
    Reason.CORS_METHOD: Why(
        "a page of another origin asked for a method it may not use", "cors.methods", "Add the method to cors.methods."
    ),
    Reason.CORS_HEADER: Why(
        "a page of another origin asked for a header it may not send", "cors.headers", "Add the header to cors.headers."
    ),
    Reason.CROSS_SITE: Why(
        "a page of another site sent it, and it has side effects",
        "origin.trusted",
        "Add that site's origin to origin.trusted if it may act here.",
    ),
    Reason.ORIGIN_UNKNOWN: Why(
        "it comes from an origin that is neither ours nor trusted",
        "origin.trusted",
        "Add the origin to origin.trusted; behind a proxy, list the proxy in proxies so that the scheme is known.",
    ),
    Reason.CSRF_MISSING: Why(
        "it has side effects, came with cookies, and brought no CSRF token",
        "csrf.require",
        "Send the token in X-CSRF-Token or the form field csrf_token (docs/layers/csrf.md).",
    ),
    Reason.CSRF_INVALID: Why(
        "its CSRF token is not the one of this session, or too old",
        "csrf.lifetime",
        "Load the page anew to get a token; a token from before a log-in is no longer good.",
    ),
    Reason.MESSAGE_TOO_LARGE: Why("a WebSocket message is too large", "websocket.message", "Raise websocket.message."),
    Reason.MESSAGE_RATE: Why("WebSocket messages come too fast", "websocket.messages", "Raise websocket.messages."),
    Reason.UNAUTHENTICATED: Why("it needs a log-in", "session.idle", "Log in; sessions end by idleness and age."),
    Reason.LOGIN_NOT_FRESH: Why(
        "it needs a log-in that is minutes old",
        "session.absolute",
        "Log in again, or raise the time given to fresh_login at that route.",
    ),
    Reason.CREDENTIAL_INVALID: Why(
        "its API key or token is not good: the detail says in what way",
        "bearer.types",
        "Use a key or token that is live, and of the issuer, audience and type that the policy names.",
    ),
    Reason.CREDENTIAL_AMBIGUOUS: Why(
        "it carried more than one credential",
        "api_keys.accept",
        'Send a session cookie or one token, not both; fetch with credentials: "omit" beside a token.',
    ),
    Reason.NOT_ALLOWED: Why(
        "who asked may not use this route",
        "authorisation.declare",
        "Give the principal the scope that the detail names, or declare another access at the route.",
    ),
    Reason.LAYER_FAILED: Why(
        "a defence raised an error, and a broken defence is a closed door",
        "environment",
        "Look at the event layer_failed of this request: it has the trace. This is a bug worth reporting.",
    ),
    Reason.AUDIT_AWAY: Why(
        "the audit log can't be written, and the policy wants no change that is not recorded",
        "audit.on_failure",
        "Make room on the disk, or make the state folder writable; `garrison events tail` says what failed.",
    ),
    Reason.SCANNER_AWAY: Why(
        "the virus scanner that uploads must pass did not answer",
        "environment",
        "Start clamd, or look at its log; files are refused until it answers.",
    ),
    Reason.STORE_AWAY: Why(
        "a store did not answer", "store", "Bring the store back; `garrison events tail` says more."
    ),
}


def why(reason: str) -> Why | None:
    """The words for a reason; None for one that this version does not know (an event of a later version)."""
    return WHY.get(Reason(reason)) if reason in set(Reason) else None
