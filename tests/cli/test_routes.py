"""`garrison routes`: the command, its formats and exit codes."""

from __future__ import annotations

import json

import pytest

from tests.cli.running import KEY, Here

BAD = """\
from fastapi import FastAPI
from fastapi.responses import RedirectResponse

app = FastAPI()


@app.get("/out")
def out(next: str):
    return RedirectResponse(next)
"""
HARDENED = """
from garrison import harden
from starlette.middleware.sessions import SessionMiddleware
from fastapi import Request


@app.post("/a")
def a(request: Request) -> None:
    request.session["a"] = 1


inner, app = app, harden(app)
"""
BARE = """
from fastapi import FastAPI, Form, Request

app = FastAPI()


@app.post("/login")
def login(name: str = Form(max_length=80), password: str = Form(max_length=200)) -> None: ...


@app.post("/a")
def a(request: Request) -> None:
    request.session["a"] = 1
"""
SUPPRESSED = """
hosts = ["a.example"]
[[suppressions]]
id = "R010"
where = "GET /out"
approved_by = "grace"
reason = "goes away with the old front end"
until = 2999-12-31
"""


def test_the_table_names_rule_place_risk_and_remedy(here: Here) -> None:
    here.write("main.py", BAD)
    ran = here.run("routes", "main:app")
    assert ran.code == 1
    for part in ("R010 HIGH", "GET /out", "main.py:9", "Risk", "Fix", "1 endpoint"):
        assert part in ran.flat


def test_an_application_that_hardens_itself_is_looked_at_without_its_production_key(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GARRISON_KEY", "GARRISON_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    here.write("main.py", BAD + HARDENED)
    here.write("garrison.toml", 'hosts = ["shop.example.com"]\n')
    assert "R010 HIGH" in here.process("routes", "main:app").flat
    refused = here.process("routes", "main:app", GARRISON_ENVIRONMENT="production")
    assert refused.code == 3
    assert "main:app hardens itself, and is refused." in refused.said
    assert "GARRISON_KEY" in refused.said
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("shape", ["json", "sarif", "html", "junit", "markdown"])
def test_every_format_has_the_finding(here: Here, shape: str) -> None:
    here.write("main.py", BAD)
    ran = here.run("routes", "main:app", "--format", shape)
    assert "R010" in ran.out
    assert ran.code == 1


def test_sarif_points_at_the_line(here: Here) -> None:
    here.write("main.py", BAD)
    result = json.loads(here.run("routes", "main:app", "--format", "sarif").out)["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("main.py", 9)


def test_a_clean_application_exits_with_0(here: Here) -> None:
    here.write(
        "main.py", "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef a() -> int:\n    return 1\n"
    )
    ran = here.run("routes", "main:app")
    assert (ran.code, "Nothing found." in ran.flat) == (0, True)


def test_a_suppression_of_the_policy_holds(here: Here) -> None:
    here.write("main.py", BAD)
    here.write("garrison.toml", SUPPRESSED)
    ran = here.run("routes", "main:app")
    assert (ran.code, "1 suppressed" in ran.flat) == (0, True)


def test_what_is_less_severe_is_counted_and_not_shown(here: Here) -> None:
    here.write("main.py", BAD + "from pydantic import BaseModel\nclass M(BaseModel):\n    n: int\n"
               "@app.post('/n')\ndef search(m: M) -> None: ...\n")  # fmt: skip
    assert "1 less severe not shown" in here.run("routes", "main:app").flat
    assert "R004" in here.run("routes", "main:app", "--least", "info").flat
    assert here.run("routes", "main:app", "--fail", "critical").code == 0


def test_the_policy_of_a_hardened_application_counts(here: Here) -> None:
    here.write("main.py", BAD + HARDENED.replace("harden(app)", "harden(app, Policy(hosts=['a.example']))")
               .replace("import harden", "import Policy, harden"))  # fmt: skip
    assert "R009" in here.run("routes", "main:inner", GARRISON_KEY=KEY).out
    assert "R009" not in here.run("routes", "main:app", GARRISON_KEY=KEY).out


def test_a_policy_file_counts_for_an_application_that_is_given_bare_and_the_report_says_so(here: Here) -> None:
    here.write("main.py", BARE)
    without = here.run("routes", "main:app")
    assert "R013" in without.out
    assert "R009" in without.out
    assert "behind no policy (it does not call harden(), and there is no garrison.toml)" in without.flat
    here.write("garrison.toml", 'hosts = ["a.example"]\n')
    with_file = here.run("routes", "main:app")
    assert "R013" not in with_file.out
    assert "R009" not in with_file.out
    assert "as behind garrison.toml (it does not call harden(); `garrison serve` does)" in with_file.flat


def test_a_route_class_of_the_file_counts_for_its_paths_alone(here: Here) -> None:
    here.write("main.py", BARE)
    here.write("garrison.toml", 'hosts = ["a.example"]\n[[routes]]\nname = "log-in"\npaths = ["/login"]\n'
               'rate.mode = "off"\n')  # fmt: skip
    ran = here.run("routes", "main:app")
    assert "R013" in ran.out
    assert "R009" not in ran.out


def test_many_of_low_severity_in_one_file_are_counted_and_none_of_medium_is_left_out(here: Here) -> None:
    queries = "def f@(db, table, name):\n    db.execute(f'VACUUM {table}')\n    db.execute(f'VACUUM {name}')\n"
    app = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef a() -> int:\n    return 1\n"
    here.write("main.py", app + "".join(queries.replace("@", str(number)) for number in range(9)))
    shown = here.run("routes", "main:app").flat
    assert "and 6 more in this file" in shown
    assert shown.count("`name` is part") == 9
    assert shown.count("`table` is part") == 3


def test_routers_beside_the_application_are_examined(here: Here) -> None:
    (here.folder / "nearrouters").mkdir()
    here.write("nearrouters/__init__.py", "")
    here.write(
        "nearrouters/out.py", BAD.replace("FastAPI()", "APIRouter()").replace("import FastAPI", "import APIRouter")
    )
    here.write("main.py", "from fastapi import FastAPI\nfrom nearrouters.out import app as router\n"
               "app = FastAPI()\napp.include_router(router)\n")  # fmt: skip
    ran = here.run("routes", "main:app")
    assert "nearrouters/out.py:9 · GET /out" in ran.flat
    assert ran.code == 1


def test_a_file_outside_of_the_working_folder_is_shown_as_python_imports_it(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.folder / "elsewhere" / "shopped").mkdir(parents=True)
    here.write("elsewhere/shopped/__init__.py", "")
    here.write("elsewhere/shopped/web.py", BAD)
    (here.folder / "work").mkdir()
    monkeypatch.chdir(here.folder / "work")
    monkeypatch.syspath_prepend(here.folder / "elsewhere")
    ran = here.run("routes", "shopped.web:app")
    assert "shopped/web.py:9" in ran.flat
    assert "elsewhere" not in ran.flat


@pytest.mark.parametrize("command", [("routes", "main:app"), ("check", "--app", "main:app")])
def test_what_the_application_prints_while_it_is_loaded_does_not_stand_in_the_report(
    here: Here, command: tuple[str, ...]
) -> None:
    here.write("main.py", "import logging, sys\nprint('hello')\nlogging.basicConfig(stream=sys.stdout, force=True)\n"
               "logging.error('here')\n" + BAD)  # fmt: skip
    here.write("garrison.toml", 'hosts = ["a.example"]\n')
    ran = here.process(*command, "--format", "json", GARRISON_KEY=KEY)
    assert json.loads(ran.out)["tool"] == "garrison"
    assert "hello" in ran.err


def test_an_application_without_routes_is_exit_code_3(here: Here) -> None:
    here.write("main.py", "async def app(scope, receive, send): ...\n")
    ran = here.run("routes", "main:app")
    assert ran.code in (2, 3)
    assert "routes" in ran.said
