"""The CORS layer: who may read answers from another origin."""

from __future__ import annotations

import pytest

from garrison.core.exchange import Exchange
from garrison.core.ports import Services
from garrison.core.verdict import Answer, Mode, Reason, Refuse, Verdict
from garrison.layers import cors
from garrison.layers.origins import BadOrigin
from garrison.policy import Policy
from tests.layers.wiring import Bench, answer, judge, values
from tests.support.facts import make_facts

APP = b"https://app.example.com"
POLICY = Policy(cors={"origins": (APP.decode(),), "credentials": True})
VARY_PREFLIGHT = {b"origin", b"access-control-request-method", b"access-control-request-headers"}

Header = tuple[bytes, bytes]


def preflight(
    policy: Policy, *headers: Header, origin: bytes = APP, method: bytes | None = b"PUT"
) -> tuple[Verdict, list[Header]]:
    """The verdict on a preflight and the headers of the answer to it."""
    asked = ((b"access-control-request-method", method),) if method is not None else ()
    facts = make_facts("OPTIONS", headers=[(b"origin", origin), *asked, *headers])
    layer = cors.compile(policy, Bench().services())
    verdict = judge(layer, facts)
    status = verdict.status if verdict else 200
    return verdict, answer(layer, Exchange(facts, Services()), [], status=status, ours=verdict is not None)


def read(
    policy: Policy, *origins: bytes, app: tuple[Header, ...] = (), status: int = 200, ours: bool = False
) -> list[Header]:
    """The headers of an answer to a GET from `origins`."""
    facts = make_facts(headers=[(b"origin", each) for each in origins])
    layer = cors.compile(policy, Bench().services())
    assert judge(layer, facts) is None
    return answer(layer, Exchange(facts, Services()), list(app), status=status, ours=ours)


def vary_of(headers: list[Header]) -> set[bytes]:
    return {token.strip().lower() for value in values(headers, b"vary") for token in value.split(b",")}


def refusal(verdict: Verdict) -> Reason:
    assert isinstance(verdict, Refuse)
    assert (verdict.status, verdict.layer) == (403, "cors")
    return verdict.reason


class TestReading:
    def test_a_configured_origin_may_read(self) -> None:
        headers = read(POLICY, APP)
        assert values(headers, b"access-control-allow-origin") == [APP]
        assert values(headers, b"access-control-allow-credentials") == [b"true"]
        assert b"x-request-id" in values(headers, b"access-control-expose-headers")[0]

    def test_another_origin_gets_nothing_and_is_not_refused(self) -> None:
        assert values(read(POLICY, b"https://evil.test"), b"access-control-allow-origin") == []

    def test_preflight_headers_are_not_on_ordinary_answers(self) -> None:
        assert not values(read(POLICY, APP), b"access-control-allow-methods")

    @pytest.mark.parametrize("origins", [(), (APP,), (b"https://evil.test",)])
    def test_every_answer_varies_by_origin(self, origins: tuple[bytes, ...]) -> None:
        headers = read(POLICY, *origins, app=((b"vary", b"Accept-Encoding"),))
        assert vary_of(headers) == {b"origin", b"accept-encoding"}

    @pytest.mark.parametrize(("status", "ours"), [(404, False), (429, True), (500, True), (403, True)])
    def test_errors_and_refusals_can_be_read(self, status: int, ours: bool) -> None:
        headers = read(POLICY, APP, status=status, ours=ours)
        assert values(headers, b"access-control-allow-origin") == [APP]

    def test_a_repeated_origin_gets_nothing(self) -> None:
        assert not values(read(POLICY, APP, APP), b"access-control-allow-origin")

    def test_without_credentials_none_are_allowed(self) -> None:
        headers = read(Policy(cors={"origins": (APP.decode(),)}), APP)
        assert not values(headers, b"access-control-allow-credentials")

    def test_a_star_answers_everybody_the_same(self) -> None:
        headers = read(Policy(cors={"origins": ("*",)}), b"https://anyone.test")
        assert values(headers, b"access-control-allow-origin") == [b"*"]
        assert b"origin" not in vary_of(headers)


class TestOwnership:
    theirs = ((b"access-control-allow-origin", b"*"), (b"access-control-allow-credentials", b"true"))

    def test_the_applications_own_headers_are_dropped(self) -> None:
        assert values(read(POLICY, APP, app=self.theirs), b"access-control-allow-origin") == [APP]

    @pytest.mark.parametrize("preset", ["browser", "api"])
    def test_without_origins_nobody_reads_across_origins(self, preset: str) -> None:
        headers = read(Policy(preset=preset), APP, app=self.theirs)
        assert not values(headers, b"access-control-allow-origin")

    @pytest.mark.parametrize("preset", ["compat", "compat-2026-11"])
    def test_compat_without_origins_leaves_the_applications_cors_alone(self, preset: str) -> None:
        layer = cors.compile(Policy(preset=preset), Bench().services())
        assert (layer.mode, layer.claims, layer.drops, layer.decide) == (Mode.OFF, (), (), None)

    def test_compat_with_origins_is_the_one_owner(self) -> None:
        policy = Policy(preset="compat", cors={"origins": (APP.decode(),)})
        assert values(read(policy, APP, app=self.theirs), b"access-control-allow-origin") == [APP]

    def test_in_monitor_mode_the_applications_cors_stands(self) -> None:
        policy = Policy(cors={"origins": (APP.decode(),), "mode": "monitor"})
        assert values(read(policy, APP, app=self.theirs), b"access-control-allow-origin") == [b"*"]
        assert preflight(policy)[0] is None
        assert refusal(preflight(policy, origin=b"https://evil.test")[0]) is Reason.CORS_ORIGIN


class TestPreflight:
    def test_a_configured_origin_is_told_what_it_may_do(self) -> None:
        verdict, headers = preflight(POLICY, (b"access-control-request-headers", b"content-type, X-CSRF-Token"))
        assert verdict == Answer(204)
        assert values(headers, b"access-control-allow-origin") == [APP]
        assert b"PUT" in values(headers, b"access-control-allow-methods")[0].split(b", ")
        assert b"x-csrf-token" in values(headers, b"access-control-allow-headers")[0].split(b", ")
        assert values(headers, b"access-control-allow-credentials") == [b"true"]
        assert values(headers, b"access-control-max-age") == [b"600"]

    @pytest.mark.parametrize("origin", [APP, b"https://evil.test"])
    def test_it_varies_by_all_it_looked_at(self, origin: bytes) -> None:
        assert vary_of(preflight(POLICY, origin=origin)[1]) == VARY_PREFLIGHT

    def test_another_origin_is_refused_without_permission(self) -> None:
        verdict, headers = preflight(POLICY, origin=b"https://evil.test")
        assert refusal(verdict) is Reason.CORS_ORIGIN
        assert not [name for name, _ in headers if name.startswith(b"access-control")]

    @pytest.mark.parametrize("method", [b"put", b"TRACE", b"", b"PUT, GET", b"\xff"])
    def test_an_unlisted_method_is_refused(self, method: bytes) -> None:
        verdict, headers = preflight(POLICY, method=method)
        assert refusal(verdict) is Reason.CORS_METHOD
        assert not values(headers, b"access-control-allow-methods")

    @pytest.mark.parametrize("name", [b"x-evil", b"authorization\xff", b"content-type x", b"*"])
    def test_an_unlisted_header_is_refused(self, name: bytes) -> None:
        assert refusal(preflight(POLICY, (b"access-control-request-headers", name))[0]) is Reason.CORS_HEADER

    def test_every_line_of_the_asked_headers_counts(self) -> None:
        name = b"access-control-request-headers"
        assert refusal(preflight(POLICY, (name, b"x-evil"), (name, b"content-type"))[0]) is Reason.CORS_HEADER

    @pytest.mark.parametrize("value", [b"", b",", b"accept, Accept-Language,content-language"])
    def test_safelisted_and_empty_names_pass(self, value: bytes) -> None:
        assert preflight(POLICY, (b"access-control-request-headers", value))[0] == Answer(204)

    def test_an_options_without_a_requested_method_goes_to_the_application(self) -> None:
        assert preflight(POLICY, method=None)[0] is None

    def test_an_options_without_origin_goes_to_the_application(self) -> None:
        facts = make_facts("OPTIONS", headers=[(b"access-control-request-method", b"PUT")])
        assert judge(cors.compile(POLICY, Bench().services()), facts) is None

    def test_private_networks_are_never_granted(self) -> None:
        _, headers = preflight(POLICY, (b"access-control-request-private-network", b"true"))
        assert not values(headers, b"access-control-allow-private-network")

    def test_a_repeated_origin_is_refused(self) -> None:
        assert refusal(preflight(POLICY, (b"origin", APP))[0]) is Reason.CORS_ORIGIN


class TestConfiguration:
    def test_case_idn_and_default_port_are_put_right(self) -> None:
        policy = Policy(cors={"origins": ("HTTPS://App.Example.COM:443", "https://bücher.example")})
        for origin in (APP, b"https://xn--bcher-kva.example"):
            assert values(read(policy, origin), b"access-control-allow-origin") == [origin]

    @pytest.mark.parametrize(
        "text", ["null", "https://app.example.com/", "app.example.com", "https://.*\\.example.com"]
    )
    def test_what_could_never_match_or_match_too_much_stops_the_start(self, text: str) -> None:
        with pytest.raises(BadOrigin, match=r"cors\.origins"):
            cors.compile(Policy(cors={"origins": (text,)}), Bench().services())

    def test_a_star_with_credentials_stops_the_start(self) -> None:
        with pytest.raises(BadOrigin, match="credentials"):
            cors.compile(Policy(cors={"origins": ("*",), "credentials": True}), Bench().services())

    @pytest.mark.parametrize("key", ["methods", "headers", "expose"])
    @pytest.mark.parametrize("name", ["*", "x y", "", "x\r\ny", "ä"])
    def test_what_is_no_name_stops_the_start(self, key: str, name: str) -> None:
        with pytest.raises(cors.BadCors, match=key):
            cors.compile(Policy(cors={"origins": (APP.decode(),), key: (name,)}), Bench().services())

    @pytest.mark.parametrize("origin", [b"http://localhost:5173", b"http://127.0.0.1:5173"])
    def test_front_end_development_servers_count_in_development_only(self, origin: bytes) -> None:
        for environment, allowed in (("development", [origin]), ("production", [])):
            policy = Policy(environment=environment, cors={"development_ports": (5173,)})
            assert values(read(policy, origin), b"access-control-allow-origin") == allowed
