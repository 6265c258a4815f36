"""The vocabulary is closed, total and says everything about each name."""

from __future__ import annotations

import re

import pytest

from garrison.core.verdict import Reason
from garrison.events.terms import Outcome, Severity
from garrison.events.vocabulary import CHATTER, TERMS, EventName, for_reason

OWASP = {  # OWASP Logging Vocabulary Cheat Sheet, all names
    "authn_login_success", "authn_login_successafterfail", "authn_login_fail", "authn_login_fail_max",
    "authn_login_lock", "authn_password_change", "authn_password_change_fail", "authn_impossible_travel",
    "authn_token_created", "authn_token_revoked", "authn_token_reuse", "authn_token_delete", "authz_fail",
    "authz_change", "authz_admin", "crypt_decrypt_fail", "crypt_encrypt_fail", "excess_rate_limit_exceeded",
    "upload_complete", "upload_stored", "upload_validation", "upload_delete", "input_validation_fail",
    "input_validation_discrete_fail", "malicious_excess_404", "malicious_extraneous", "malicious_attack_tool",
    "malicious_cors", "malicious_direct_reference", "privilege_permissions_changed", "sensitive_create",
    "sensitive_read", "sensitive_update", "sensitive_delete", "sequence_fail", "session_created", "session_renewed",
    "session_expired", "session_use_after_expire", "sys_startup", "sys_shutdown", "sys_restart", "sys_crash",
    "sys_monitor_disabled", "sys_monitor_enabled", "user_created", "user_updated", "user_archived", "user_deleted",
}  # fmt: skip


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_an_event_that_is_a_refusal(reason: Reason) -> None:
    term = TERMS[for_reason(reason)]
    assert term.outcome in {Outcome.REFUSED, Outcome.FAILURE}
    assert term.severity is not Severity.INFO


def test_every_name_has_exactly_one_term_and_every_term_a_name() -> None:
    assert set(TERMS) == {name.value for name in EventName}


def test_every_owasp_name_is_there_and_marked_and_no_other_is() -> None:
    assert {name for name, term in TERMS.items() if term.owasp} == OWASP


@pytest.mark.parametrize("name", list(EventName))
def test_a_term_is_fit_for_documentation(name: EventName) -> None:
    term = TERMS[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]{2,39}", term.name)
    assert re.fullmatch(r"[A-Z].{8,90}\.", term.sentence)


def test_only_what_anyone_can_cause_at_will_gives_way() -> None:
    assert {
        "excess_rate_limit_exceeded", "limit_exceeded", "ban_held", "control_held", "browser_report",
        "cookie_malformed", "load_shed", "concurrency_exceeded", "request_noted", "traffic_counted",
        "latency_counted",
    } == CHATTER  # fmt: skip


def test_severities_follow_syslog() -> None:
    assert [one.syslog for one in Severity] == sorted(one.syslog for one in Severity)
