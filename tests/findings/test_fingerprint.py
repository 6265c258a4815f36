"""A finding keeps its fingerprint while code moves around it, and shares it with no other."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.findings import Finding, Location
from garrison.findings.fingerprint import fingerprint

from .samples import TEXTS, finding, report

SNIPPETS = st.sampled_from(["eval(x)", "exec(y)", "eval( x )"])
PLACES = st.lists(st.tuples(st.integers(1, 500), SNIPPETS), min_size=1, max_size=8, unique_by=lambda p: p[0])


def at(line: int, snippet: str) -> Finding:
    return finding(location=Location(path="app.py", line=line), snippet=snippet)


@settings(deadline=None, max_examples=100)
@given(PLACES, st.integers(1, 1000))
def test_fingerprints_survive_lines_added_above(places: list[tuple[int, str]], added: int) -> None:
    before = report(*(at(line, snippet) for line, snippet in places)).findings
    after = report(*(at(line + added, snippet) for line, snippet in places)).findings
    assert [item.fingerprint for item in before] == [item.fingerprint for item in after]
    # The control: known by their lines, the findings all look new when nothing else had stood where they went.
    naive = {(item.id, item.location) for item in before} & {(item.id, item.location) for item in after}
    assert len(naive) < len(places)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 9), SNIPPETS), max_size=12), st.randoms())
def test_fingerprints_in_a_report_are_unique_and_do_not_depend_on_the_order_found(
    places: list[tuple[int, str]], random: object
) -> None:
    found = [at(line, snippet) for line, snippet in places]
    prints = [item.fingerprint for item in report(*found).findings]
    assert len(set(prints)) == len(found)
    random.shuffle(found)  # type: ignore[attr-defined]
    assert sorted(item.fingerprint for item in report(*found).findings) == sorted(prints)


@settings(deadline=None, max_examples=50)
@given(TEXTS)
def test_wording_severity_and_place_in_the_line_are_not_part_of_it(text: str) -> None:
    one = finding()
    other = replace(one, title=f"t{text}", message=f"m{text}", remedy=text, consequence=text, evidence=text)
    assert one.fingerprint == other.fingerprint


@settings(deadline=None, max_examples=100)
@given(st.lists(TEXTS, min_size=6, max_size=6))
def test_the_parts_cannot_run_into_each_other(parts: list[str]) -> None:
    a, b, c, d, e, f = (" ".join(part.split()) for part in parts)
    if (a, b, c) != (d, e, f):
        assert fingerprint(a, b, c, 0) != fingerprint(d, e, f, 0)
    assert fingerprint("ab", "c", "", 0) != fingerprint("a", "bc", "", 0)


def test_reindenting_and_rewrapping_the_code_change_nothing() -> None:
    assert at(1, "query(\n    'x'  + y)").fingerprint == at(1, "  query( 'x' + y)").fingerprint
    assert at(1, "query('x' + y)").fingerprint != at(1, "query('x' + z)").fingerprint


def test_rule_path_and_key_each_make_a_different_finding() -> None:
    base = finding(location=Location(path="garrison.toml", key="cors.origins"))
    others = [
        finding(id="P002", location=Location(path="garrison.toml", key="cors.origins")),
        finding(location=Location(path="other.toml", key="cors.origins")),
        finding(location=Location(path="garrison.toml", key="cors.headers")),
        finding(location=None),
    ]
    assert len({item.fingerprint for item in [base, *others]}) == 5


def test_the_recipe_does_not_change_by_accident() -> None:
    """Stored suppressions name this value: a change here must come with a new VERSION."""
    assert fingerprint("P001", "garrison.toml", "cors.origins", 0) == "8f63c1fc12e9592f766793cab3d10737"
