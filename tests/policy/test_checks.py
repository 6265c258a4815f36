"""Each check objects to what it is for and to nothing else, and says where, why and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison import Policy
from garrison.findings.record import Finding
from garrison.findings.severity import Level, Severity
from garrison.policy.checks import PolicyUnsafe, Subject, check, refuse_unsafe, registered, run_checks
from garrison.policy.load import PolicyInvalid, load
from tests.policy.check_cases import CASES, DEV, A, App, Case
from tests.policy.toml_files import loaded

FLAT = [(name, case) for name, cases in CASES.items() for case in cases]


def objections(id: str, case: Case) -> list[str]:
    return [found.location.key for found in run_checks(case.subject()) if found.id == id and found.location]


@pytest.mark.parametrize(("id", "case"), FLAT)
def test_a_check_objects_exactly_where_it_should(id: str, case: Case) -> None:
    assert set(objections(id, case)) == ({case.key} if case.key else set())


@pytest.mark.parametrize("id", registered())
def test_every_check_has_a_policy_it_objects_to_and_one_it_does_not(id: str) -> None:
    assert any(case.key for case in CASES[id])
    assert any(not case.key for case in CASES[id])


@pytest.mark.parametrize("id", registered())
def test_every_check_says_what_follows_what_to_do_and_where_to_read(id: str) -> None:
    entry = registered()[id]
    assert re.fullmatch(r"P\d{3}", id)
    for text in (entry.title, entry.consequence, entry.remedy, entry.reference):
        assert text.strip()
    assert entry.consequence.endswith(".")


def test_ids_are_in_order_and_used_once() -> None:
    assert list(registered()) == sorted(registered())
    with pytest.raises(ValueError, match="twice"):
        check("P001", "again", Severity.LOW, consequence="x", remedy="x", reference="x")(lambda subject: ())


def test_what_a_class_inherits_is_objected_to_once() -> None:
    case = Case({"cors": {"origins": ["null"]}, "routes": [A]})
    assert objections("P004", case) == ["cors.origins"]


class TestTheStart:
    def test_an_error_stops_it_and_says_the_place_in_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        found = loaded(tmp_path, 'hosts = ["a.example"]\n\n[cors]\norigins = ["null"]\n')
        with pytest.raises(PolicyUnsafe) as caught:
            refuse_unsafe(found.policy, {"GARRISON_KEY": "x"}, None, found.sources)
        assert [finding.id for finding in caught.value.findings] == ["P004"]
        assert "P004 garrison.toml:4 · cors.origins" in str(caught.value)

    def test_a_warning_does_not_stop_it(self) -> None:
        policy = Policy(hosts=("a.example",), csrf={"mode": "off", "allow_insecure_off": "x"})
        refuse_unsafe(policy, {"GARRISON_KEY": "x"})
        assert any(found.severity.level is Level.WARNING for found in run_checks(Subject(policy)))

    def test_what_is_for_production_only_stops_no_development(self) -> None:
        cases = [(name, case) for name, case in FLAT if registered()[name].production_only]
        findings = [finding for name, case in cases for finding in self.in_development(name, case)]
        assert findings
        assert all(finding.severity <= Severity.LOW for finding in findings)

    def in_development(self, name: str, case: Case) -> list[Finding]:
        there = Case({**case.values, **DEV}, environ=case.environ, app=case.app)
        return [finding for finding in run_checks(there.subject()) if finding.id == name]

    def test_a_debug_application_stops_production(self) -> None:
        policy = Policy(hosts=("a.example",))
        with pytest.raises(PolicyUnsafe, match="P006"):
            refuse_unsafe(policy, {"GARRISON_KEY": "x"}, App(debug=True))
        refuse_unsafe(policy, {"GARRISON_KEY": "x"}, App(debug=False))

    def test_the_root_key_in_the_policy_is_never_quoted(self) -> None:
        findings = run_checks(Subject(Policy(key="Hunter2Hunter2Hunter2")))
        assert "P025" in {finding.id for finding in findings}
        assert "Hunter2" not in repr(findings)


texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["*", "null", "a.example", "*.a.example", "https://a.example", "http://[::1]:5", "é.example", "/**"]
    ),
    st.sampled_from(
        ["https://a.example:８０", "xn--é", "0.0.0.0/0", "::/0", "10.0.0.1/8", "file:/x", "env:X", "__Host-a"]
    ),
)
lists = st.lists(texts, max_size=3)
modes = st.sampled_from(["enforce", "monitor", "off"])
rates = st.lists(st.sampled_from(["1/second", "5/minute burst 2", "1000000000/year", "7/3 days burst 100"]), max_size=3)
sections = {
    "cors": st.fixed_dictionaries({}, optional={"origins": lists, "credentials": st.booleans(), "mode": modes}),
    "origin": st.fixed_dictionaries({}, optional={"trusted": lists, "mode": modes}),
    "csrf": st.fixed_dictionaries({}, optional={"mode": modes, "allow_insecure_off": texts, "cookie": texts}),
    "rate": st.fixed_dictionaries({}, optional={"address": rates, "principal": rates, "mode": modes}),
    "csp": st.fixed_dictionaries({}, optional={"directives": st.dictionaries(texts, lists, max_size=3), "mode": modes}),
    "host": st.fixed_dictionaries({}, optional={"allow_ip": st.booleans()}),
    "headers": st.fixed_dictionaries({}, optional={"hsts": st.none() | st.just({"max_age": 1})}),
    "target": st.fixed_dictionaries({}, optional={"backslash": st.sampled_from(["refuse", "pass"])}),
}
routes = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"]), "paths": st.lists(texts, min_size=1, max_size=2)},
    optional={"health": st.booleans(), "methods": lists, **sections},
)
whole = {
    "preset": st.sampled_from(["browser", "api", "compat", "testing"]),
    "environment": st.sampled_from(["production", "development"]),
    "hosts": lists,
    "proxies": lists,
    "key": texts,
    "store": st.sampled_from(["memory", "redis://a.example", "rediss+cluster://a,b", "env:X", "env:STORE"]) | texts,
    "processes": st.integers(1, 9),
    "session": st.fixed_dictionaries({}, optional={"cookie": texts, "idle": st.integers(-1, 9)}),
    "routes": st.lists(routes, max_size=3),
}


@settings(max_examples=150, deadline=None)  # a busy machine is no fault
@given(st.fixed_dictionaries({}, optional={**whole, **sections}), st.booleans())
def test_checks_never_raise_whatever_the_policy_says(values: dict[str, object], debug: bool) -> None:
    try:
        found = load(Policy(**values), {})
    except (PolicyInvalid, ValueError):
        return
    for finding in run_checks(Subject(found.policy, {}, App(debug), found.sources)):
        assert finding.message
