"""The policy that `garrison init` writes loads without a problem and is safe, whatever the application is like."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison import Policy
from garrison.findings.severity import Level
from garrison.policy.checks import Subject, run_checks
from garrison.policy.example import AppFacts, Cors, suggest_preset, write_policy
from garrison.policy.presets import LATEST, UnknownPreset

PAGES = AppFacts("main:app", "FastAPI", cookies=True, pages=True, logins=("/login",), forms=("/login", "/note"))
JSON = AppFacts("main:app", "FastAPI", bearer=True, logins=("/token",), forms=("/token",), uploads=("/files/*",))


def read(facts: AppFacts, preset: str = "") -> Policy:
    return Policy(**tomllib.loads(write_policy(facts, preset)))


def errors(policy: Policy) -> set[str]:
    findings = run_checks(Subject(policy))
    return {finding.id for finding in findings if finding.severity.level is Level.ERROR}


@pytest.mark.parametrize(
    ("facts", "preset"),
    [(PAGES, "browser"), (JSON, "api"), (AppFacts(), "browser"), (AppFacts("x:y"), "browser"),
     (AppFacts("x:y", "Starlette"), "api"), (AppFacts("x:y", "Starlette", pages=True, bearer=True), "browser")],
)  # fmt: skip
def test_the_preset_fits_the_application(facts: AppFacts, preset: str) -> None:
    assert suggest_preset(facts)[0] == preset
    assert read(facts).preset == LATEST[preset].pinned


def test_only_hosts_and_the_key_are_left_to_the_operator() -> None:
    assert errors(read(PAGES)) == {"P001", "P007"}
    assert errors(read(AppFacts("main:app", "FastAPI", hosts=("a.example", "*.a.example")))) == {"P007"}


def test_a_log_in_has_its_own_limits_and_always_needs_a_token() -> None:
    policy = read(PAGES)
    login = policy.effective(policy.routes[0])
    assert (login.route_name, login.csrf.require) == ("login", "always")
    assert login.rate.address[0].limit < policy.rate.address[0].limit


def test_forms_and_uploads_pass_an_api() -> None:
    policy = read(JSON)
    types = {route.name: policy.effective(route).content.types for route in policy.routes}
    assert "application/x-www-form-urlencoded" in types["login"]
    assert "multipart/form-data" in types["uploads"]
    assert "multipart/form-data" not in policy.content.types


def test_a_path_is_given_to_one_class_only() -> None:
    policy = read(AppFacts("x:y", "FastAPI", logins=("/a",), uploads=("/a", "/b"), forms=("/b", "/c")))
    assert [route.paths for route in policy.routes] == [("/a",), ("/b",), ("/c",)]


def test_probes_get_a_class_for_their_exact_paths() -> None:
    policy = read(AppFacts("x:y", "FastAPI", health=("/healthz", "/h/*")))
    assert (policy.routes[0].paths, policy.routes[0].health) == (("/healthz",), True)


def test_documentation_pages_get_scripts_where_the_preset_has_none() -> None:
    policy = read(AppFacts("x:y", "FastAPI", docs_page="/docs"))
    assert [route.paths for route in policy.routes] == [("/docs", "/docs/*")]
    assert policy.effective(policy.routes[0]).csp.directives["script-src"] == ("'nonce'",)
    assert "script-src" not in policy.csp.directives
    assert read(AppFacts("x:y", "FastAPI", docs_page="/docs"), "browser").routes == ()


class TestCors:
    def test_whole_encrypted_origins_are_kept(self) -> None:
        policy = read(
            AppFacts(cors=Cors(("https://a.example", "http://localhost:5173", "http://b.example", "x"), True))
        )
        assert (policy.cors.origins, policy.cors.development_ports) == (("https://a.example",), (5173,))
        assert policy.cors.credentials

    def test_any_origin_is_kept_without_credentials_and_not_with(self) -> None:
        assert read(AppFacts(cors=Cors(("*",)))).cors.origins == ("*",)
        with_credentials = read(AppFacts(cors=Cors(("*",), credentials=True)))
        assert with_credentials.cors.origins == ()

    def test_a_pattern_is_not_taken_over(self) -> None:
        text = write_policy(AppFacts(cors=Cors(pattern="https://.*example.com")))
        assert "https://.*example.com" in text
        assert read(AppFacts(cors=Cors(pattern="https://.*example.com"))).cors.origins == ()


@pytest.mark.parametrize("preset", ["browser", "api", "compat", "api-2026-11"])
def test_any_preset_may_be_asked_for(preset: str) -> None:
    assert errors(read(PAGES, preset)) <= {"P001", "P007"}


def test_an_unknown_preset_gets_the_nearest() -> None:
    with pytest.raises(UnknownPreset, match="'browser'"):
        write_policy(PAGES, "broser")


texts = st.one_of(
    st.text(max_size=12), st.sampled_from(["/a", "/a/*", "/**", "/a b", 'x"y', "x\ny", "*", "é.example", "\x7f"])
)
lists = st.lists(texts, max_size=3).map(tuple)
apps = st.builds(
    AppFacts, texts, st.sampled_from(["", "FastAPI"]), st.booleans(), st.booleans(), st.booleans(),
    st.none() | st.builds(Cors, lists, st.booleans(), texts), lists, lists, lists, lists, lists, lists, st.booleans(),
    texts,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(apps, st.sampled_from(["", "browser", "api", "compat"]))
def test_whatever_is_seen_the_file_loads_and_is_safe(facts: AppFacts, preset: str) -> None:
    assert errors(read(facts, preset)) <= {"P001", "P007"}
