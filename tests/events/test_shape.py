"""From the queue to an event: every field in its place, nothing raw in any of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.facts import Facts
from garrison.core.verdict import Mode, Reason
from garrison.events.event import Event
from garrison.events.raw import bound, locate
from garrison.events.redaction import Redactor
from garrison.events.shape import Shaper, fingerprint
from garrison.events.terms import Outcome, Severity
from garrison.events.vocabulary import EventName
from tests.events.making import WHEN, facts

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def shape(name: str, where: Facts | None = None, *, hide: tuple[str, ...] = (), **details: Any) -> Event:
    shaper = Shaper(Redactor(hide), "web1", "run1", ("default", "login"))
    return shaper.shape((7, WHEN, name, None if where is None else locate(where), bound(details)))


def test_a_refusal_has_who_what_where_and_why() -> None:
    made = shape(
        EventName.CSRF_REFUSED, facts(headers={b"user-agent": b"curl/8", b"traceparent": TRACE}, route=1),
        reason=Reason.CSRF_MISSING, layer="csrf", mode=Mode.ENFORCE, status=403, detail="no token at all",
    )  # fmt: skip
    assert made == Event(
        when=WHEN, name=EventName.CSRF_REFUSED, severity=Severity.WARNING, outcome=Outcome.REFUSED, run="run1", seq=7,
        node="web1", pid=made.pid, mode="enforce", reason="csrf-missing", layer="csrf", route="login", status=403,
        client="203.0.113.9", client_key="203.0.113.9", kind="http", method="POST", host="shop.example.com",
        path="/notes/12", agent="curl/8", origin="direct", request_id="a1b2-000001",
        trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331",
        details={"detail": "no token at all"},
    )  # fmt: skip


def test_the_same_refusal_in_monitor_mode_would_have_been_one() -> None:
    made = shape(EventName.CSRF_REFUSED, facts(), reason=Reason.CSRF_MISSING, layer="csrf", mode=Mode.MONITOR)
    assert (made.name, made.outcome, made.mode) == (EventName.CSRF_REFUSED, Outcome.WOULD_REFUSE, "monitor")


def test_a_reason_that_is_no_refusal_leaves_the_outcome() -> None:
    assert shape(EventName.SESSION_EXPIRED, reason="idle").outcome is Outcome.NOTED


def test_the_emitter_may_know_the_route_the_outcome_and_the_severity_better() -> None:
    made = shape(EventName.UPLOAD_VALIDATION, facts(), route="files", outcome="failure", severity="critical")
    assert (made.route, made.outcome, made.severity) == ("files", Outcome.FAILURE, Severity.CRITICAL)
    assert shape(EventName.UPLOAD_VALIDATION, severity="dire", outcome="meh").severity is Severity.NOTICE


def test_a_name_outside_the_vocabulary_is_recorded_as_such() -> None:
    made = shape("my_own\nname", password="x")
    assert made.name is EventName.EVENT_UNKNOWN
    assert made.details == {"password": "[redacted]", "name": "my_own\\x0aname"}


def test_a_session_is_a_short_hash_and_a_mail_address_is_masked() -> None:
    made = shape(EventName.SESSION_CREATED, session="s3cr3t-session-id", principal="alice@example.com")
    assert made.session == fingerprint("s3cr3t-session-id") != fingerprint("another")
    assert len(made.session) == 12
    assert made.principal == "a***@example.com"


def test_fields_the_policy_names_are_hidden_as_well() -> None:
    made = shape(EventName.CSRF_REFUSED, facts(), hide=("client", "client_key", "agent"))
    assert (made.client, made.client_key, made.agent) == ("[redacted]",) * 3
    assert made.path == "/notes/12"


def test_the_query_is_in_no_field() -> None:
    assert "q=1" not in shape(EventName.CSRF_REFUSED, facts()).to_json()


def test_a_request_without_host_or_address_is_told_as_far_as_it_is_known() -> None:
    made = shape(EventName.HOST_REFUSED, facts(host=None, address=None, route=99))
    assert (made.host, made.client, made.route) == ("", "", "")


def test_numbers_no_reader_can_hold_are_named() -> None:
    details = shape(EventName.DEGRADED, big=2**63, small=-(2**63), wild=float("nan"), half=0.5, none=None).details
    assert details == {"big": "[large number]", "small": -(2**63), "wild": "nan", "half": 0.5}


def test_the_end_of_a_trace_is_kept_and_the_beginning_of_other_text() -> None:
    made = shape(EventName.UNHANDLED_ERROR, trace="first " + "x " * 4000 + "last", note="first " + "y " * 4000)
    assert str(made.details["trace"]).endswith("last")
    assert len(str(made.details["trace"])) == 3072
    assert str(made.details["note"]).startswith("first")
    assert len(str(made.details["note"])) == 1024


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(), max_size=50)


@given(
    st.text(max_size=20),
    st.text(alphabet=st.characters(), max_size=80),
    st.binary(max_size=80),
    st.dictionaries(
        st.sampled_from(["reason", "status", "mode", "session", "principal", "severity", "x", "token"]), PLAIN
    ),
)
def test_whatever_comes_the_event_is_printable_json(
    name: str, path: str, agent: bytes, details: dict[str, Any]
) -> None:
    made = shape(name, facts(path, headers={b"user-agent": agent}), **details)
    assert made.to_json().isprintable()
    texts = [value for value in [*made.to_dict().values(), *made.details.values()] if isinstance(value, str)]
    assert all(text.isprintable() and len(text) <= 3072 for text in texts)


@pytest.mark.parametrize("agents", [3000])
def test_remembered_agents_stay_few(agents: int) -> None:
    shaper = Shaper(Redactor(), "web1", "run1", ("default",))
    for number in range(agents):
        agent = b"agent %d" % number
        made = shaper.shape((1, WHEN, EventName.HOST_REFUSED, locate(facts(headers={b"user-agent": agent})), {}))
        assert made.agent == agent.decode()
    assert len(shaper._agents) <= 1000
