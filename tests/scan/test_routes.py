"""`garrison routes` as a whole: what is examined, merged, suppressed, and said about itself."""

from __future__ import annotations

import re
from datetime import date
from pkgutil import resolve_name

import pytest

from garrison.accounts.authorisation_routes import RoutesUnknown
from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.policy.section_suppressions import SuppressionTable
from garrison.scan.code_rules import Hole
from garrison.scan.routes import Exceptions, examine_routes
from garrison.scan.routes_catalogue import Rule
from tests.scan.conftest import Examine, found

REDIRECT = "@app.get('/a')\ndef a(next: str):\n    return RedirectResponse(next)\n"
LOGIN = "@app.post('/login')\ndef a(word: Annotated[str, Form()]): ...\n"
COOKIE = "@app.post('/a')\nasync def a(request: Request):\n    return request.session['user'] and None\n"


def suppression(rule: str, where: str, until: str = "2027-01-15", approved_by: str = "grace") -> SuppressionTable:
    return SuppressionTable(
        id=rule, where=where, reason="known, and mended soon", until=date.fromisoformat(until), approved_by=approved_by
    )


@pytest.mark.parametrize(
    "mounting",
    [
        "app.mount('/m', inner)",
        "outer = FastAPI()\nouter.mount('/n', inner)\napp.mount('/m', outer)",
        "from starlette.routing import Host\napp.router.routes.append(Host('m.example', inner))",
    ],
)
def test_mounted_applications_are_examined(mounting: str, examine: Examine) -> None:
    source = "inner = FastAPI()\n@inner.get('/a')\ndef a(next: str):\n    return RedirectResponse(next)\n" + mounting
    assert len(found(examine(source), "R010")) == 1


def test_an_included_router_is_examined_under_its_prefix(examine: Examine) -> None:
    source = "from fastapi import APIRouter\nr = APIRouter()\n" + REDIRECT.replace("@app", "@r")
    findings = found(examine(source + "app.include_router(r, prefix='/v1')"), "R010")
    assert [one.location.key for one in findings if one.location] == ["GET /v1/a"]


def test_methods_of_a_class_of_starlette_are_examined(examine: Examine) -> None:
    head = "from starlette.applications import Starlette\nfrom starlette.endpoints import HTTPEndpoint\n"
    head += "from starlette.responses import RedirectResponse\nfrom starlette.routing import Route\n"
    source = "class Go(HTTPEndpoint):\n    async def get(self, request):\n"
    source += (
        "        return RedirectResponse(request.query_params.get('next'))\napp = Starlette(routes=[Route('/a', Go)])\n"
    )
    assert len(found(examine(source, head=head), "R010")) == 1


def test_one_line_on_several_routes_is_one_finding(examine: Examine) -> None:
    findings = found(examine("@app.get('/b')\n@app.get('/c')\n" + REDIRECT), "R010")
    assert len(findings) == 1
    assert "So do 2 more routes." in findings[0].message


def test_pages_that_the_framework_adds_are_not_examined(examine: Examine) -> None:
    report = examine("")
    assert report.findings == ()
    assert "0 endpoints" in report.examined[0]


def test_an_application_that_asks_nobody_is_one_finding(examine: Examine) -> None:
    source = "".join(f"@app.post('/{name}')\ndef {name}(): ...\n" for name in "abcdef")
    findings = found(examine(source), "R008")
    assert len(findings) == 1
    assert "6" in findings[0].message


def test_the_policy_in_force_answers_csrf_and_limits(examine: Examine) -> None:
    assert found(examine(COOKIE + LOGIN), "R009")
    assert found(examine(COOKIE + LOGIN), "R013")
    report = examine(COOKIE + LOGIN, policy=Policy())
    assert not found(report, "R009")
    assert not found(report, "R013")


def test_a_policy_that_is_off_there_does_not(examine: Examine) -> None:
    off = {"mode": "off", "allow_insecure_off": "tried out here"}
    report = examine(COOKIE + LOGIN, policy=Policy(csrf=off, origin=off, rate=off))
    assert found(report, "R009")
    assert found(report, "R013")


@pytest.mark.parametrize("where", ["GET /a", "GET /*", "examined*.py", "*"])
def test_a_suppression_holds_to_its_last_day(where: str, examine: Examine) -> None:
    report = examine(REDIRECT, suppressions=(suppression("R010", where),))
    assert [(one.id, one.severity) for one in report.findings] == [("R000", Severity.INFO)]  # its last day is today
    assert "1 suppressed" in report.examined


def test_a_suppression_of_something_severe_needs_somebody_who_agreed(examine: Examine) -> None:
    report = examine(REDIRECT, suppressions=(suppression("R010", "GET /a", "2028-01-01", ""),))
    assert {one.id for one in report.findings} == {"R010", "R000"}
    assert examine(REDIRECT, suppressions=(suppression("R010", "GET /a", "2028-01-01"),)).findings == ()


def test_a_suppression_that_ended_brings_its_finding_back_and_is_told(examine: Examine) -> None:
    report = examine(REDIRECT, suppressions=(suppression("R010", "GET /a", "2027-01-14"),))
    assert {one.id for one in report.findings} == {"R010", "R000"}


@pytest.mark.parametrize(("rule", "where"), [("R011", "GET /a"), ("R010", "GET /b"), ("R010", "GET /a?")])
def test_a_suppression_that_fits_nothing_is_told_and_hides_nothing(rule: str, where: str, examine: Examine) -> None:
    report = examine(REDIRECT, suppressions=(suppression(rule, where),))
    assert {one.id for one in report.findings} == {"R010", "R000"}


@pytest.mark.parametrize(
    "table",
    [
        {"id": "R010", "where": "*", "until": "2027-01-01"},
        {"id": "R010", "where": "*", "until": "2027-01-01", "reason": "soon"},
        {"id": "R010", "where": "*", "reason": "known, and mended soon"},
        {"id": "*", "where": "*", "reason": "known, and mended soon", "until": "2027-01-01"},
    ],
)
def test_a_suppression_without_a_reason_or_a_day_is_refused(table: dict[str, str]) -> None:
    with pytest.raises(PolicyInvalid, match="suppressions"):
        Policy.model_validate({"suppressions": [table]})


def test_source_that_cannot_be_read_is_said(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garrison.scan.source_files.LARGEST", 10)
    report = examine(REDIRECT)
    assert [one.outcome for one in report.gaps] == [Outcome.INCOMPLETE, Outcome.INCOMPLETE]
    assert not report.complete


def test_an_application_without_routes_is_an_error_and_not_clean() -> None:
    with pytest.raises(RoutesUnknown):
        examine_routes(object(), "nothing:app", lambda path, method: None, Exceptions((), date(2027, 1, 1)))


def test_nothing_of_the_application_is_called(examine: Examine) -> None:
    trap = """
    class Trap:
        def __getattr__(self, name):
            raise SystemExit("an attribute of an instance was asked for")
    trap = Trap()
    @app.get("/a")
    async def a():
        trap.run()
        return trap.value
    """
    assert examine(trap).complete


def test_what_only_known_people_reach_is_a_note(examine: Examine) -> None:
    model = "class M(BaseModel):\n    title: str\n"
    for user, severity in (("", Severity.LOW), (", user: User", Severity.INFO)):
        findings = found(examine(f"{model}@app.post('/a')\ndef a(m: M{user}): ..."), "R003")
        assert [one.severity for one in findings] == [severity]


def test_the_value_of_a_default_never_stands_in_a_report(examine: Examine) -> None:
    report = examine("@app.get('/a')\ndef a(next: str = 'hunter2-secret'):\n    return RedirectResponse(next)\n")
    assert "hunter2" not in repr(report)


@pytest.mark.parametrize("rule", [*Rule, *Hole], ids=lambda rule: rule.value.id)
def test_what_a_remedy_names_of_garrison_is_there(rule: Rule | Hole) -> None:
    for name in re.findall(r"garrison(?:\.\w+)+", rule.value.remedy):
        resolve_name(name)  # raises for what is not there
