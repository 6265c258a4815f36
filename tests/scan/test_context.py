"""How bad a finding is follows from the project: what an endpoint reaches, what is shipped, and its CVSS score."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from garrison.findings.record import Finding, Location
from garrison.findings.severity import Severity
from garrison.policy.checks import registered
from garrison.scan import context
from garrison.scan.adapter import Limits
from garrison.scan.advisories import import_records
from garrison.scan.code import examine_code
from garrison.scan.code_rules import Hole
from garrison.scan.context import exposure_of, in_context, lowered
from garrison.scan.deploy_rules import Deploy
from garrison.scan.project import read_project
from garrison.scan.routes_catalogue import Rule
from garrison.scan.taxonomy import asvs, classified, owasp
from garrison.scan.tool_advisories import Dependencies
from garrison.scan.tool_opengrep import texts
from tests.scan.planted_table import ADVISORY

LIVE = (119, 200, 203, 209, 310, 319, 327, 400, 430, 614, 942, 1021)
"""What `tool_headers` and `tool_tls` give, call by call."""
HOLE = "import pickle\ndef load(data):\n    return pickle.loads(data)\n"
BANDITS = (20, 22, 78, 79, 80, 89, 94, 155, 259, 284, 295, 319, 326, 327, 330, 377, 400, 494, 502, 605, 703, 732, 838)
"""All CWE numbers that bandit 1.9 gives (bandit/core/issue.py)."""


def judged(root: Path, **files: str) -> dict[str, tuple[Severity, tuple[str, ...]]]:
    """Severity and context of the findings of each file; `__` in a name stands for a folder."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    project = read_project(root)
    readable = [path for path in project.python if path != "broken.py"]
    found = [one for path in readable for one in examine_code(path, (root / path).read_text())]
    return {one.location.path: (one.severity, one.context) for one in in_context(found, project) if one.location}


REACHED = {
    "a call": "from store import load\n@app.post('/a')\ndef pay(data: bytes):\n    return load(data)\n",
    "a module": "import store\n@app.post('/a')\ndef pay(data: bytes):\n    return store.load(data)\n",
    "a helper between": "from store import load\ndef helper(x):\n    return load(x)\n"
    "@app.post('/a')\ndef pay(data: bytes):\n    return helper(data)\n",
    "handed on": "from store import load\n@app.post('/a')\nasync def pay(data: bytes):\n"
    "    return await run_in_threadpool(load, data)\n",
    "a dependency": "from store import load\n@app.post('/a')\ndef pay(x=Depends(load)): ...\n",
    "another name": "from store import load as read\n@app.post('/a')\ndef pay(data: bytes):\n    return read(data)\n",
    "a route by its name": "from store import load\ndef pay(request):\n    return load(request)\n"
    "routes = [Route('/a', pay)]\n",
    "a method": "from store import load\nclass Shop:\n    def read(self, x):\n        return load(x)\n"
    "@app.post('/a')\ndef pay(data: bytes):\n    return Shop.read(None, data)\n",
}
NOT_REACHED = {
    "nobody calls it": "@app.post('/a')\ndef pay(data: bytes): ...\n",
    "a script does": "from store import load\ndef main():\n    load(b'')\n@app.post('/a')\ndef pay(): ...\n",
    "another load": "from other import load\n@app.post('/a')\ndef pay(data: bytes):\n    return load(data)\n",
}


@pytest.mark.parametrize("way", REACHED)
def test_what_an_endpoint_reaches_is_one_step_worse_and_the_endpoint_is_named(way: str, tmp_path: Path) -> None:
    severity, context = judged(tmp_path, store=HOLE, shop=REACHED[way])["store.py"]
    assert severity is Severity.HIGH
    assert context == ("reached by pay (shop.py)",)


@pytest.mark.parametrize("way", NOT_REACHED)
def test_what_none_reaches_stays_as_bad_as_it_is_and_says_so(way: str, tmp_path: Path) -> None:
    severity, context = judged(tmp_path, store=HOLE, shop=NOT_REACHED[way])["store.py"]
    assert severity is Severity.MEDIUM
    assert context == ("no way from an endpoint is known",)


@pytest.mark.parametrize(("line", "call"), [("from .store import load", "load"), ("from . import store", "store.load")])
def test_relative_imports_are_followed_below_a_source_folder(line: str, call: str, tmp_path: Path) -> None:
    shop = f"{line}\n@app.post('/a')\ndef pay(data: bytes):\n    return {call}(data)\n"
    assert judged(tmp_path, src__shop__store=HOLE, src__shop__web=shop)["src/shop/store.py"][0] is Severity.HIGH


def test_what_does_not_depend_on_who_reaches_it_stays_as_it_is(tmp_path: Path) -> None:
    text = "import hashlib\n@app.get('/a')\ndef tag(data: bytes):\n    return hashlib.md5(data).hexdigest()\n"
    assert judged(tmp_path, shop=text)["shop.py"] == (Severity.MEDIUM, ())


def test_functions_that_call_each_other_end_and_broken_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def (")
    judged_of = judged(
        tmp_path, store=HOLE + "def a():\n    b()\ndef b():\n    a()\n@app.get('/')\ndef c():\n    a()\n"
    )
    assert judged_of["store.py"][0] is Severity.MEDIUM
    assert exposure_of(read_project(tmp_path)).endpoint("store.py", 5) == "c (store.py)"


@pytest.mark.parametrize(
    ("before", "after"),
    [("critical", "high"), ("high", "medium"), ("medium", "low"), ("low", "low"), ("info", "info")],
)
def test_a_step_better_is_never_nothing(before: str, after: str) -> None:
    assert lowered(Severity(before)) is Severity(after)


def test_a_hole_in_what_only_developers_install_loses_a_step_and_the_score_is_told(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    today = datetime.now(UTC)
    (tmp_path / "records" / "a.json").write_text(json.dumps({**ADVISORY, "modified": today.isoformat()}))
    import_records(tmp_path / "records", tmp_path / "db.sqlite")
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text("import planted_templates\n")
    found = {}
    for section in ("default", "develop"):
        lock = {section: {"planted-templates": {"version": "==2.10"}}}
        (root / "Pipfile.lock").write_text(json.dumps(lock))
        (one,) = Dependencies(today.date(), tmp_path / "db.sqlite").run(read_project(root), Limits()).findings
        found[section] = (one.severity.value, one.context)
    assert found == {
        "default": ("critical", ("imported here", "CVSS 9.8")),
        "develop": ("high", ("imported here", "for development only", "CVSS 9.8")),
    }


def used() -> set[int]:
    """Every number that a finding of ours or of an adapter can bear."""
    own = {number for one in (*Hole, *Deploy, *Rule) for number in one.value.cwe}
    policy = {number for one in registered().values() for number in one.cwe}
    semgrep = {number for said in texts().values() for number in said["cwe"]}
    return own | policy | semgrep | set(_of_adapters()) | set(BANDITS) | set(LIVE)


def _of_adapters() -> Iterator[int]:
    """What the adapters give by their tables (`_CWE`)."""
    folder = Path(context.__file__).parent
    for path in folder.glob("tool_*.py"):
        table = getattr(importlib.import_module(f"garrison.scan.{path.stem}"), "_CWE", ())
        for one in table.values() if isinstance(table, dict) else [table]:
            yield from (one,) if isinstance(one, int) else one


def test_every_number_has_a_category_and_a_requirement() -> None:
    assert {1357, 829, 502, 798} <= used()
    assert [one for one in sorted(used()) if not owasp((one,)) or not asvs((one,))] == []


def test_every_requirement_is_one_of_asvs_5() -> None:
    known = set((Path(__file__).parent / "asvs-5.0.txt").read_text(encoding="utf-8").split())
    assert len(known) == 345
    assert {one for number in used() for one in asvs((number,))} - known == set()


def test_configuration_without_a_number_has_a_category_and_what_its_reference_says() -> None:
    found = Finding(
        id="P999", title="t", severity=Severity.LOW, message="m", consequence="", remedy="", source="check",
        reference="OWASP ASVS 5.0 V13.3.2; docs/x.md", location=Location(key="x"),
    )  # fmt: skip
    assert (classified(found).owasp, classified(found).asvs) == (("A02:2025",), ("V13.3.2",))
