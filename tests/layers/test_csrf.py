"""The CSRF layer: which requests must show a token, and which token counts."""

from __future__ import annotations

import pytest

from garrison.core.exchange import Exchange
from garrison.core.facts import Facts
from garrison.core.layer import Layer
from garrison.core.verdict import Mode, Reason, Refuse
from garrison.events.vocabulary import EventName
from garrison.layers import csrf
from garrison.policy import Policy
from tests.layers.wiring import NOW, Bench, answer, judge, values
from tests.support.facts import make_facts

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")
HTML = (b"content-type", b"text/html; charset=utf-8")
NAME = b"__Host-csrf="

Header = tuple[bytes, bytes]


def session_of(facts: Facts) -> str | None:
    """Test sessions: the cookie `sid` is the session's id."""
    for part in facts.headers.get(b"cookie", b"").split(b"; "):
        if part.startswith(b"sid="):
            return part[4:].decode("latin-1")
    return None


class Site:
    """One layer and the requests of one browser."""

    def __init__(self, policy: Policy | None = None, *, presession: bool = False) -> None:
        self.bench = Bench(session=session_of, presession=self._begin if presession else None)
        self.services = self.bench.services()
        self.layer: Layer = csrf.compile(policy or Policy(), self.services)

    def _begin(self, exchange: Exchange) -> str:
        exchange.session = "pre"
        exchange.set_cookie(b"sid=pre; Path=/; Secure; HttpOnly")
        return "pre"

    def token(self, session: str = "alice") -> bytes:
        """A token as a page of `session` would get it."""
        exchange = Exchange(make_facts(headers=[(b"cookie", f"sid={session}".encode())]), self.services)
        assert judge(self.layer, exchange.facts, exchange) is None
        return exchange.csrf_token.encode()

    def send(
        self, *headers: Header, cookies: bytes | None = None, body: bytes | None = None, method: str = "POST"
    ) -> Reason | None:
        """The reason the request is refused for, or None."""
        given = [*headers, (b"cookie", cookies)]
        verdict = judge(self.layer, make_facts(method, headers=given), body=body)
        assert verdict is None or isinstance(verdict, Refuse)
        if verdict is None:
            return None
        assert (verdict.status, verdict.layer) == (403, "csrf")
        assert verdict.hint
        return verdict.reason

    def page(
        self, *headers: Header, status: int = 200, cookies: bytes | None = None, method: str = "GET", ours: bool = False
    ) -> list[bytes]:
        """The CSRF cookies an answer sets."""
        exchange = Exchange(make_facts(method, headers=[(b"cookie", cookies)]), self.services)
        judge(self.layer, exchange.facts, exchange)
        written = answer(self.layer, exchange, list(headers), status=status, ours=ours)
        return values(written, b"set-cookie")


def both(token: bytes, session: bytes = b"alice") -> tuple[bytes, Header]:
    """The Cookie line and the header of an honest page."""
    return b"sid=" + session + b"; " + NAME + token, (b"x-csrf-token", token)


class TestWhoMustShowAToken:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    def test_safe_methods_pass(self, method: str) -> None:
        assert Site().send(cookies=b"sid=alice", method=method) is None

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPPATCH", "post"])
    def test_every_other_method_with_a_cookie_must(self, method: str) -> None:
        assert Site().send(JSON, cookies=b"sid=alice", method=method) is Reason.CSRF_MISSING

    def test_a_cookie_of_somebody_else_counts_as_authority(self) -> None:
        assert Site().send(JSON, cookies=b"PHPSESSID=1") is Reason.CSRF_MISSING

    @pytest.mark.parametrize(
        "scheme", [b"Basic dTpw", b"Digest x", b"Negotiate x", b"NTLM x", b"Bearer", b"", b"Own x"]
    )
    def test_stored_credentials_count_as_authority(self, scheme: bytes) -> None:
        assert Site().send(JSON, (b"authorization", scheme)) is Reason.CSRF_MISSING

    def test_a_client_certificate_counts_as_authority(self) -> None:
        facts = make_facts("POST", headers=[JSON, (b"cookie", None)], certificate=True)
        assert judge(Site().layer, facts) is not None

    @pytest.mark.parametrize("scheme", [b"Bearer abc", b"bearer abc", b"BEARER abc"])
    def test_a_bearer_token_alone_is_exempt(self, scheme: bytes) -> None:
        assert Site().send(JSON, (b"authorization", scheme)) is None

    def test_a_bearer_token_beside_a_cookie_is_not(self) -> None:
        assert Site().send(JSON, (b"authorization", b"Bearer abc"), cookies=b"sid=alice") is Reason.CSRF_MISSING

    def test_a_bearer_token_beside_basic_is_not(self) -> None:
        lines = ((b"authorization", b"Basic dTpw"), (b"authorization", b"Bearer abc"))
        assert Site().send(JSON, *lines) is Reason.CSRF_MISSING

    def test_without_authority_there_is_nothing_to_forge(self) -> None:
        assert Site().send(JSON) is None
        assert Site().send(JSON, cookies=b"") is None

    def test_always_means_always(self) -> None:
        site = Site(Policy(csrf={"require": "always"}))
        assert site.send(JSON) is Reason.CSRF_MISSING
        assert site.send(JSON, (b"authorization", b"Bearer abc")) is Reason.CSRF_MISSING


class TestHeader:
    def test_an_honest_page_passes(self) -> None:
        site = Site()
        cookies, header = both(site.token())
        assert site.send(JSON, header, cookies=cookies) is None

    def test_the_cookie_alone_does_not(self) -> None:
        site = Site()
        assert site.send(JSON, cookies=both(site.token())[0]) is Reason.CSRF_MISSING

    def test_the_header_alone_does_not(self) -> None:
        site = Site()
        assert site.send(JSON, (b"x-csrf-token", site.token()), cookies=b"sid=alice") is Reason.CSRF_MISSING

    def test_two_tokens_of_one_session_do_not(self) -> None:
        site = Site()
        cookies, _ = both(site.token())
        assert site.send(JSON, (b"x-csrf-token", site.token()), cookies=cookies) is Reason.CSRF_INVALID

    def test_a_token_of_another_session_does_not(self) -> None:
        site = Site()
        cookies, header = both(site.token("mallory"))
        assert site.send(JSON, header, cookies=cookies) is Reason.CSRF_INVALID

    def test_a_token_made_before_log_in_does_not_hold_after(self) -> None:
        site = Site(presession=True)
        exchange = Exchange(make_facts(headers=[(b"cookie", None)]), site.services)
        judge(site.layer, exchange.facts, exchange)
        cookies, header = both(exchange.csrf_token.encode(), b"pre")
        assert site.send(JSON, header, cookies=cookies) is None
        assert site.send(JSON, header, cookies=cookies.replace(b"sid=pre", b"sid=alice")) is Reason.CSRF_INVALID

    def test_a_repeated_header_does_not(self) -> None:
        site = Site()
        cookies, header = both(site.token())
        assert site.send(JSON, header, header, cookies=cookies) is Reason.CSRF_INVALID

    def test_a_second_cookie_of_the_name_does_not(self) -> None:
        site = Site()
        cookies, header = both(site.token())
        assert site.send(JSON, header, cookies=cookies + b"; __Host-csrf=tossed") is Reason.CSRF_INVALID

    @pytest.mark.parametrize("token", [b"x", b".", b"a.b", b"\xff\xfe", "ä.ö".encode(), b"." * 5000, b"a" * 30 + b".t"])
    def test_nonsense_is_refused_and_never_raises(self, token: bytes) -> None:
        site = Site()
        cookies, header = both(token)
        assert site.send(JSON, header, cookies=cookies) is Reason.CSRF_INVALID

    def test_it_lives_as_long_as_the_policy_says(self) -> None:
        site = Site(Policy(csrf={"lifetime": "1 hour"}))
        cookies, header = both(site.token())
        site.bench.wall = NOW + 3600
        assert site.send(JSON, header, cookies=cookies) is None
        site.bench.wall = NOW + 3661
        assert site.send(JSON, header, cookies=cookies) is Reason.CSRF_INVALID

    def test_cookie_lines_that_a_server_left_split_are_one(self) -> None:
        site = Site()
        token = site.token()
        facts = make_facts(
            "POST", headers=[JSON, (b"x-csrf-token", token), (b"cookie", NAME + token), (b"cookie", b"sid=alice")]
        )
        assert judge(site.layer, facts) is None

    def test_another_cookie_name_works(self) -> None:
        site = Site(Policy(csrf={"cookie": "t.k"}))
        token = site.token()
        assert site.send(JSON, (b"x-csrf-token", token), cookies=b"sid=alice; t.k=" + token) is None
        assert site.send(JSON, (b"x-csrf-token", token), cookies=b"sid=alice; txk=" + token) is Reason.CSRF_MISSING


def multipart(*parts: tuple[bytes, bytes], boundary: bytes = b"XyZ") -> tuple[Header, bytes]:
    """Content-Type and body; each part is (disposition parameters, content)."""
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (boundary, disposition, content)
        for disposition, content in parts
    )
    return (b"content-type", b"multipart/form-data; boundary=" + boundary), body + b"--%b--\r\n" % boundary


class TestForm:
    def test_the_field_of_an_urlencoded_form_counts(self) -> None:
        site = Site()
        token = site.token()
        cookies, _ = both(token)
        assert site.send(FORM, cookies=cookies, body=b"csrf_token=" + token + b"&a=1") is None
        assert site.send(FORM, cookies=cookies, body=b"a=1&csrf_token=" + token) is None

    @pytest.mark.parametrize(
        "body", [b"", b"a=1", b"xcsrf_token=%s", b"a=csrf_token=%s", b"csrf_token=", b"CSRF_TOKEN=%s"]
    )
    def test_a_form_without_the_field_is_refused(self, body: bytes) -> None:
        site = Site()
        token = site.token()
        sent = body.replace(b"%s", token)
        assert site.send(FORM, cookies=both(token)[0], body=sent) is Reason.CSRF_MISSING

    def test_a_field_beyond_the_prefix_is_refused_for_want_of_a_token(self) -> None:
        site = Site()
        token = site.token()
        body = b"a=" + b"x" * 65536 + b"&csrf_token=" + token
        assert site.send(FORM, cookies=both(token)[0], body=body) is Reason.CSRF_MISSING

    def test_a_field_cut_by_the_prefix_is_not_read_as_shorter(self) -> None:
        site = Site()
        token = site.token()
        body = b"a=" + b"x" * (65536 - 14 - len(token)) + b"&csrf_token=" + token
        assert len(body) == 65536
        assert site.send(FORM, cookies=both(token)[0], body=body) is None
        assert site.send(FORM, cookies=both(token)[0], body=body + b"x") is Reason.CSRF_MISSING

    def test_the_field_of_a_multipart_form_counts_before_files(self) -> None:
        site = Site()
        token = site.token()
        field, file = (b'name="csrf_token"', token), (b'name="f"; filename="a.txt"', b"hello")
        header, body = multipart((b'name="a"', b"1"), field, file)
        assert site.send(header, cookies=both(token)[0], body=body) is None
        header, body = multipart(file, field)
        assert site.send(header, cookies=both(token)[0], body=body) is Reason.CSRF_MISSING

    def test_after_a_file_the_header_still_counts(self) -> None:
        site = Site()
        cookies, token = both(site.token())
        header, body = multipart((b'name="f"; filename="a.txt"', b"hello"))
        assert site.send(header, token, cookies=cookies, body=body) is None

    @pytest.mark.parametrize(
        "disposition",
        [b'name="csrf_token"; filename="x"', b"name=csrf_token; FILENAME*=utf-8''x", b'filename=""; name="csrf_token"',
         b'name="a"; name="csrf_token"', b'name="xcsrf_token"', b'x="; name=csrf_token; "'],
    )  # fmt: skip
    def test_a_file_or_an_ambiguous_part_is_no_token(self, disposition: bytes) -> None:
        site = Site()
        token = site.token()
        header, body = multipart((disposition, token))
        assert site.send(header, cookies=both(token)[0], body=body) is Reason.CSRF_MISSING

    @pytest.mark.parametrize(
        "content_type",
        [b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 71,
         b"text/plain", b"application/json", b"multipart/mixed; boundary=XyZ", b"\xff"],
    )  # fmt: skip
    def test_other_bodies_need_the_header(self, content_type: bytes) -> None:
        site = Site()
        token = site.token()
        _, body = multipart((b'name="csrf_token"', token))
        sent = (b"content-type", content_type)
        assert site.send(sent, cookies=both(token)[0], body=body) is Reason.CSRF_MISSING

    def test_a_wrong_header_is_not_made_good_by_the_field(self) -> None:
        site = Site()
        token = site.token()
        wrong = (b"x-csrf-token", site.token("mallory"))
        assert site.send(FORM, wrong, cookies=both(token)[0], body=b"csrf_token=" + token) is Reason.CSRF_INVALID

    def test_no_body_is_asked_for_where_none_is_needed(self) -> None:
        site = Site()
        cookies, header = both(site.token())
        for facts in (
            make_facts("GET", headers=[FORM, (b"cookie", cookies)]),
            make_facts("POST", headers=[FORM, (b"cookie", None)]),
            make_facts("POST", headers=[FORM, (b"cookie", cookies), header]),
            make_facts("POST", headers=[JSON, (b"cookie", cookies)]),
        ):
            assert site.layer.peek is not None
            assert site.layer.peek(facts) is None


class TestIssue:
    def test_a_token_that_was_asked_for_comes_with_its_cookie(self) -> None:
        site = Site()
        exchange = Exchange(make_facts(headers=[(b"cookie", b"sid=alice")]), site.services)
        judge(site.layer, exchange.facts, exchange)
        token = exchange.csrf_token.encode()
        headers = answer(site.layer, exchange, [(b"content-type", b"application/json")])
        assert values(headers, b"set-cookie") == [NAME + token + b"; Path=/; Secure; SameSite=Lax"]
        assert values(headers, b"vary") == [b"cookie"]

    def test_a_good_token_is_handed_out_again_so_that_tabs_agree(self) -> None:
        site = Site()
        cookies, header = both(site.token())
        exchange = Exchange(make_facts(headers=[(b"cookie", cookies)]), site.services)
        judge(site.layer, exchange.facts, exchange)
        assert exchange.csrf_token.encode() == header[1]
        assert not values(answer(site.layer, exchange, [HTML]), b"set-cookie")

    def test_past_half_its_life_it_is_renewed(self) -> None:
        site = Site(Policy(csrf={"lifetime": "1 hour"}))
        cookies, _ = both(site.token())
        assert site.page(HTML, cookies=cookies) == []
        site.bench.wall = NOW + 1861
        assert len(site.page(HTML, cookies=cookies)) == 1

    def test_a_page_for_a_session_without_a_valid_token_brings_one(self) -> None:
        site = Site()
        for cookies in (b"sid=alice", b"sid=alice; __Host-csrf=stale", both(site.token("bob"))[0]):
            [line] = site.page(HTML, cookies=cookies)
            token = line.removeprefix(NAME).split(b";")[0]
            sent, header = both(token)
            assert site.send(JSON, header, cookies=sent) is None

    def test_clients_without_cookies_are_left_alone(self) -> None:
        assert Site(presession=True).page(HTML) == []

    @pytest.mark.parametrize(
        ("headers", "status", "method"),
        [((JSON,), 200, "GET"), ((HTML,), 404, "GET"), ((HTML,), 302, "GET"), ((HTML,), 200, "POST"), ((), 200, "GET"),
         ((HTML, (b"cache-control", b"public, max-age=60")), 200, "GET"),
         ((HTML, (b"cache-control", b"S-MaxAge=60")), 200, "GET")],
    )  # fmt: skip
    def test_other_answers_bring_none(self, headers: tuple[Header, ...], status: int, method: str) -> None:
        assert Site().page(*headers, cookies=b"sid=alice", status=status, method=method) == []

    def test_our_own_refusals_bring_none(self) -> None:
        assert Site().page(HTML, cookies=b"sid=alice", ours=True) == []

    def test_without_a_session_a_pre_session_begins_and_its_cookie_is_not_lost(self) -> None:
        lines = Site(presession=True).page(HTML, cookies=b"theme=dark")
        assert [line.split(b"=")[0] for line in lines] == [b"__Host-csrf", b"sid"]

    def test_a_log_in_brings_a_token_for_the_new_session_whatever_the_answer(self) -> None:
        site = Site()
        cookies, _ = both(site.token("pre"), b"pre")
        exchange = Exchange(make_facts("POST", headers=[(b"cookie", cookies)]), site.services)
        judge(site.layer, exchange.facts, exchange)
        assert exchange.csrf_token
        exchange.session, exchange.login = "alice", "in"
        exchange.renew_csrf()
        [line] = values(answer(site.layer, exchange, [], status=303), b"set-cookie")
        sent, header = both(line.removeprefix(NAME).split(b";")[0])
        assert site.send(JSON, header, cookies=sent) is None

    def test_a_log_out_takes_the_cookie_back(self) -> None:
        site = Site()
        exchange = Exchange(make_facts("POST", headers=[(b"cookie", b"sid=alice")]), site.services)
        judge(site.layer, exchange.facts, exchange)
        exchange.session, exchange.login = None, "out"
        lines = values(answer(site.layer, exchange, [], status=303), b"set-cookie")
        assert lines == [NAME + b"; Path=/; Secure; SameSite=Lax; Max-Age=0"]

    def test_with_cross_site_sessions_the_cookie_is_cross_site_too(self) -> None:
        [line] = Site(Policy(session={"same_site": "None"})).page(HTML, cookies=b"sid=alice")
        assert line.endswith(b"; SameSite=None")

    def test_an_answer_given_before_the_layer_was_asked_is_left_alone(self) -> None:
        site = Site()
        exchange = Exchange(make_facts(headers=[(b"cookie", b"sid=alice")]), site.services)
        assert answer(site.layer, exchange, [HTML]) == [HTML]


class TestModes:
    def test_in_monitor_mode_tokens_are_handed_out_and_refusals_named(self) -> None:
        site = Site(Policy(csrf={"mode": "monitor"}))
        assert site.layer.mode is Mode.MONITOR
        assert site.send(JSON, cookies=b"sid=alice") is Reason.CSRF_MISSING
        assert site.page(HTML, cookies=b"sid=alice")

    def test_off_for_everything_is_off(self) -> None:
        assert Site(Policy(preset="api")).layer.mode is Mode.OFF

    def test_an_exempt_route_class_records_what_would_have_needed_a_token(self) -> None:
        off = {"mode": "off", "allow_insecure_off": "signed webhooks"}
        policy = Policy(routes=[{"name": "hooks", "paths": ["/hooks/**"], "csrf": off}])
        site = Site(policy.effective(policy.routes[0]))
        assert site.send(JSON, cookies=b"sid=alice") is None
        assert site.bench.events == [(EventName.CSRF_EXEMPTION_USED, {"route": "hooks"})]
        assert site.send(JSON) is None
        assert len(site.bench.events) == 1
