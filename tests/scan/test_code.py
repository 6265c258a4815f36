"""The built-in code scan: what it says nothing about, and what it must not be led astray by."""

from __future__ import annotations

import sys

import pytest

from garrison.scan.advisories import _within
from garrison.scan.code import examine_code
from garrison.scan.cvss import base_score
from garrison.scan.versions import parse

HEAD = """\
import hashlib, logging, os, pickle, random, re, subprocess
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
app = FastAPI()
log = logging.getLogger(__name__)
"""
BENIGN = {
    "prose about SQL": "@app.get('/')\ndef f(q: str):\n    return f'SELECT is a word, {q}, and O\\'Brien is a name 🎉'",
    "a number": "@app.get('/{n}')\ndef f(n: int):\n    return open(f'/srv/{n}.txt').read()",
    "a hash of a file": "def etag(data):\n    return hashlib.md5(data, usedforsecurity=False).hexdigest()",
    "a jitter": "def wait():\n    return random.random() * 2",
    "a fixed command": "def f():\n    subprocess.run(['/bin/ls', '-l'], check=True)",
    "a fixed shell line": "def f():\n    subprocess.run('ls | wc', shell=True)",
    "a placeholder": "PASSWORD_FIELD = 'password1'\nAPI_KEY_HEADER = 'x-api-key-2'\nSECRET = 'change-me-123'",
    "a method called eval": "def f(model, x):\n    return model.eval(x)",
    "a word in a log": "def f(user):\n    log.info('token of %s refused', user)",
    "an allow-list": "@app.get('/')\ndef f(to: str):\n    if to not in ('/a',):\n        return 1\n"
    "    return RedirectResponse(to)",
    "a host of our own": "import httpx\n@app.get('/')\ndef f(q: str):\n    return httpx.get(f'https://api.example.com/{q}')",
    "a comparison": "def f(a, b):\n    return a == b",
    "a type": "def f(token_type):\n    return token_type == 'bearer2'",
    "a search": "@app.get('/')\ndef f(q: str):\n    return re.search(r'a+', q)",
    "non-English": "def größe(läng):\n    return 'Prüfung der Größe: ' + läng",
    "an object that is there": "class Page:\n    def f(self):\n        assert self.admin, self.display_admin",
    "a cleanup": "def f():\n    try:\n        os.remove('x')\n    except OSError:\n        pass",
}


@pytest.mark.parametrize("name", BENIGN)
def test_nothing_is_said_about(name: str) -> None:
    assert [f"{one.id} {one.message}" for one in examine_code("app.py", HEAD + BENIGN[name] + "\n")] == []


def test_a_build_script_may_run_the_version_file_of_its_own_project() -> None:
    assert examine_code("setup.py", "exec(open('shop/version.py').read())\n") == []
    assert [one.id for one in examine_code("shop.py", "exec(open('shop/version.py').read())\n")] == ["G203"]


def test_a_check_counts_after_it_and_not_before() -> None:
    text = HEAD + "@app.get('/')\ndef f(to: str):\n    x = RedirectResponse(to)\n"
    text += "    if to not in ('/a',):\n        return 1\n    return x\n"
    assert [one.id for one in examine_code("app.py", text)] == ["G108"]


def test_a_flow_goes_through_functions_of_the_file() -> None:
    text = (
        HEAD
        + "def deep(a):\n    os.system(a)\ndef mid(b):\n    deep('x ' + b)\n@app.get('/')\ndef f(c: str):\n    mid(c)\n"
    )
    assert [(one.id, one.location.line) for one in examine_code("app.py", text) if one.location] == [("G102", 7)]


REQUESTS = ["await request.json()", "(await request.body()).decode()", "request.query_params['q']"]


@pytest.mark.parametrize("source", REQUESTS)
def test_what_the_request_gives_is_followed(source: str) -> None:
    text = f"{HEAD}@app.post('/')\nasync def f(request: Request):\n    given = {source}\n    os.system('x ' + given)\n"
    assert [one.id for one in examine_code("app.py", text)] == ["G102"]


HTML = (
    "from html import escape\ndef page(x):\n    return f'<b>{escape(x)}'\n@app.get('/', response_class=HTMLResponse)\n"
)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("return f'<h1>Hello {name}</h1>'", ["G105"]),
        ("text = '<h1>' + name\n    return text", ["G105"]),
        ("return HTMLResponse(f'<h1>{name}')", ["G105"]),  # once, not twice
        ("return f'<h1>Hello {escape(name)}</h1>'", []),
        ("return page(name)", []),
        ("return templates.TemplateResponse('x.html', {'name': name})", []),
        ("return 'O\\'Brien & Søn 🎉'", []),
    ],
)
def test_what_an_endpoint_returns_as_html_is_looked_at(body: str, found: list[str]) -> None:
    text = f"{HEAD}{HTML}def hello(name: str):\n    {body}\n"
    assert [one.id for one in examine_code("app.py", text)] == found
    as_json = text.replace(", response_class=HTMLResponse", "")  # the control
    assert "answers HTML" not in " ".join(one.message for one in examine_code("app.py", as_json))


ROLES = "from typing import Annotated\nfrom fastapi import Header\n"


@pytest.mark.parametrize(
    ("parameter", "test", "found"),
    [
        ("x_admin: str = Header('')", "x_admin == '1'", True),
        ("x_role: Annotated[str, Header()]", "x_role in ('admin', 'owner')", True),
        ("who: str = Header('', alias='X-User-Role')", "who != 'admin'", True),
        ("x_user: str = Header('')", "x_user == ''", False),
        ("x_user: str | None = Header(None)", "x_user is None", False),
        ("x_tenant: str = Header('')", "x_tenant not in ('a', 'b')", False),
        ("x_admin: str = Query('')", "x_admin == '1'", False),
        ("accept: str = Header('')", "accept == 'text/html'", False),
        ("x_admin: str = Header('')", "compare_digest(x_admin, key)", False),
    ],
)
def test_a_right_that_is_taken_from_a_parameter_of_a_header_is_found(parameter: str, test: str, found: bool) -> None:
    text = f"{HEAD}{ROLES}@app.get('/')\ndef f({parameter}):\n    if {test}:\n        return 1\n"
    assert [one.id for one in examine_code("app.py", text)] == (["G118"] if found else [])


def test_functions_that_call_each_other_end() -> None:
    text = HEAD + "def a(x):\n    b(x)\ndef b(x):\n    a(x)\n@app.get('/')\ndef f(c: str):\n    a(c)\n"
    assert examine_code("app.py", text) == []


def test_deep_code_is_an_error_and_no_crash() -> None:
    with pytest.raises((RecursionError, SyntaxError, ValueError, MemoryError)):
        examine_code("app.py", "x = " + "(" * 5000 + ")" * 5000)


@pytest.mark.parametrize(
    ("vector", "score"),
    [  # examples of FIRST's specification and user guide
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:N/AC:L", None),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3),
        ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.3),
        ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.7),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0.0),
        ("CVSS:4.0/AV:N/AC:L", None),
        ("CVSS:4.0/AV:X/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", None),
    ],
)
def test_a_vector_has_the_score_of_the_specification(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


def test_a_vector_of_version_4_has_none_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cvss", None)
    assert base_score("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N") is None


@pytest.mark.parametrize(
    ("version", "affected"),
    [("1.0", True), ("1.9.9", True), ("2.0", False), ("2.0rc1", True), ("3.0", True), ("3.1", True), ("3.1.1", False)],
)
def test_ranges_are_read_as_the_schema_says(version: str, affected: bool) -> None:
    events = [{"introduced": "3.0"}, {"introduced": "0"}, {"fixed": "2.0"}, {"last_affected": "3.1"}]
    assert _within(events, parse(version, "PyPI"), "PyPI") is affected


RUNS = "RUN pip install -r requirements.txt\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"FROM python:3.12\n{RUNS}", 1),
        (f"FROM python:3.12\n{RUNS}USER app\nUSER root\n", 4),
        (f"FROM python:3.12\n{RUNS}USER 0:0\n", 3),
        (f"FROM python AS build\nUSER app\n{RUNS}FROM python\nCOPY --from=build /a /a\n", 4),  # the last stage counts
        (f"FROM --platform=linux/amd64 python AS base\n{RUNS}from base\n", 3),
        ("FROM python\n# why\nRUN apt-get \\\n  # another\n  x && \\\n  curl https://a.example/x | sh\nUSER a\n", 3),
        (f"FROM python:3.12\n{RUNS}USER 10001:10001\n", 0),
        (f"FROM python:3.12\n{RUNS}USER $APP_USER\n", 0),
        (f"FROM python AS base\nUSER app\n{RUNS}FROM base AS end\nCMD x\n", 0),
        (f"FROM gcr.io/distroless/python3-debian12:nonroot\n{RUNS}", 0),
        ("FROM nginx:1.27\nCOPY site /usr/share/nginx/html\n", 0),
        ("# FROM python, and pip\n", 0),
    ],
)  # fmt: skip
def test_an_image_that_runs_as_root_is_found_at_the_line_that_makes_it(text: str, line: int) -> None:
    found = [(one.id, one.location.line) for one in examine_code("Dockerfile", text) if one.location]
    assert found == ([("G302" if "curl" in text else "G303", line)] if line else [])
