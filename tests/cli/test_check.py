"""`garrison check` finds what would stop the start, and says where it stands."""

from __future__ import annotations

import json

import pytest

from tests.cli.running import KEY, Here
from tests.support.valkey import Server

SAFE = 'hosts = ["a.example"]\naudit.ship = ["/srv/worm/checkpoints"]\n'
UNSAFE = """\
hosts = ["a.example"]

[cors]
origins = ["*"]
credentials = true
"""
BROKEN = """\
csrff = 1
[csrf]
lifetime = "soon"
"""
APP = """
from fastapi import FastAPI

app = FastAPI(debug={debug})
"""
CLASSES = """
[[routes]]
name = "login"
paths = ["/login", "/logn"]
methods = ["POST"]

[[routes]]
name = "gone"
paths = ["/v1/notes"]
methods = ["DELETE"]

[[routes]]
name = "api"
paths = ["/v1/**", "/apii/**", "/v1/*/tags", "/v1/notes/7", "/files/a/b", "/deep/x/y"]

[[routes]]
name = "live"
paths = ["/live/", "/lives", "/anything/below"]
"""
SERVED = """
from fastapi import APIRouter, FastAPI, WebSocket

app, notes = FastAPI(), APIRouter(prefix="/notes")
app.post("/login")(lambda: 1)
notes.get("")(lambda: 1)
notes.get("/{id}")(lambda id: 1)
notes.get("/{id}/tags")(lambda id: 1)
app.include_router(notes, prefix="/v1")
app.get("/v1/{kind}/tags")(lambda kind: 1)
app.get("/deep/{rest:path}")(lambda rest: 1)


async def bare(scope, receive, send): ...


app.mount("/files", bare)
app.mount("/anything", bare)


@app.websocket("/live")
async def live(socket: WebSocket): ...
"""
OWN = """
from garrison import Policy, harden

events = {"store": False, "output": "none"}
app = harden(app, Policy(hosts=["b.example"], csrf={"mode": "monitor"}, events=events))
"""


def test_a_safe_policy_is_fine_and_it_says_what_was_looked_at(here: Here) -> None:
    here.write("garrison.toml", SAFE)
    ran = here.run("check", GARRISON_KEY=KEY)
    assert ran.code == 0
    assert "Nothing found. Looked at garrison.toml, preset browser, production," in ran.flat
    assert "a rehearsal of the start with 1 route class" in ran.flat


def test_an_entry_of_proxies_that_is_no_network_is_a_finding_like_any_other(here: Here) -> None:
    here.write("garrison.toml", 'hosts = ["a.example"]\nproxies = ["nginx", "10.0.0.1/8"]\n')
    ran = here.run("check", GARRISON_KEY=KEY)
    assert ran.code == 1
    assert "Where garrison.toml:2 · proxies.0 What the proxy 'nginx' is no network" in ran.flat
    assert "write '10.0.0.0/8'" in ran.flat
    assert "start/" not in ran.flat


def test_the_application_may_be_named_as_other_commands_take_it(here: Here) -> None:
    here.write("garrison.toml", SAFE)
    here.write("debugged.py", APP.format(debug=True))
    ran = here.run("check", "debugged:app", GARRISON_KEY=KEY)
    assert "P006" in ran.out
    assert here.run("check", "debugged:app", "--app", "debugged:app", GARRISON_KEY=KEY).code == 2


def test_an_unsafe_policy_is_shown_with_its_place_in_the_file(here: Here) -> None:
    here.write("garrison.toml", UNSAFE)
    ran = here.run("check", GARRISON_KEY=KEY)
    assert ran.code == 1
    assert "CRITICAL P003" in ran.flat
    assert "Where garrison.toml:4 · cors.origins" in ran.flat
    assert "Fix Name the origins, or turn credentials off." in ran.flat


def test_everything_wrong_with_a_broken_file_is_told_at_once(here: Here) -> None:
    here.write("garrison.toml", BROKEN)
    ran = here.run("check")
    assert ran.code == 1
    assert "garrison.toml:1 · csrff" in ran.flat
    assert "Did you mean 'csrf'?" in ran.flat
    assert "garrison.toml:3 · csrf.lifetime" in ran.flat


def test_without_hosts_and_key_production_is_refused_and_development_is_not(here: Here) -> None:
    ran = here.run("check")
    assert ran.code == 1
    assert {"P001", "P007"} <= set(ran.flat.split())
    assert here.run("check", "--environment", "development").code == 0


def test_a_warning_alone_is_shown_and_fine(here: Here) -> None:
    here.write("garrison.toml", SAFE + '[csrf]\nmode = "monitor"\n')
    ran = here.run("check", GARRISON_KEY=KEY)
    assert ran.code == 0
    assert "P011" in ran.out


def test_what_only_the_start_finds_is_a_finding(here: Here) -> None:
    here.write("garrison.toml", SAFE + '[content]\ntypes = ["*/*"]\n')
    ran = here.run("check", GARRISON_KEY=KEY)
    assert ran.code == 1
    assert "start/BadContentType" in ran.flat


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('profile = "fast"', "UnknownProfile"),
        ('breached = "/none"', "BreachFilterUnreadable"),
    ],
)  # fmt: skip
def test_passwords_that_can_t_be_had_are_a_finding_and_hide_no_other(here: Here, line: str, name: str) -> None:
    here.write("garrison.toml", f'{SAFE}[passwords]\n{line}\n[bearer]\nissuer = "http://id.example"\naudience = "a"\n')
    ran = here.run("check", "--format", "json", GARRISON_KEY=KEY)
    assert ran.code == 1
    assert {f"start/{name}", "start/NotHttps"} <= {one["id"] for one in json.loads(ran.out)["findings"]}


def test_a_shared_store_is_asked_and_one_that_is_away_is_told(here: Here) -> None:
    with Server(here.folder / "valkey") as server:
        here.write("garrison.toml", f'store = "{server.url}"\n{SAFE}')
        ran = here.run("check", GARRISON_KEY=KEY)
        assert ran.code == 0
        assert "store/away" not in ran.flat
        assert "connected, a script run, a key written" in ran.flat
    ran = here.run("check", GARRISON_KEY=KEY)
    assert ran.code == 0, "it may just be out of reach from here"
    assert "store/away Store does not answer Where garrison.toml:1 · store" in ran.flat


def test_an_error_of_the_start_is_shown_with_its_place_in_the_file(here: Here) -> None:
    here.write("garrison.toml", SAFE + '[method]\nallow = ["GET", "TRACE"]\n')
    ran = here.run("check", GARRISON_KEY=KEY)
    assert ran.code == 1
    assert "garrison.toml:4 · method.allow" in ran.flat


def test_a_weak_key_is_found_and_not_shown(here: Here) -> None:
    here.write("garrison.toml", SAFE)
    ran = here.run("check", GARRISON_KEY="Hunter2" * 7)
    assert ran.code == 1
    assert "start/KeyWeak" in ran.flat
    assert "Hunter2" not in ran.out + ran.err


def test_the_rehearsal_leaves_nothing_behind(here: Here) -> None:
    here.write("garrison.toml", SAFE)
    before = sorted(here.folder.rglob("*"))
    here.run("check", "--environment", "development")
    assert sorted(here.folder.rglob("*")) == before


class TestTheApplication:
    def test_debug_mode_is_found(self, here: Here) -> None:
        here.write("garrison.toml", SAFE)
        here.write("debugged.py", APP.format(debug=True))
        here.write("plain.py", APP.format(debug=False))
        assert "P006" in here.run("check", "--app", "debugged:app", GARRISON_KEY=KEY).out
        ran = here.run("check", "--app", "plain:app", GARRISON_KEY=KEY)
        assert ran.code == 0
        assert "plain:app" in ran.flat

    def test_one_that_hardens_itself_is_checked_with_the_policy_it_really_uses(self, here: Here) -> None:
        here.write("garrison.toml", SAFE)
        here.write(
            "own.py",
            APP.format(debug=False) + OWN,
        )
        ran = here.run("check", "--app", "own:app", GARRISON_KEY=KEY)
        assert "P011" in ran.out
        assert "set by: argument" in ran.flat

    def test_one_that_refuses_to_start_does_not_hide_the_findings(self, here: Here) -> None:
        here.write("garrison.toml", UNSAFE)
        here.write("refused.py", APP.format(debug=False) + "from garrison import harden\napp = harden(app)\n")
        ran = here.run("check", "--app", "refused:app", GARRISON_KEY=KEY)
        assert ran.code == 1
        assert "P003" in ran.out
        assert "refused:app can't be loaded before the findings are mended" in ran.flat

    @pytest.mark.parametrize("last", ["", "from garrison import harden\napp = harden(app)\n"])
    def test_a_route_that_declares_no_access_is_found_where_the_policy_wants_it(self, here: Here, last: str) -> None:
        here.write("garrison.toml", SAFE + "[authorisation]\ndeclare = true\n")
        module = APP.format(debug=False).replace("FastAPI(", "FastAPI(openapi_url=None, ")
        here.write("silent.py", module + "app.get('/salaries')(lambda: 1)\n" + last)
        ran = here.run("check", "silent:app", GARRISON_KEY=KEY)
        assert ran.code == 1
        assert "start/RoutesUndeclared" in ran.flat
        assert "GET /salaries" in ran.flat

    def test_routes_that_declare_their_access_are_fine(self, here: Here) -> None:
        here.write("garrison.toml", SAFE + "[authorisation]\ndeclare = true\n")
        here.write("spoken.py", "from fastapi import FastAPI\n\napp = FastAPI(openapi_url=None)\n")
        assert here.run("check", "spoken:app", GARRISON_KEY=KEY).code == 0

    def test_a_path_of_a_route_class_that_nothing_serves_is_found(self, here: Here) -> None:
        here.write("garrison.toml", SAFE + CLASSES)
        here.write("served.py", SERVED)
        ran = here.run("check", "served:app", "--format", "json", GARRISON_KEY=KEY)
        found = {
            one["location"]["key"]: one["message"] for one in ran.json["findings"] if one["id"] == "routes/unserved"
        }
        assert {key.removeprefix("routes.") for key in found} == {"0.paths.1", "1.paths.0", "2.paths.1", "3.paths.1"}
        assert found["routes.0.paths.1"] == "the class 'login' names /logn, which the application does not serve."
        assert "does not serve with DELETE" in found["routes.1.paths.0"]
        assert ran.code == 0

    def test_what_its_own_code_is_refused_for_is_a_finding(self, here: Here) -> None:
        here.write("garrison.toml", SAFE)
        unsafe = 'app = harden(FastAPI(), Policy(hosts=["a.example"], cors={"origins": ["null"]}))\n'
        here.write("unsafe.py", "from fastapi import FastAPI\nfrom garrison import Policy, harden\n" + unsafe)
        ran = here.run("check", "unsafe:app", GARRISON_KEY=KEY)
        assert ran.code == 1
        assert "P004" in ran.out
        plain = "from garrison.accounts import OidcLogin, Provider\nOidcLogin(Provider('http://id.example', 'a'))\n"
        here.write("plain.py", plain)
        ran = here.run("check", "plain:app", GARRISON_KEY=KEY)
        assert ran.code == 1
        assert "start/NotHttps" in ran.flat

    def test_one_that_is_broken_could_not_be_checked(self, here: Here) -> None:
        here.write("crash.py", "1 / 0\n")
        ran = here.run("check", "--app", "crash:app")
        assert ran.code == 3
        assert "ZeroDivisionError" in ran.said
        assert here.run("check", "--app", "missing:app").code == 3


class TestFormats:
    @pytest.mark.parametrize("name", ["json", "sarif", "html", "junit", "markdown", "text"])
    def test_each_has_the_finding_and_its_place(self, here: Here, name: str) -> None:
        here.write("garrison.toml", UNSAFE)
        ran = here.run("check", "--format", name, GARRISON_KEY=KEY)
        assert ran.code == 1
        assert "P003" in ran.out
        assert "garrison.toml" in ran.out.replace("\\.", ".")

    def test_sarif_has_the_line(self, here: Here) -> None:
        here.write("garrison.toml", UNSAFE)
        log = json.loads(here.run("check", "--format", "sarif", GARRISON_KEY=KEY).out)
        result = next(one for one in log["runs"][0]["results"] if one["ruleId"] == "P003")
        place = result["locations"][0]["physicalLocation"]
        assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("garrison.toml", 4)


@pytest.mark.parametrize("text", ["hosts = [", "\x00"])
def test_a_file_that_is_no_toml_could_not_be_checked(here: Here, text: str) -> None:
    here.write("garrison.toml", text)
    ran = here.run("check")
    assert ran.code == 3
    assert "not valid TOML" in ran.said


def test_a_named_file_that_is_missing_could_not_be_checked(here: Here) -> None:
    ran = here.run("check", "--policy", "none.toml")
    assert ran.code == 3
    assert "garrison init" in ran.said
