"""Who and what an incident concerns: what events tell is gathered, and what they don't tell is said."""

from __future__ import annotations

from dataclasses import replace

from garrison.events.vocabulary import EventName
from garrison.reactions.affected import (
    MOST,
    UNTOLD_DATA,
    UNTOLD_NOBODY,
    UNTOLD_ROLE,
    UNTOLD_VOLUME,
    affected,
)
from tests.detection.making import event

LOGIN, FAILED, READ = EventName.AUTHN_LOGIN_SUCCESS, EventName.AUTHN_LOGIN_FAIL, EventName.SENSITIVE_READ


def test_users_sessions_keys_objects_and_volumes_are_gathered() -> None:
    found = affected(
        [
            event(FAILED, details={"account": "a***@example.com"}, path="/log-in", method="POST"),
            event(LOGIN, principal="O'Brien", session="5e55", details={"account": "a***@example.com"}),
            event(EventName.AUTHN_TOKEN_CREATED, principal="O'Brien", details={"handle": "k3xq7"}),
            event(READ, principal="O'Brien", details={"record": "invoice 7"}, path="/invoices/7", method="GET"),
            event(EventName.UPLOAD_STORED, principal="O'Brien", details={"file": "3f2a", "size": 700}),
            event(EventName.ALERT_RAISED, client="", details={"rule": "much-data", "count": 3 * 10**9}),
            event(EventName.ALERT_RAISED, client="", details={"rule": "much-data-client", "count": 2 * 10**9}),
        ]
    )  # fmt: skip
    assert found.principals == {"O'Brien": 4}
    assert found.entered == {"O'Brien": 1}
    assert found.accounts == {"a***@example.com": 2}
    assert (found.sessions, found.keys) == ({"5e55": 1}, {"k3xq7": 1})
    assert found.objects == {"record invoice 7": 1, "file 3f2a": 1}
    assert found.routes == {"POST /log-in": 1, "GET /invoices/7": 1}
    assert (found.read, found.stored) == (3 * 10**9, 700)
    assert found.untold == [UNTOLD_ROLE]


def test_what_no_event_tells_is_said_to_be_unknown_and_not_said_to_be_nothing() -> None:
    assert affected([]).untold == [UNTOLD_NOBODY, UNTOLD_DATA, UNTOLD_VOLUME]
    assert affected([event(FAILED, client="203.0.113.7")]).untold == [UNTOLD_NOBODY, UNTOLD_DATA, UNTOLD_VOLUME]


def test_what_operators_and_garrison_did_concerns_nobody() -> None:
    found = affected([event(EventName.INCIDENT_CHANGED, principal="operator"), event(EventName.STARTUP)])
    assert (found.principals, found.clients) == ({}, {})


def test_names_are_bounded_and_what_is_left_out_is_counted() -> None:
    one = event(FAILED, details={"account": "x"})
    found = affected(replace(one, client=f"2001:db8::{number:x}") for number in range(MOST + 5))
    assert (len(found.clients), found.left_out) == (MOST, {"clients": 5})
