"""`garrison check --app` reads the application's own source for secrets compared with `==`, and nobody else's."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from garrison.scan import source_files
from tests.cli.running import KEY, Here, Ran

SAFE = 'hosts = ["a.example"]\n'
APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"
NAIVE = "def allowed(sent, api_key):\n    return sent == api_key\n"
GOOD = """\
from hmac import compare_digest


def allowed(sent, api_key, token_type):
    return compare_digest(sent, api_key) and token_type == "bearer"
"""


def check(here: Here, app: str, *more: str) -> Ran:
    here.write("garrison.toml", SAFE)
    return here.run("check", "--app", app, *more, GARRISON_KEY=KEY)


def package(here: Here, name: str, **files: str) -> None:
    (here.folder / name).mkdir(parents=True)
    for file, text in {"__init__": "", "main": APP, **files}.items():
        here.write(f"{name}/{file}.py", text)


def found(ran: Ran) -> list[dict[str, Any]]:
    return [one for one in json.loads(ran.out)["runs"][0]["results"] if one["ruleId"] == "A001"]


def test_a_naive_comparison_is_shown_with_file_and_line_and_stops_nothing(here: Here) -> None:
    package(here, "shop", keys=NAIVE)
    ran = check(here, "shop.main:app")
    assert "MEDIUM A001" in ran.flat
    assert "shop/keys.py:2" in ran.flat
    assert ran.code == 0


def test_a_comparison_in_constant_time_and_of_what_is_no_secret_is_fine(here: Here) -> None:
    package(here, "shop", keys=GOOD)
    ran = check(here, "shop.main:app")
    assert "A001" not in ran.out
    assert "3 source files of shop" in ran.flat


def test_every_place_is_a_finding_of_its_own(here: Here) -> None:
    package(here, "shop", keys=NAIVE + NAIVE)
    results = found(check(here, "shop.main:app", "--format", "sarif"))
    lines = [one["locations"][0]["physicalLocation"]["region"]["startLine"] for one in results]
    assert lines == [2, 4]


def test_a_single_module_is_read_alone(here: Here) -> None:
    here.write("single.py", APP + NAIVE)
    here.write("beside.py", NAIVE)
    ran = check(here, "single:app")
    assert "single.py:5" in ran.flat
    assert "beside.py" not in ran.flat


def test_what_a_module_imports_from_its_own_folder_is_read_and_what_else_lies_there_is_not(here: Here) -> None:
    here.write("alone.py", "import nearby\nfrom nearpkg.inner import thing\nimport json\n" + APP)
    package(here, "nearpkg", inner="import further\nthing = 1\n", keys=NAIVE)
    for name in ("nearby", "further", "beside"):
        here.write(f"{name}.py", NAIVE)
    ran = check(here, "alone:app")
    for read in ("nearby.py:2", "nearpkg/keys.py:2", "further.py:2"):
        assert read in ran.flat
    assert "beside.py" not in ran.flat
    assert "of alone.py and further.py, nearby.py, nearpkg" in ran.flat


def test_a_package_without_init_below_the_working_folder_is_read(here: Here) -> None:
    (here.folder / "bare").mkdir()
    here.write("bare/main.py", APP)
    here.write("bare/keys.py", NAIVE)
    try:
        assert "bare/keys.py:2" in check(here, "bare.main:app").flat
    finally:
        sys.modules.pop("bare", None)  # it has no file by which it would be found at the end


@pytest.mark.parametrize("folder", ["site-packages", "node_modules", ".hidden", "linked", "environment"])
def test_what_others_wrote_is_not_read(here: Here, folder: str) -> None:
    package(here, "shop")
    other = here.folder / "others"
    other.mkdir()
    here.write("others/theirs.py", NAIVE)
    if folder == "linked":
        (here.folder / "shop" / folder).symlink_to(other)
    else:
        other.rename(here.folder / "shop" / folder)
    if folder == "environment":
        here.write("shop/environment/pyvenv.cfg", "")
    assert "A001" not in check(here, "shop.main:app").out


def test_a_folder_of_the_application_itself_is_read(here: Here) -> None:
    package(here, "shop")
    package(here, "shop/web", keys=NAIVE)
    assert "shop/web/keys.py:2" in check(here, "shop.main:app").flat


def test_what_was_left_out_is_said_and_the_rest_is_read(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "LARGEST", 1000)
    package(here, "shop", broken="def (", keys=NAIVE, long="# " + "x" * 1000)
    ran = check(here, "shop.main:app")
    assert "shop/keys.py:2" in ran.flat
    assert "broken.py (SyntaxError)" in ran.flat
    assert "long.py (ValueError)" in ran.flat
    assert ran.code == 0


def test_more_files_than_the_bound_are_said_to_be_left_out(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "MOST_FILES", 2)
    package(here, "shop", other="", zkeys=NAIVE)
    ran = check(here, "shop.main:app")
    assert "files beyond the first 2" in ran.flat
    assert "A001" not in ran.out


def test_a_secret_in_the_source_is_not_repeated(here: Here) -> None:
    package(here, "shop", keys='def ok(api_key):\n    return api_key == "sk-live-1234567890"\n')
    ran = check(here, "shop.main:app", "--format", "json")
    assert "A001" in ran.out
    assert "sk-live" not in ran.out
