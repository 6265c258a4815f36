"""Loading: precedence, every problem at once with its place, and never a value in an error."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison import Policy
from garrison.policy.load import find_policy, load
from garrison.policy.problems import PolicyInvalid
from garrison.policy.source import Kind
from garrison.policy.units import Rate
from tests.policy.toml_files import loaded, problems, write


class TestPrecedence:
    def test_without_anything_the_browser_preset_holds_in_production(self, tmp_path: Path) -> None:
        found = load(None, {}, tmp_path)
        assert (found.policy, found.file) == (Policy(), None)
        assert found.policy.environment == "production"

    def test_a_file_stands_over_its_preset(self, tmp_path: Path) -> None:
        policy = loaded(tmp_path, 'preset = "api"\n[cache]\nno_store = "authenticated"\n').policy
        assert policy.cache.no_store == "authenticated"
        assert policy.cookies.same_site == "Strict"

    def test_the_environment_stands_over_the_file(self, tmp_path: Path) -> None:
        policy = loaded(tmp_path, '[size]\nbody = "1 MB"\nheader_count = 50\n', {"GARRISON_SIZE__BODY": "2 MB"}).policy
        assert (policy.size.body, policy.size.header_count) == (2 * 1024**2, 50)

    def test_an_argument_stands_over_the_environment(self) -> None:
        found = load(Policy(hosts=("a.example",)), {"GARRISON_HOSTS": "b.example", "GARRISON_STATE": "elsewhere"})
        assert (found.policy.hosts, found.policy.state) == (("a.example",), "elsewhere")

    def test_the_environment_may_choose_the_preset_of_the_file(self, tmp_path: Path) -> None:
        policy = loaded(tmp_path, 'hosts = ["a.example"]\n', {"GARRISON_PRESET": "api"}).policy
        assert (policy.preset, policy.cache.no_store, policy.hosts) == ("api", "always", ("a.example",))

    def test_with_a_policy_object_no_file_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, 'state = "of the file"\n')
        monkeypatch.chdir(tmp_path)
        assert load(Policy(), {}).policy.state == ".garrison"
        assert load(None, {}).policy.state == "of the file"

    def test_routes_of_the_environment_replace_those_of_the_file(self, tmp_path: Path) -> None:
        text = '[[routes]]\nname = "a"\npaths = ["/a"]\n[[routes]]\nname = "b"\npaths = ["/b"]\n'
        found = loaded(tmp_path, text, {"GARRISON_ROUTES": '[{"name": "c", "paths": ["/c"]}]'})
        assert [route.name for route in found.policy.routes] == ["c"]
        assert str(found.source("routes.0.name")) == "environment GARRISON_ROUTES"
        assert found.source("routes.1.name").kind is Kind.DEFAULT


class TestTheSameInPython:
    TEXT = """
        preset = "api"
        hosts = ["shop.example.com", "*.shop.example.com"]
        proxies = ["10.0.0.0/8"]
        [rate]
        address = ["300/minute burst 50"]
        [csp.directives]
        default-src = ["'none'"]
        [headers.hsts]
        max_age = "2 years"
        [[routes]]
        name = "login"
        paths = ["/login"]
        csrf.mode = "enforce"
    """

    def test_a_policy_in_python_equals_the_same_file(self, tmp_path: Path) -> None:
        policy = Policy(
            preset="api",
            hosts=("shop.example.com", "*.shop.example.com"),
            proxies=("10.0.0.0/8",),
            rate={"address": ["300/minute burst 50"]},
            csp={"directives": {"default-src": ["'none'"]}},
            headers={"hsts": {"max_age": "2 years"}},
            routes=({"name": "login", "paths": ["/login"], "csrf": {"mode": "enforce"}},),
        )
        assert loaded(tmp_path, self.TEXT).policy.model_dump() == policy.model_dump()

    def test_a_changed_copy_is_refused_since_its_change_would_be_lost(self) -> None:
        copy = Policy().model_copy(update={"hosts": ("a.example",)})
        with pytest.raises(PolicyInvalid, match="changed after it was made"):
            find_policy(copy, {})
        assert find_policy(Policy(hosts=("a.example",)), {}).hosts == ("a.example",)

    def test_a_policy_that_is_effective_for_a_route_is_refused(self) -> None:
        policy = Policy(routes=({"name": "a", "paths": ["/a"]},))
        with pytest.raises(PolicyInvalid, match="changed after it was made"):
            find_policy(policy.effective(policy.routes[0]), {})


class TestProblems:
    TEXT = """\
        preset = "brwser"
        csrff = 1
        [csrf]
        lifetime = "abc"
        mode = "of"
        samesite = "Lax"
        [[routes]]
        name = "login"
        paths = ["/login"]
        rate.address = ["5/minut"]
        [[routes]]
        paths = ["/upload"]
        [routes.size]
        bodyy = "1 MB"
        [routes.events]
        store = false
    """

    def test_all_of_them_are_told_at_once_each_with_its_line(self, tmp_path: Path) -> None:
        found = problems(tmp_path, self.TEXT, {"GARRISON_HOST": "a.example"})
        lines = {key: problem.source.line for key, problem in found.items() if problem.source}
        assert lines == {
            "preset": 1,
            "csrff": 2,
            "csrf.lifetime": 4,
            "csrf.mode": 5,
            "csrf.samesite": 6,
            "routes.0.rate.address.0": 10,
            "routes.1.name": 11,
            "routes.1.events": 15,
            "host": None,
        }

    def test_a_misspelt_key_gets_the_right_one(self, tmp_path: Path) -> None:
        found = problems(tmp_path, self.TEXT)
        assert found["preset"].fix == "Did you mean 'browser'?"
        assert found["csrff"].fix == "Did you mean 'csrf'?"
        assert (
            problems(tmp_path, "[headers.hsts]\nmaxage = 1\n")["headers.hsts.maxage"].fix == "Did you mean 'max_age'?"
        )
        in_class = problems(tmp_path, '[[routes]]\nname = "a"\npaths = ["/a"]\n[routes.size]\nbodyy = 1\n')
        assert in_class["routes.0.size.bodyy"].fix == "Did you mean 'body'?"

    def test_a_key_in_the_wrong_section_is_sent_home(self, tmp_path: Path) -> None:
        assert problems(tmp_path, "max_keys = 5000\n")["max_keys"].fix == "Did you mean 'rate.max_keys'?"

    def test_a_list_that_is_none_says_how_one_is_written(self, tmp_path: Path) -> None:
        assert problems(tmp_path, 'hosts = "a.example"\n')["hosts"].fix == 'Put it into brackets, as in ["…"].'
        assert problems(tmp_path, '[routes]\nname = "x"\n')["routes"].fix == "Write [[routes]], with two brackets."

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("allow_origins", "origins"), ("allow_origin_regex", "origins"), ("allow_credentials", "credentials"),
            ("allow_headers", "headers"), ("expose_headers", "expose"), ("allow_insecure_of", "allow_insecure_off"),
        ],
    )  # fmt: skip
    def test_words_of_another_library_lead_to_ours_and_never_to_what_loosens(
        self, tmp_path: Path, written: str, meant: str
    ) -> None:
        assert problems(tmp_path, f"[cors]\n{written} = 1\n")[f"cors.{written}"].fix == f"Did you mean {meant!r}?"

    def test_a_section_for_the_whole_application_is_refused_in_a_class(self, tmp_path: Path) -> None:
        fix = problems(tmp_path, self.TEXT)["routes.1.events"].fix
        assert "holds for the whole application" in fix

    def test_an_unknown_section_inside_sections_is_refused(self, tmp_path: Path) -> None:
        text = '[[routes]]\nname = "a"\npaths = ["/a"]\n[routes.sections.hosts]\nx = 1\n'
        assert set(problems(tmp_path, text)) == {"routes.0.hosts"}

    def test_the_variable_of_a_wrong_value_is_named(self, tmp_path: Path) -> None:
        found = problems(tmp_path, "", {"GARRISON_CSRF__MODE": "of", "GARRISON_SIZE__BODDY": "1"})
        assert str(found["csrf.mode"].source) == "environment GARRISON_CSRF__MODE"
        assert found["size.boddy"].fix == "Did you mean 'body'?"

    def test_sections_that_are_no_tables_are_refused(self, tmp_path: Path) -> None:
        found = problems(tmp_path, 'csrf = "off"\nroutes = 5\nheaders = []\n')
        assert set(found) == {"csrf", "routes", "headers"}

    @pytest.mark.parametrize(
        "text",
        [
            'hosts = "{}"', 'size.body = "{}"', 'session.idle = "{}"', 'rate.address = ["{}"]', 'csrf.mode = "{}"',
            'environment = "{}"', 'csrf = "{}"', 'prefix = "{}"', 'routes = ["{}"]', 'size.decompress = ["{}"]',
            'websocket.messages = "{}"', 'headers.hsts = "{}"', '[[routes]]\nname = "{}"\npaths = ["/"]',
            '[[routes]]\nname = "a"\npaths = ["/"]\ncsrf.lifetime = "{}"', 'host.ports = ["{}"]',
        ],
    )  # fmt: skip
    def test_a_value_is_never_quoted(self, tmp_path: Path, text: str) -> None:
        secret = "Hunter2 and more"
        with pytest.raises(PolicyInvalid) as caught:
            loaded(tmp_path, text.format(secret))
        assert "Hunter2" not in f"{caught.value} {caught.value!r} {caught.value.problems}"


class TestSources:
    def test_each_value_tells_where_it_came_from(self, tmp_path: Path) -> None:
        text = 'preset = "api"\n\n[csrf]\nlifetime = "3 h"\n'
        found = loaded(tmp_path, text, {"GARRISON_SIZE__BODY": "2 MB"})
        said = {key: str(found.source(key)) for key in ("preset", "csrf.lifetime", "size.body", "csrf.mode", "state")}
        assert said == {
            "preset": f"{tmp_path}/garrison.toml:1",
            "csrf.lifetime": f"{tmp_path}/garrison.toml:4",
            "size.body": "environment GARRISON_SIZE__BODY",
            "csrf.mode": "preset api-2026-11",
            "state": "default",
        }
        assert load(Policy(state="x"), {}).source("state").kind is Kind.ARGUMENT

    def test_a_class_inherits_the_policys_source(self, tmp_path: Path) -> None:
        text = '[size]\nbody = "1 MB"\nratio = 5\n[[routes]]\nname = "a"\npaths = ["/a"]\nsize.body = "2 MB"\n'
        found = loaded(tmp_path, text)
        assert [found.source(f"routes.0.size.{key}").line for key in ("body", "ratio", "decompressed")] == [7, 3, None]

    def test_part_of_a_list_stands_where_the_list_does(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, '\nhosts = [\n  "a.example",\n]\n').source("hosts.0").line == 2


class TestRouteClasses:
    def test_sections_of_a_class_are_laid_over_the_policys(self, tmp_path: Path) -> None:
        text = '[size]\nbody = "1 MB"\nratio = 5\n[[routes]]\nname = "a"\npaths = ["/a"]\nsize.body = "2 MB"\n'
        policy = loaded(tmp_path, text).policy
        effective = policy.effective(policy.routes[0])
        assert (effective.size.body, effective.size.ratio) == (2 * 1024**2, 5)
        assert policy.size.body == 1024**2

    def test_rates_of_a_class_are_parsed(self, tmp_path: Path) -> None:
        text = '[[routes]]\nname = "a"\npaths = ["/a"]\nrate.address = ["5/minute"]\n'
        policy = loaded(tmp_path, text).policy
        assert policy.effective(policy.routes[0]).rate.address == (Rate(5, 60.0),)


keys = st.sampled_from(
    ["preset", "hosts", "csrf", "mode", "routes", "name", "paths", "sections", "size", "body", "csp", "directives",
     "headers", "hsts", "rate", "address", "key", "state", "x"]
)  # fmt: skip
scalars = st.one_of(st.text(max_size=5), st.integers(), st.floats(allow_nan=True), st.booleans(), st.none())
trees = st.recursive(scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3))


@given(values=st.dictionaries(st.sampled_from(["preset", *Policy.model_fields, "x"]), trees, max_size=4))
def test_any_values_give_a_policy_or_problems_and_nothing_else(values: dict[str, object]) -> None:
    environ = {f"GARRISON_{key.upper()}": json.dumps(value) for key, value in values.items()}
    with suppress(PolicyInvalid):
        assert load(None, environ, Path("/nowhere")).policy
