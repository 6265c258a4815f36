"""Findings and locations refuse what no report could show."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from garrison.findings import Location

from .samples import finding


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "C:\\x", "c:/x", "\\\\host\\x", "https://x/y"])
def test_a_path_that_could_leave_the_root_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Location(path=path)


@pytest.mark.parametrize(("given", "plain"), [("./a/b.py", "a/b.py"), ("a//b.py", "a/b.py"), ("a/./b", "a/b")])
def test_a_path_is_kept_in_its_plain_form(given: str, plain: str) -> None:
    assert Location(path=given).path == plain


@pytest.mark.parametrize(
    "fields", [{}, {"path": "a", "line": 0}, {"path": "a", "line": 1, "column": 0}, {"key": "k", "line": 1}]
)
def test_a_location_that_points_nowhere_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Location(**fields)  # type: ignore[arg-type]


def test_a_column_without_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="line"):
        Location(path="a", column=3)


def test_a_real_path_becomes_relative_to_the_root(tmp_path: Path) -> None:
    assert Location.within(tmp_path, tmp_path / "src" / "app.py", line=3).path == "src/app.py"
    assert Location.within(tmp_path, tmp_path / "src" / ".." / "app.py").path == "app.py"


def test_a_file_outside_the_root_keeps_only_its_name(tmp_path: Path) -> None:
    assert Location.within(tmp_path / "project", tmp_path / "secret" / "garrison.toml").path == "garrison.toml"
    assert Location.within(tmp_path, tmp_path / ".." / "x.py").path == "x.py"


def test_an_oddly_named_file_does_not_stop_a_scan(tmp_path: Path) -> None:
    assert Location.within(tmp_path, tmp_path / "C:\\x").path == "C:\\x"


def test_a_location_reads_like_a_compilers() -> None:
    assert str(Location(path="a.py", line=3, column=9)) == "a.py:3:9"
    assert str(Location(path="a.toml", line=3, key="cors.origins")) == "a.toml:3 · cors.origins"
    assert str(Location(key="POST /login")) == "POST /login"


@pytest.mark.parametrize("id", ["", "P 1", "<b>", "a\nb", "-x", "x" * 201, "P1\n"])
def test_an_id_that_a_suppression_could_not_name_is_refused(id: str) -> None:
    with pytest.raises(ValueError, match="id"):
        finding(id=id)


@pytest.mark.parametrize("id", ["P001", "python.lang.security.audit", "10016-1", "CVE-2024-1234", "@scope/rule+x"])
def test_ids_of_other_tools_are_taken_as_they_are(id: str) -> None:
    assert finding(id=id).id == id


@pytest.mark.parametrize("field", ["title", "message", "source"])
def test_a_finding_that_says_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValueError):
        finding(**{field: "  \n"})


def test_a_cwe_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="CWE"):
        finding(cwe=(79, 0))


def test_a_finding_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        finding().message = "nothing"  # type: ignore[misc]
