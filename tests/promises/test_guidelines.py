"""The guidelines: each rule stands in one, what is called wrong is found by it, and what is called right is not."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from garrison.asgi.onion import Onion
from garrison.cli.routes import _in_force
from garrison.findings.record import Finding, Location
from garrison.findings.severity import Severity
from garrison.policy.section_scan import ScanSection
from garrison.policy.section_suppressions import SuppressionTable
from garrison.scan.code import examine_code
from garrison.scan.code_rules import Hole
from garrison.scan.compose import examine_compose, is_compose
from garrison.scan.deploy_rules import Deploy
from garrison.scan.exceptions import Exceptional
from garrison.scan.gate import GateRule, Rules, gate
from garrison.scan.guidelines import GUIDELINES, guideline_of
from garrison.scan.merge import Merged
from garrison.scan.routes import Exceptions, examine_routes
from garrison.scan.routes_catalogue import Rule
from garrison.scan.suppress import suppress
from garrison.scan.units import examine_unit, is_unit

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "guidelines"
TODAY = date(2027, 1, 15)
SECTION = re.compile(r"^## .+ \{ #([\w-]+) \}\n", re.MULTILINE)
BLOCK = re.compile(
    r'^```(?P<language>\w+) title="(?P<side>wrong|right)(?: in (?P<file>\S+?))?(?:: (?P<rules>[A-Z0-9 ]+))?"\n'
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SECTIONS = [(page, section) for page, sections in GUIDELINES.items() for section in sections]


@dataclass(frozen=True)
class Block:
    """One example: where it stands, and the rules that its title names."""

    place: str
    language: str
    side: str
    file: str
    rules: tuple[str, ...]
    text: str


def sections_of(page: str) -> dict[str, str]:
    """Section by section, what stands on a page."""
    parts = SECTION.split((FOLDER / f"{page}.md").read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks_of(page: str, section: str) -> Iterator[Block]:
    for number, found in enumerate(BLOCK.finditer(sections_of(page)[section])):
        yield Block(
            f"{page}-{section}-{number}", found["language"], found["side"], found["file"] or "example.py",
            tuple((found["rules"] or "").split()), found["text"],
        )  # fmt: skip


BLOCKS = [one for page, section in SECTIONS for one in blocks_of(page, section)]


def routes_of(text: str) -> list[Finding]:
    """What `garrison routes` says about the module in the working directory that a block becomes."""
    Path("guideline.py").write_text(text, encoding="utf-8")
    module = importlib.import_module("guideline")
    app = getattr(module, "app", None)
    if app is None:
        return []
    inner, policies = (app.app, [door.policy for door in app.doors]) if isinstance(app, Onion) else (app, [])
    return list(examine_routes(inner, "guideline:app", _in_force(policies), Exceptions((), TODAY)).findings)


def exceptions_of(text: str) -> list[Finding]:
    """What the gate and `garrison routes` say about suppressions that fit a finding."""
    data = tomllib.loads(text)
    tables = tuple(SuppressionTable.model_validate(one) for one in data["suppressions"])
    rules = Rules(tables, ScanSection.model_validate(data.get("scan", {})))
    found = Rule.NO_AUTHENTICATION.found("open", Location(key="POST /hooks/pay"))
    merged = Merged(found, frozenset({found.fingerprint}), frozenset(), frozenset({found.id}))
    kept, _ = suppress([found], Exceptional(tables, TODAY))
    return [*gate([merged], rules, TODAY, Path()).findings, *kept]


def found_in(block: Block) -> list[str]:
    if block.language == "toml":
        return [one.id for one in exceptions_of(block.text)]
    if is_compose(block.file):
        return [one.id for one in examine_compose(block.file, block.text)]
    if is_unit(block.file):
        return [one.id for one in examine_unit(block.file, block.text)]
    found = examine_code(block.file, block.text)
    needed = re.findall(r"^(?:from|import) (\w+)", block.text, re.MULTILINE)
    if block.language == "python" and all(importlib.util.find_spec(name) for name in needed):
        found += routes_of(block.text)  # which also runs it
    return [one.id for one in found if one.severity > Severity.INFO]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GARRISON_ENVIRONMENT", "development")
    monkeypatch.setenv("GARRISON_EVENTS__OUTPUT", "none")
    yield
    sys.modules.pop("guideline", None)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.side == "wrong"], ids=lambda one: one.place)
@pytest.mark.usefixtures("here")
def test_what_is_called_wrong_is_found_by_the_rules_in_its_title(block: Block) -> None:
    assert block.rules
    assert set(block.rules) - set(found_in(block)) == set()


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.side == "right"], ids=lambda one: one.place)
@pytest.mark.usefixtures("here")
def test_nothing_of_its_guideline_is_found_in_what_is_called_right(block: Block) -> None:
    page, section = next((page, section) for page, section in SECTIONS if block.place.startswith(f"{page}-{section}-"))
    code = [one for one in found_in(block) if one.startswith("G") or one in GUIDELINES[page][section]]
    assert code == []


def test_a_block_that_is_not_wrong_would_be_noticed() -> None:
    block = Block("x", "python", "wrong", "example.py", ("G101",), "x = 1\n")
    assert found_in(block) == []


@pytest.mark.parametrize(("page", "section"), SECTIONS)
def test_a_guideline_shows_each_of_its_rules_wrong_and_a_right_way(page: str, section: str) -> None:
    blocks = list(blocks_of(page, section))
    shown = [rule for one in blocks if one.side == "wrong" for rule in one.rules]
    assert sorted(set(shown)) == sorted(GUIDELINES[page][section])
    assert any(one.side == "right" for one in blocks)
    prose = re.sub(r"```.*?```|<!--.*?-->|\|[^\n]*\|\n", "", sections_of(page)[section], flags=re.DOTALL)
    assert len(prose.split()) >= 10, "it does not say why"


def test_every_rule_has_one_guideline_and_every_guideline_a_rule_that_exists() -> None:
    rules = [one.value.id for one in (*Hole, *Deploy, *Rule, *GateRule)]
    listed = [rule for sections in GUIDELINES.values() for ids in sections.values() for rule in ids]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(rules)


def test_every_section_of_the_pages_is_a_guideline_and_the_other_way_round() -> None:
    pages = {path.stem for path in FOLDER.glob("*.md")} - {"index", "review"}
    assert pages == set(GUIDELINES)
    assert {page: sorted(sections_of(page)) for page in pages} == {page: sorted(GUIDELINES[page]) for page in pages}


def test_the_template_for_pull_requests_is_the_one_that_this_project_uses() -> None:
    page = (FOLDER / "review.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r'^```text title="pull_request_template.md"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
    assert shown == (ROOT / ".github" / "pull_request_template.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", [*Hole, *Rule], ids=lambda one: one.value.id)
def test_a_finding_links_to_its_guideline(rule: Hole | Rule) -> None:
    reference = rule.found("here", Location(path="app.py", line=1)).reference
    assert reference == guideline_of(rule.value.id)
    path, _, anchor = reference.partition("#")
    assert f"{{ #{anchor} }}" in (ROOT / path).read_text(encoding="utf-8")
    assert f"[{rule.value.id}](../" in sections_of(Path(path).stem)[anchor]


def test_what_the_scan_of_this_project_lets_pass_is_recorded() -> None:
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if "| Explained: " in line]
    entries = tomllib.loads((ROOT / ".ci" / "scan.toml").read_text(encoding="utf-8"))["suppressions"]
    assert entries
    assert [one for one in entries if not any(one["id"] in row and f"`{one['where']}`" in row for row in rows)] == []
    assert len(rows) == len(entries)
