"""A finding stays the same when code moves, is renamed or formatted anew; baselines and suppressions rely on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from garrison.findings.record import Finding
from garrison.findings.severity import Severity
from garrison.policy.section_scan import ScanSection
from garrison.policy.section_suppressions import SuppressionTable
from garrison.scan.code import examine_code
from garrison.scan.gate import BaselineUnusable, Rules, gate, read_baseline, write_baseline
from garrison.scan.merge import Merged, merge
from garrison.scan.project import read_project

TODAY = date(2027, 1, 15)
NAMES = st.from_regex(r"[a-z]{3,9}_v", fullmatch=True)
HOLES = """\
import pickle
import subprocess


def load({a}, {b}):
{pad}{c} = pickle.loads({a}[{quote}data{quote}])
{pad}subprocess.run({b} + {quote} now{quote}, shell=True{comma})
{pad}return {c}
"""


def marks(text: str, path: str = "app.py") -> set[str]:
    return {one.fingerprint for one in examine_code(path, text)}


def merged_of(root: Path, *more: Finding) -> list[Merged]:
    project = read_project(root)
    found = [one for path in project.python for one in examine_code(path, (root / path).read_text())]
    return merge([*found, *more], project)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(NAMES, min_size=3, max_size=3, unique=True),
    above=st.integers(0, 40),
    pad=st.sampled_from(["    ", "  ", "\t"]),
    quote=st.sampled_from(["'", '"']),
    comma=st.sampled_from(["", ","]),
)
def test_lines_above_other_names_and_another_formatter_change_no_fingerprint(
    names: Sequence[str], above: int, pad: str, quote: str, comma: str
) -> None:
    plain = HOLES.format(a="one", b="two", c="three", pad="    ", quote="'", comma="")
    a, b, c = names
    other = "# a remark\n" * above + HOLES.format(a=a, b=b, c=c, pad=pad, quote=quote, comma=comma)
    assert len(marks(plain)) == 2
    assert marks(other) == marks(plain)


def test_a_statement_over_several_lines_is_the_same_statement() -> None:
    assert marks("import pickle\nx = pickle.loads(\n    data,\n)\n") == marks("import pickle\nx = pickle.loads(data)\n")


def test_another_call_is_another_finding() -> None:
    text = "import pickle\nx = pickle.loads({})\n"
    assert marks(text.format("data")).isdisjoint(marks(text.format("other.data")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("import pickle\nx = pickle.loads(data)\n")
    return tmp_path


class TestBaseline:
    def test_what_was_there_does_not_count_and_what_is_new_does(self, root: Path) -> None:
        file = root / "baseline.json"
        assert write_baseline(file, merged_of(root)) == 1
        (root / "app.py").write_text("import pickle\n\n\nx = pickle.loads(data)\ny = pickle.loads(other)\n")
        gated = gate(merged_of(root), Rules(), TODAY, root, read_baseline(file))
        assert gated.known == 1
        assert [one.location.line for one in gated.findings if one.location] == [5]

    def test_a_file_that_was_renamed_keeps_its_findings(self, root: Path) -> None:
        file = root / "baseline.json"
        write_baseline(file, merged_of(root))
        (root / "app.py").rename(root / "main.py")
        assert gate(merged_of(root), Rules(), TODAY, root, read_baseline(file)).findings == ()

    def test_a_copy_beside_the_old_file_is_new(self, root: Path) -> None:
        file = root / "baseline.json"
        write_baseline(file, merged_of(root))
        (root / "copy.py").write_text((root / "app.py").read_text())
        gated = gate(merged_of(root), Rules(), TODAY, root, read_baseline(file))
        assert [one.location.path for one in gated.findings if one.location] == ["copy.py"]

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"layout": "other/1", "findings": []}'])
    def test_what_is_no_baseline_is_refused(self, text: str, root: Path) -> None:
        (root / "baseline.json").write_text(text)
        with pytest.raises(BaselineUnusable):
            read_baseline(root / "baseline.json")

    def test_it_holds_when_the_scanner_that_spoke_first_is_missing(self, root: Path) -> None:
        foreign = examine_code("app.py", (root / "app.py").read_text())[0]
        foreign = Finding(
            id="B301", title="pickle", severity=foreign.severity, message="pickle", consequence="", remedy="",
            location=foreign.location, source="bandit", cwe=(502,),
        )  # fmt: skip
        both = merged_of(root, foreign)
        assert [one.finding.voices for one in both] == [("bandit:B301",)]
        write_baseline(root / "baseline.json", both)
        alone = merge([foreign], read_project(root))
        assert gate(alone, Rules(), TODAY, root, read_baseline(root / "baseline.json")).findings == ()


class TestSuppressions:
    def table(self, rule: str = "G201", where: str = "app.py", until: str = "2027-01-15") -> SuppressionTable:
        day = date.fromisoformat(until)
        return SuppressionTable(id=rule, where=where, reason="a file that we write", until=day, owner="ada")

    def test_it_holds_until_its_day(self, root: Path) -> None:
        gated = gate(merged_of(root), Rules((self.table(),)), TODAY, root)
        assert ([one.id for one in gated.findings], gated.suppressed) == (["G004"], 1)

    def test_two_weeks_before_its_end_it_is_told_and_not_earlier(self, root: Path) -> None:
        for until, told in (("2027-01-28", ["G004"]), ("2027-01-29", [])):
            gated = gate(merged_of(root), Rules((self.table(until=until),)), TODAY, root)
            assert [one.id for one in gated.findings] == told
            assert all(one.severity is Severity.INFO and "owner: ada" in one.message for one in gated.findings)

    def test_after_its_day_the_finding_is_back_and_the_owner_is_named(self, root: Path) -> None:
        gated = gate(merged_of(root), Rules((self.table(until="2027-01-14"),)), TODAY, root)
        assert [one.id for one in gated.findings] == ["G201", "G001"]
        assert "owner: ada" in gated.findings[1].message

    def test_one_that_fits_nothing_is_told(self, root: Path) -> None:
        gated = gate(merged_of(root), Rules((self.table(where="other.py"),)), TODAY, root)
        assert [one.id for one in gated.findings] == ["G201", "G001"]

    def test_those_of_garrison_routes_are_left_to_it(self, root: Path) -> None:
        assert len(gate(merged_of(root), Rules((self.table("R008", "GET /x"),)), TODAY, root).findings) == 1

    @pytest.mark.parametrize(
        ("rule", "tool"),
        [
            ("zizmor/artipacked", "zizmor"), ("advisory/PYSEC-1", "advisories"), ("secret/aws", "detect-secrets"),
            ("S101", "ruff"), ("history/aws", "gitleaks"), ("B602", "bandit"), ("DL3002", "hadolint"),
            ("D101", "units"), ("P001", "check"), ("nuclei/x", "nuclei"), ("H001", "headers"),
            ("L001", "licences"), ("G301", "code"),
        ],
    )  # fmt: skip
    def test_of_what_did_not_run_nobody_knows_that_an_exception_fits_nothing(self, rule: str, tool: str) -> None:
        """The control: where it ran, it is told. That it has ended is told anyway."""

        def told(ran: set[str] | None, until: str = "2027-03-15") -> list[str]:
            rules = Rules((self.table(rule, "nowhere", until),))
            return [one.id for one in gate((), rules, TODAY, Path(), None, ran).findings]

        assert told({"another"}) == []
        assert told({tool}) == told({"another", tool}) == told(None) == ["G001"]
        assert told({"another"}, "2027-01-14") == ["G001"]

    def test_an_exception_for_a_rule_of_nobody_is_told_whatever_ran(self) -> None:
        rules = Rules((self.table("X123", "nowhere", "2027-03-15"),))
        assert [one.id for one in gate((), rules, TODAY, Path(), None, {"code"}).findings] == ["G001"]

    def gated(self, root: Path, approved_by: str, **scan: object) -> list[str]:
        table = SuppressionTable(
            id="G201", where="app.py", reason="a file that we write", until=date(2028, 1, 1), owner="ada",
            approved_by=approved_by,
        )  # fmt: skip
        return [one.id for one in gate(merged_of(root), Rules((table,), ScanSection(**scan)), TODAY, root).findings]

    def test_from_the_severity_on_it_holds_only_when_somebody_agreed(self, root: Path) -> None:
        assert self.gated(root, "", approval_from="medium") == ["G201", "G002"]
        assert self.gated(root, "grace", approval_from="medium") == []

    def test_below_the_severity_nobody_is_asked(self, root: Path) -> None:
        assert self.gated(root, "") == []

    @pytest.mark.parametrize("name", ["ada", "Ada", " ADA "])
    def test_the_owner_can_not_approve(self, root: Path, name: str) -> None:
        with pytest.raises(ValidationError, match="somebody else"):
            self.gated(root, name, approval_from="medium")

    def test_blanks_are_nobody(self, root: Path) -> None:
        assert self.gated(root, "  ", approval_from="medium") == ["G201", "G002"]


class TestBudgets:
    def ids(self, root: Path, *, known: bool = False, **budget: int) -> list[str]:
        rules = Rules(scan=ScanSection(budget={name.replace("_", "-"): most for name, most in budget.items()}))
        baseline = None
        if known:
            write_baseline(root / "baseline.json", merged_of(root))
            baseline = read_baseline(root / "baseline.json")
        return [one.id for one in gate(merged_of(root), rules, TODAY, root, baseline).findings]

    def test_as_many_as_it_allows_are_allowed_and_one_more_is_not(self, root: Path) -> None:
        assert self.ids(root, medium=1) == ["G201"]
        assert self.ids(root, medium=0) == ["G201", "G003"]
        assert self.ids(root, CWE_502=0) == ["G201", "G003"]
        assert self.ids(root, high=0) == ["G201"]

    def test_what_the_baseline_knows_still_counts(self, root: Path) -> None:
        assert self.ids(root, known=True, medium=1) == []
        assert self.ids(root, known=True, medium=0) == ["G003"]

    def test_a_category_of_the_owasp_top_ten_is_one(self, root: Path) -> None:
        rules = Rules(scan=ScanSection(budget={"A08:2025": 0}), file="scan.toml")
        (_, told) = gate(merged_of(root), rules, TODAY, root).findings
        assert told.message == "1 findings of A08:2025; the budget is 0."
        assert str(told.location) == "scan.toml · scan.budget.A08:2025"

    @pytest.mark.parametrize("name", ["lwo", "A11:2025", "A01:2021", "CWE-0", "cwe-79"])
    def test_a_category_that_is_none_is_refused(self, name: str) -> None:
        with pytest.raises(ValidationError):
            ScanSection(budget={name: 0})


def test_a_baseline_holds_no_code(root: Path) -> None:
    write_baseline(root / "baseline.json", merged_of(root))
    entry = json.loads((root / "baseline.json").read_text())["findings"][0]
    assert set(entry) == {"rule", "path", "fingerprints", "moved"}
