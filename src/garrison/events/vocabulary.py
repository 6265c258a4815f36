"""The closed vocabulary: every event Garrison can write, on one screen.

Names of the OWASP Logging Vocabulary Cheat Sheet are used where they exist, with Garrison's own beside them. The
severities are Garrison's: OWASP calls any refused origin critical, which would page someone for every stray crawler.

Not `relevant` ("chatter") is what any anonymous client can cause without limit and what repeats a decision that has
been taken and written down before: refusals by a spent limit, a ban or a switch, browser reports, stray cookies. When
the queue is full, chatter goes first, and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ..core.verdict import Reason
from .terms import Category, Outcome, Severity, Term

_I, _N, _W, _E, _C = Severity.INFO, Severity.NOTICE, Severity.WARNING, Severity.ERROR, Severity.CRITICAL
_AUTHN, _AUTHZ, _SESSION, _ACCOUNT = Category.AUTHENTICATION, Category.AUTHORIZATION, Category.SESSION, Category.ACCOUNT
_REQUEST, _SITE, _INPUT, _UPLOAD = Category.REQUEST, Category.CROSS_SITE, Category.INPUT, Category.UPLOAD
_EXCESS, _ATTACK, _DATA, _SYSTEM = Category.EXCESS, Category.ATTACK, Category.DATA, Category.SYSTEM
_OK, _FAIL, _REFUSED, _NOTED = Outcome.SUCCESS, Outcome.FAILURE, Outcome.REFUSED, Outcome.NOTED


class EventName(StrEnum):
    """Names of events. `TERMS[name]` says the rest."""

    # OWASP Logging Vocabulary
    AUTHN_LOGIN_SUCCESS = "authn_login_success"
    AUTHN_LOGIN_SUCCESS_AFTER_FAIL = "authn_login_successafterfail"
    AUTHN_LOGIN_FAIL = "authn_login_fail"
    AUTHN_LOGIN_FAIL_MAX = "authn_login_fail_max"
    AUTHN_LOGIN_LOCK = "authn_login_lock"
    AUTHN_PASSWORD_CHANGE = "authn_password_change"  # noqa: S105 - the name of an event
    AUTHN_PASSWORD_CHANGE_FAIL = "authn_password_change_fail"  # noqa: S105 - the name of an event
    AUTHN_IMPOSSIBLE_TRAVEL = "authn_impossible_travel"
    AUTHN_TOKEN_CREATED = "authn_token_created"  # noqa: S105 - the name of an event
    AUTHN_TOKEN_REVOKED = "authn_token_revoked"  # noqa: S105 - the name of an event
    AUTHN_TOKEN_REUSE = "authn_token_reuse"  # noqa: S105 - the name of an event
    AUTHN_TOKEN_DELETE = "authn_token_delete"  # noqa: S105 - the name of an event
    AUTHZ_FAIL = "authz_fail"
    AUTHZ_CHANGE = "authz_change"
    AUTHZ_ADMIN = "authz_admin"
    CRYPT_DECRYPT_FAIL = "crypt_decrypt_fail"
    CRYPT_ENCRYPT_FAIL = "crypt_encrypt_fail"
    EXCESS_RATE_LIMIT_EXCEEDED = "excess_rate_limit_exceeded"
    UPLOAD_COMPLETE = "upload_complete"
    UPLOAD_STORED = "upload_stored"
    UPLOAD_VALIDATION = "upload_validation"
    UPLOAD_DELETE = "upload_delete"
    INPUT_VALIDATION_FAIL = "input_validation_fail"
    INPUT_VALIDATION_DISCRETE_FAIL = "input_validation_discrete_fail"
    MALICIOUS_EXCESS_404 = "malicious_excess_404"
    MALICIOUS_EXTRANEOUS = "malicious_extraneous"
    MALICIOUS_ATTACK_TOOL = "malicious_attack_tool"
    MALICIOUS_CORS = "malicious_cors"
    MALICIOUS_DIRECT_REFERENCE = "malicious_direct_reference"
    PRIVILEGE_PERMISSIONS_CHANGED = "privilege_permissions_changed"
    SENSITIVE_CREATE = "sensitive_create"
    SENSITIVE_READ = "sensitive_read"
    SENSITIVE_UPDATE = "sensitive_update"
    SENSITIVE_DELETE = "sensitive_delete"
    SEQUENCE_FAIL = "sequence_fail"
    SESSION_CREATED = "session_created"
    SESSION_RENEWED = "session_renewed"
    SESSION_EXPIRED = "session_expired"
    SESSION_USE_AFTER_EXPIRE = "session_use_after_expire"
    STARTUP = "sys_startup"
    SHUTDOWN = "sys_shutdown"
    RESTART = "sys_restart"
    CRASH = "sys_crash"
    MONITOR_DISABLED = "sys_monitor_disabled"
    MONITOR_ENABLED = "sys_monitor_enabled"
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    USER_ARCHIVED = "user_archived"
    USER_DELETED = "user_deleted"

    # Refusals
    CLIENT_UNTRUSTED = "client_untrusted"
    BAN_HELD = "ban_held"
    CONTROL_HELD = "control_held"
    HOST_REFUSED = "host_refused"
    METHOD_REFUSED = "method_refused"
    TARGET_REFUSED = "target_refused"
    FRAMING_REFUSED = "framing_refused"
    SIZE_EXCEEDED = "size_exceeded"
    CONTENT_REFUSED = "content_refused"
    GRAPHQL_REFUSED = "graphql_refused"
    UPLOAD_REFUSED = "upload_refused"
    CROSS_SITE_REFUSED = "cross_site_refused"
    CSRF_REFUSED = "csrf_refused"
    AUTHN_REQUIRED = "authn_required"
    CREDENTIAL_REFUSED = "credential_refused"
    DEPENDENCY_AWAY = "dependency_away"
    LAYER_FAILED = "layer_failed"
    CONCURRENCY_EXCEEDED = "concurrency_exceeded"
    LOAD_SHED = "load_shed"

    # Garrison's own
    BAN_SET = "ban_set"
    BAN_LIFTED = "ban_lifted"
    OVERLOAD_BEGAN = "overload_began"
    OVERLOAD_ENDED = "overload_ended"
    SESSION_ROTATED = "session_rotated"
    SESSION_ENDED = "session_ended"
    SESSION_CHANGED = "session_changed"
    SECOND_FACTOR_CHANGED = "second_factor_changed"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    RECOVERY_CODE_USED = "recovery_code_used"
    CSRF_EXEMPTION_USED = "csrf_exemption_used"
    COOKIE_MALFORMED = "cookie_malformed"
    LIMIT_EXCEEDED = "limit_exceeded"
    BROWSER_REPORT = "browser_report"
    UNHANDLED_ERROR = "unhandled_error"
    POLICY_LOADED = "policy_loaded"
    DEGRADED = "service_degraded"
    RECOVERED = "service_recovered"
    CERTIFICATE_RENEWED = "certificate_renewed"
    CERTIFICATE_RENEWAL_FAILED = "certificate_renewal_failed"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    CERTIFICATE_CHANGED = "certificate_changed"
    SECRET_ROTATED = "secret_rotated"  # noqa: S105 - the name of an event
    SECRET_ROTATION_FAILED = "secret_rotation_failed"  # noqa: S105 - the name of an event
    WRAPPING_REFUSED = "wrapping_refused"
    SECRET_EXPIRED = "secret_expired"  # noqa: S105 - the name of an event
    SECRET_DENIED = "secret_denied"  # noqa: S105 - the name of an event
    EVENTS_DROPPED = "events_dropped"
    AUDIT_STARTED = "audit_started"
    AUDIT_UNCLEAN = "audit_unclean"
    AUDIT_BROKEN = "audit_broken"
    AUDIT_CLOCK = "audit_clock"
    AUDIT_ERASED = "audit_erased"
    AUDIT_TRIMMED = "audit_trimmed"
    ALERT_RAISED = "alert_raised"
    ALERT_DELIVERED = "alert_delivered"
    ALERT_ESCALATED = "alert_escalated"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_CHANGED = "incident_changed"
    REACTION_TAKEN = "reaction_taken"
    REACTION_WITHHELD = "reaction_withheld"
    REACTION_UNDONE = "reaction_undone"
    REQUEST_WATCHED = "request_watched"
    REACTIONS_SPENT = "reactions_spent"
    HONEY_TOKEN_USED = "honey_token_used"  # noqa: S105 - the name of an event
    REQUEST_NOTED = "request_noted"
    TRAFFIC_COUNTED = "traffic_counted"
    LATENCY_COUNTED = "latency_counted"
    EVENTS_MISSING = "events_missing"
    EVENT_UNKNOWN = "event_unknown"


def _owasp(
    name: EventName, severity: Severity, category: Category, outcome: Outcome, sentence: str, *, relevant: bool = True
) -> Term:
    return Term(name, severity, category, outcome, sentence, owasp=True, relevant=relevant)


def _chatter(name: EventName, severity: Severity, category: Category, outcome: Outcome, sentence: str) -> Term:
    return Term(name, severity, category, outcome, sentence, relevant=False)


_N_ = EventName

_TABLE: Final = (
    _owasp(_N_.AUTHN_LOGIN_SUCCESS, _I, _AUTHN, _OK, "Someone logged in."),
    _owasp(_N_.AUTHN_LOGIN_SUCCESS_AFTER_FAIL, _N, _AUTHN, _OK, "Someone logged in after failed attempts."),
    _owasp(_N_.AUTHN_LOGIN_FAIL, _W, _AUTHN, _FAIL, "A log-in failed."),
    _owasp(_N_.AUTHN_LOGIN_FAIL_MAX, _W, _AUTHN, _FAIL, "A log-in reached the limit of failed attempts."),
    _owasp(_N_.AUTHN_LOGIN_LOCK, _W, _AUTHN, _NOTED, "A log-in was locked."),
    _owasp(_N_.AUTHN_PASSWORD_CHANGE, _N, _AUTHN, _OK, "A password was changed."),
    _owasp(_N_.AUTHN_PASSWORD_CHANGE_FAIL, _W, _AUTHN, _FAIL, "A password could not be changed."),
    _owasp(_N_.AUTHN_IMPOSSIBLE_TRAVEL, _C, _AUTHN, _NOTED, "A user appeared in two far places at once."),
    _owasp(_N_.AUTHN_TOKEN_CREATED, _N, _AUTHN, _OK, "An access token or API key was created."),
    _owasp(_N_.AUTHN_TOKEN_REVOKED, _N, _AUTHN, _OK, "An access token or API key was revoked."),
    _owasp(_N_.AUTHN_TOKEN_REUSE, _C, _AUTHN, _FAIL, "A revoked token was used again."),
    _owasp(_N_.AUTHN_TOKEN_DELETE, _N, _AUTHN, _OK, "An access token or API key was deleted."),
    _owasp(_N_.AUTHZ_FAIL, _W, _AUTHZ, _FAIL, "Someone asked for what they may not have."),
    _owasp(_N_.AUTHZ_CHANGE, _W, _AUTHZ, _OK, "Somebody's rights were changed."),
    _owasp(_N_.AUTHZ_ADMIN, _W, _AUTHZ, _NOTED, "A privileged user acted."),
    _owasp(_N_.CRYPT_DECRYPT_FAIL, _W, Category.CRYPTOGRAPHY, _FAIL, "Something could not be decrypted."),
    _owasp(_N_.CRYPT_ENCRYPT_FAIL, _W, Category.CRYPTOGRAPHY, _FAIL, "Something could not be encrypted."),
    _owasp(_N_.EXCESS_RATE_LIMIT_EXCEEDED, _W, _EXCESS, _REFUSED, "A rate limit was spent.", relevant=False),
    _owasp(_N_.UPLOAD_COMPLETE, _I, _UPLOAD, _OK, "A file was received."),
    _owasp(_N_.UPLOAD_STORED, _I, _UPLOAD, _OK, "A received file was stored."),
    _owasp(_N_.UPLOAD_VALIDATION, _N, _UPLOAD, _NOTED, "A received file was validated."),
    _owasp(_N_.UPLOAD_DELETE, _I, _UPLOAD, _OK, "A stored file was deleted."),
    _owasp(_N_.INPUT_VALIDATION_FAIL, _N, _INPUT, _FAIL, "Input did not pass validation."),
    _owasp(_N_.INPUT_VALIDATION_DISCRETE_FAIL, _W, _INPUT, _FAIL, "A choice was sent that was never offered."),
    _owasp(_N_.MALICIOUS_EXCESS_404, _W, _ATTACK, _NOTED, "A client asked for many paths that don't exist."),
    _owasp(_N_.MALICIOUS_EXTRANEOUS, _W, _ATTACK, _NOTED, "A client sent fields nobody asked for."),
    _owasp(_N_.MALICIOUS_ATTACK_TOOL, _W, _ATTACK, _NOTED, "A request bears the marks of an attack tool."),
    _owasp(_N_.MALICIOUS_CORS, _W, _SITE, _REFUSED, "A page of an origin that is not allowed asked to read answers."),
    _owasp(_N_.MALICIOUS_DIRECT_REFERENCE, _C, _ATTACK, _REFUSED, "Someone named an object that is not theirs."),
    _owasp(_N_.PRIVILEGE_PERMISSIONS_CHANGED, _W, _AUTHZ, _OK, "Permissions of an object were changed."),
    _owasp(_N_.SENSITIVE_CREATE, _N, _DATA, _OK, "Sensitive data was created."),
    _owasp(_N_.SENSITIVE_READ, _N, _DATA, _OK, "Sensitive data was read."),
    _owasp(_N_.SENSITIVE_UPDATE, _N, _DATA, _OK, "Sensitive data was changed."),
    _owasp(_N_.SENSITIVE_DELETE, _N, _DATA, _OK, "Sensitive data was deleted."),
    _owasp(_N_.SEQUENCE_FAIL, _W, _ATTACK, _REFUSED, "A step was asked for out of its order."),
    _owasp(_N_.SESSION_CREATED, _I, _SESSION, _OK, "A session began."),
    _owasp(_N_.SESSION_RENEWED, _I, _SESSION, _OK, "A session was extended."),
    _owasp(_N_.SESSION_EXPIRED, _I, _SESSION, _NOTED, "A session ended by age, idleness or revocation."),
    _owasp(_N_.SESSION_USE_AFTER_EXPIRE, _W, _SESSION, _FAIL, "A session was used after its end."),
    _owasp(_N_.STARTUP, _N, _SYSTEM, _OK, "The application started."),
    _owasp(_N_.SHUTDOWN, _N, _SYSTEM, _OK, "The application stopped."),
    _owasp(_N_.RESTART, _N, _SYSTEM, _OK, "The application was restarted."),
    _owasp(_N_.CRASH, _C, _SYSTEM, _FAIL, "A process of the application died."),
    _owasp(_N_.MONITOR_DISABLED, _W, _SYSTEM, _NOTED, "A monitor or guard was switched off."),
    _owasp(_N_.MONITOR_ENABLED, _N, _SYSTEM, _NOTED, "A monitor or guard was switched on."),
    _owasp(_N_.USER_CREATED, _N, _ACCOUNT, _OK, "A user was created."),
    _owasp(_N_.USER_UPDATED, _N, _ACCOUNT, _OK, "A user was changed."),
    _owasp(_N_.USER_ARCHIVED, _N, _ACCOUNT, _OK, "A user was archived."),
    _owasp(_N_.USER_DELETED, _N, _ACCOUNT, _OK, "A user was deleted."),
    Term(_N_.CLIENT_UNTRUSTED, _W, _REQUEST, _REFUSED, "The chain of proxies in front of a request can't be trusted."),
    _chatter(_N_.BAN_HELD, _N, _REQUEST, _REFUSED, "A banned client was turned away."),
    _chatter(_N_.CONTROL_HELD, _N, _REQUEST, _REFUSED, "A request met a disabled route or read-only mode."),
    Term(_N_.HOST_REFUSED, _W, _REQUEST, _REFUSED, "The Host header is missing, broken or not one of ours."),
    Term(_N_.METHOD_REFUSED, _N, _REQUEST, _REFUSED, "The method is not allowed."),
    Term(_N_.TARGET_REFUSED, _W, _REQUEST, _REFUSED, "The request target is too long or can be read in two ways."),
    Term(_N_.FRAMING_REFUSED, _W, _REQUEST, _REFUSED, "Headers or lengths are malformed, too many or too large."),
    Term(_N_.SIZE_EXCEEDED, _W, _REQUEST, _REFUSED, "A body or message is larger than allowed."),
    Term(_N_.CONTENT_REFUSED, _N, _REQUEST, _REFUSED, "The kind or encoding of a body is not accepted."),
    Term(_N_.GRAPHQL_REFUSED, _W, _INPUT, _REFUSED, "A GraphQL request asks for too much, or can't be judged."),
    Term(_N_.UPLOAD_REFUSED, _W, _UPLOAD, _REFUSED, "A file is not what may be uploaded."),
    Term(_N_.CROSS_SITE_REFUSED, _W, _SITE, _REFUSED, "Another site tried to act here."),
    Term(_N_.CSRF_REFUSED, _W, _SITE, _REFUSED, "A request with side effects had no valid CSRF token."),
    Term(_N_.AUTHN_REQUIRED, _N, _AUTHN, _REFUSED, "A request needs a log-in."),
    Term(_N_.CREDENTIAL_REFUSED, _W, _AUTHN, _REFUSED, "An API key or token was presented that is not good."),
    Term(_N_.DEPENDENCY_AWAY, _E, _SYSTEM, _REFUSED, "A request was refused because a store or the audit log failed."),
    Term(_N_.LAYER_FAILED, _C, _SYSTEM, _REFUSED, "A defence raised an error; the door was closed."),
    _chatter(_N_.CONCURRENCY_EXCEEDED, _W, _EXCESS, _REFUSED, "A client had too much in progress at once."),
    _chatter(_N_.LOAD_SHED, _W, _EXCESS, _REFUSED, "A request found no room in an overloaded process."),
    Term(_N_.BAN_SET, _W, _REQUEST, _OK, "Somebody was banned, or a ban was made longer."),
    Term(_N_.BAN_LIFTED, _N, _REQUEST, _OK, "A ban was lifted before its end."),
    Term(_N_.OVERLOAD_BEGAN, _E, _SYSTEM, _NOTED, "A process is late; requests that find no room are turned away."),
    Term(_N_.OVERLOAD_ENDED, _N, _SYSTEM, _NOTED, "A process that was late has room for everybody again."),
    Term(_N_.SESSION_ROTATED, _I, _SESSION, _OK, "A session got a new id."),
    Term(_N_.SESSION_ENDED, _I, _SESSION, _OK, "Someone logged out."),
    Term(_N_.SESSION_CHANGED, _W, _SESSION, _NOTED, "A session was used from another browser or network."),
    Term(_N_.SECOND_FACTOR_CHANGED, _N, _ACCOUNT, _OK, "A second factor was set up, changed or taken away."),
    Term(_N_.SECOND_FACTOR_FAILED, _W, _AUTHN, _FAIL, "The password was right and the second factor was not."),
    Term(_N_.RECOVERY_CODE_USED, _W, _AUTHN, _OK, "A recovery code took the place of the second factor."),
    Term(_N_.CSRF_EXEMPTION_USED, _N, _SITE, _NOTED, "A request passed through a CSRF exemption."),
    _chatter(_N_.COOKIE_MALFORMED, _I, _INPUT, _NOTED, "A cookie could not be read."),
    _chatter(_N_.LIMIT_EXCEEDED, _W, _EXCESS, _REFUSED, "The limit of one endpoint was spent."),
    _chatter(_N_.BROWSER_REPORT, _N, _SITE, _NOTED, "A browser reported a violation."),
    Term(_N_.UNHANDLED_ERROR, _E, _SYSTEM, _FAIL, "The application raised an error it did not handle."),
    Term(_N_.POLICY_LOADED, _N, _SYSTEM, _OK, "A policy was put to work."),
    Term(_N_.DEGRADED, _E, _SYSTEM, _NOTED, "A service failed; a weaker or stricter substitute holds."),
    Term(_N_.RECOVERED, _N, _SYSTEM, _NOTED, "A failed service works again."),
    Term(_N_.CERTIFICATE_RENEWED, _N, _SYSTEM, _OK, "A new certificate was issued and put to use."),
    Term(_N_.CERTIFICATE_RENEWAL_FAILED, _E, _SYSTEM, _FAIL, "A certificate could not be renewed; the old one stays."),
    Term(_N_.CERTIFICATE_EXPIRING, _E, _SYSTEM, _NOTED, "The certificate in use has little of its life left."),
    Term(_N_.CERTIFICATE_CHANGED, _W, _SYSTEM, _NOTED, "The certificate in use became one that was not expected."),
    Term(_N_.SECRET_ROTATED, _N, _SYSTEM, _OK, "A secret has a new value, which was put to use."),
    Term(
        _N_.SECRET_ROTATION_FAILED,
        _E,
        _SYSTEM,
        _FAIL,
        "A secret has a new value, and something still uses the old one.",
    ),
    Term(_N_.SECRET_EXPIRED, _E, _SYSTEM, _FAIL, "A leased secret has ended, and there is no successor."),
    Term(_N_.WRAPPING_REFUSED, _C, _SYSTEM, _REFUSED, "Somebody else may have read what was in a wrapping token."),
    Term(_N_.SECRET_DENIED, _C, _AUTHZ, _REFUSED, "A component reached for a secret that is not its own."),
    Term(_N_.EVENTS_DROPPED, _E, _SYSTEM, _NOTED, "Events were lost because a queue was full."),
    Term(_N_.AUDIT_STARTED, _N, _SYSTEM, _NOTED, "An audit log was begun."),
    Term(_N_.AUDIT_UNCLEAN, _E, _SYSTEM, _NOTED, "A process died without closing the audit log; its last may be lost."),
    Term(_N_.AUDIT_BROKEN, _C, _SYSTEM, _FAIL, "The audit log does not end where it was left: somebody changed it."),
    Term(_N_.AUDIT_CLOCK, _W, _SYSTEM, _NOTED, "The clock runs behind the newest entry of the audit log."),
    Term(_N_.AUDIT_ERASED, _N, _DATA, _OK, "Personal fields of the audit log were erased."),
    Term(_N_.AUDIT_TRIMMED, _N, _DATA, _OK, "The oldest entries of the audit log were removed after their time."),
    Term(_N_.ALERT_RAISED, _W, _ATTACK, _NOTED, "A detection rule spoke."),
    Term(_N_.ALERT_DELIVERED, _I, _SYSTEM, _OK, "A receiver took a message about alerts."),
    Term(_N_.ALERT_ESCALATED, _E, _SYSTEM, _NOTED, "Nobody acknowledged an alert: the next ones are told."),
    Term(_N_.ALERT_ACKNOWLEDGED, _N, _SYSTEM, _OK, "An operator said that they have an alert."),
    Term(_N_.INCIDENT_OPENED, _W, _SYSTEM, _NOTED, "An operator opened an incident."),
    Term(_N_.INCIDENT_CHANGED, _N, _SYSTEM, _OK, "An operator noted, assigned, contained or closed an incident."),
    Term(_N_.REACTION_TAKEN, _W, _ATTACK, _OK, "A client or user met a reaction to an alert."),
    Term(_N_.REACTION_WITHHELD, _N, _ATTACK, _NOTED, "A reaction did not follow from an alert, and why."),
    Term(_N_.REACTION_UNDONE, _N, _ATTACK, _OK, "A reaction was taken back by an operator."),
    Term(_N_.REQUEST_WATCHED, _I, _REQUEST, _NOTED, "A request of somebody whom an alert was about: log-more."),
    Term(_N_.REACTIONS_SPENT, _E, _SYSTEM, _NOTED, "So many reactions followed that no further one does."),
    Term(_N_.HONEY_TOKEN_USED, _E, _ATTACK, _NOTED, "A request held a token that was planted for thieves."),
    _chatter(_N_.REQUEST_NOTED, _I, _REQUEST, _NOTED, "An error, much data, or a trap: for detection, never logged."),
    _chatter(_N_.TRAFFIC_COUNTED, _I, _SYSTEM, _NOTED, "How many answers there were: for detection, never logged."),
    _chatter(_N_.LATENCY_COUNTED, _I, _SYSTEM, _NOTED, "How long answers took: for detection, never logged."),
    Term(_N_.EVENTS_MISSING, _E, _SYSTEM, _FAIL, "Numbered entries are missing where events are read."),
    Term(_N_.EVENT_UNKNOWN, _E, _SYSTEM, _NOTED, "Something was recorded under a name outside the vocabulary."),
)

APPLICATION: Final = frozenset(
    {
        _N_.AUTHN_PASSWORD_CHANGE_FAIL, _N_.AUTHN_IMPOSSIBLE_TRAVEL, _N_.AUTHN_TOKEN_DELETE, _N_.AUTHZ_CHANGE,
        _N_.AUTHZ_ADMIN, _N_.CRYPT_ENCRYPT_FAIL, _N_.UPLOAD_COMPLETE, _N_.UPLOAD_VALIDATION,
        _N_.INPUT_VALIDATION_DISCRETE_FAIL, _N_.MALICIOUS_EXCESS_404, _N_.MALICIOUS_EXTRANEOUS,
        _N_.MALICIOUS_ATTACK_TOOL, _N_.MALICIOUS_DIRECT_REFERENCE, _N_.PRIVILEGE_PERMISSIONS_CHANGED,
        _N_.SENSITIVE_CREATE, _N_.SENSITIVE_READ, _N_.SENSITIVE_UPDATE, _N_.SENSITIVE_DELETE, _N_.SEQUENCE_FAIL,
        _N_.SESSION_RENEWED, _N_.MONITOR_ENABLED, _N_.USER_CREATED, _N_.USER_UPDATED,
        _N_.USER_ARCHIVED, _N_.USER_DELETED,
    }
)  # fmt: skip
"""Names Garrison itself never writes: OWASP's words for what only the application knows. `emit` takes them."""

TERMS: Final[Mapping[str, Term]] = {term.name: term for term in _TABLE}
CHATTER: Final = frozenset(str(term.name) for term in _TABLE if not term.relevant)
"""Names of the events that give way when the queue is full."""

_REASONS: Final[Mapping[EventName, tuple[Reason, ...]]] = {
    _N_.CLIENT_UNTRUSTED: (Reason.CLIENT_CHAIN,),
    _N_.BAN_HELD: (Reason.BANNED,),
    _N_.CONTROL_HELD: (Reason.ROUTE_DISABLED, Reason.READ_ONLY),
    _N_.HOST_REFUSED: (Reason.HOST_MISSING, Reason.HOST_DUPLICATED, Reason.HOST_MALFORMED, Reason.HOST_UNKNOWN),
    _N_.METHOD_REFUSED: (Reason.METHOD_NOT_ALLOWED,),
    _N_.TARGET_REFUSED: (Reason.TARGET_MALFORMED, Reason.TARGET_TOO_LONG),
    _N_.FRAMING_REFUSED: (
        Reason.HEADERS_TOO_MANY, Reason.HEADERS_TOO_LARGE, Reason.HEADER_MALFORMED, Reason.LENGTH_MALFORMED,
    ),
    _N_.SIZE_EXCEEDED: (Reason.BODY_TOO_LARGE, Reason.EXPANSION_TOO_LARGE, Reason.MESSAGE_TOO_LARGE),
    _N_.CONTENT_REFUSED: (
        Reason.ENCODING_UNSUPPORTED, Reason.CONTENT_TYPE_UNSUPPORTED, Reason.CHARSET_UNSUPPORTED,
    ),
    _N_.GRAPHQL_REFUSED: (Reason.GRAPHQL_REFUSED,),
    _N_.UPLOAD_REFUSED: (Reason.UPLOAD_REFUSED,),
    _N_.INPUT_VALIDATION_FAIL: (Reason.BODY_MALFORMED,),
    _N_.EXCESS_RATE_LIMIT_EXCEEDED: (Reason.RATE_LIMITED, Reason.MESSAGE_RATE),
    _N_.CONCURRENCY_EXCEEDED: (Reason.CONCURRENCY_LIMITED,),
    _N_.LOAD_SHED: (Reason.OVERLOADED,),
    _N_.MALICIOUS_CORS: (Reason.CORS_ORIGIN, Reason.CORS_METHOD, Reason.CORS_HEADER),
    _N_.CROSS_SITE_REFUSED: (Reason.CROSS_SITE, Reason.ORIGIN_UNKNOWN),
    _N_.CSRF_REFUSED: (Reason.CSRF_MISSING, Reason.CSRF_INVALID),
    _N_.AUTHN_REQUIRED: (Reason.UNAUTHENTICATED, Reason.LOGIN_NOT_FRESH),
    _N_.CREDENTIAL_REFUSED: (Reason.CREDENTIAL_INVALID, Reason.CREDENTIAL_AMBIGUOUS),
    _N_.AUTHZ_FAIL: (Reason.NOT_ALLOWED,),
    _N_.DEPENDENCY_AWAY: (Reason.STORE_AWAY, Reason.AUDIT_AWAY, Reason.SCANNER_AWAY),
    _N_.LAYER_FAILED: (Reason.LAYER_FAILED,),
}  # fmt: skip
_BY_REASON: Final = {reason: name for name, reasons in _REASONS.items() for reason in reasons}


def for_reason(reason: Reason) -> EventName:
    """The event a refusal for `reason` is written under, enforced or only monitored (the event's `mode` tells)."""
    return _BY_REASON[reason]
