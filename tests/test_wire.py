"""`harden`: where the policy comes from, what a user adds, what stops a start, and what it leaves behind."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import pytest

from garrison import harden
from garrison.core.errors import OperatorError
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.core.headers import Edit
from garrison.core.layer import Layer
from garrison.core.ports import TellPrincipal
from garrison.core.stack import ClaimedTwice, ClaimMissing
from garrison.core.verdict import Reason, Refuse, Verdict
from garrison.policy.checks import PolicyUnsafe
from garrison.policy.model import Policy
from garrison.policy.presets import PRESETS, apply_preset
from garrison.policy.problems import PolicyInvalid
from garrison.recording import announce, switched_off
from garrison.rehearsal import rehearse
from garrison.testing import FrozenClock, captured_events, testing_policy
from tests.asgi.driving import Driven, Message, Receive, Send, drive, hardened, http_scope

pytestmark = pytest.mark.anyio

FILE = 'preset = "testing"\nenvironment = "development"\nhosts = ["file.example"]\n'
COOKIE = (b"cookie", b"sid=1")


async def app(scope: Message, receive: Receive, send: Send) -> None:
    principal = scope["state"]["garrison"].principal
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": (principal.id if principal else "nobody").encode()})


async def ask(onion: Any, host: bytes = b"testserver", path: bytes = b"/", **more: Any) -> Driven:
    return await drive(onion, http_scope(path=path, headers=[(b"host", host)], **more))


def added(before: set[threading.Thread], expected: Set[str] = frozenset(), seconds: float = 20.0) -> Set[str]:
    """Names of the threads that came since `before`, as soon as they are the `expected` ones.

    By thread, not by number: those of earlier tests may end meanwhile. One whose application is gone ends by itself.
    """
    end = time.monotonic() + seconds
    while True:
        gc.collect()
        names = {thread.name for thread in {*threading.enumerate()} - before}
        if names == expected or time.monotonic() > end:
            return names
        time.sleep(0.02)


async def test_the_policy_is_found_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "garrison.toml").write_text(FILE)
    onion = harden(app)
    assert (await ask(onion, b"file.example")).status == 200
    assert (await ask(onion)).status == 421


async def test_the_policy_is_read_from_the_path_that_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "other.toml"
    path.write_text(FILE)
    for given in (path, str(path)):
        assert (await ask(harden(app, given), b"file.example")).status == 200


async def test_the_environment_is_laid_under_a_policy_in_python_and_over_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "garrison.toml").write_text(FILE)
    monkeypatch.setenv("GARRISON_HOSTS", '["env.example"]')
    assert (await ask(harden(app), b"env.example")).status == 200
    assert (await ask(harden(app, testing_policy(hosts=["py.example"])), b"py.example")).status == 200


def test_an_unsafe_or_malformed_policy_stops_the_start_and_leaves_no_thread_behind() -> None:
    before = {*threading.enumerate()}
    with pytest.raises(PolicyUnsafe, match="hosts"):
        harden(app, Policy(key="env:NOWHERE"))
    with pytest.raises(PolicyInvalid):
        harden(app, testing_policy().model_copy(update={"preset": "api"}))
    with pytest.raises(ClaimedTwice):
        hardened(app, Layer("mine", sets=((b"x-frame-options", b"DENY"),), claims=(b"x-frame-options",)))
    assert added(before) == set()


def test_a_header_has_one_owner_who_says_so() -> None:
    with pytest.raises(ClaimMissing, match="x-mine"):
        hardened(app, Layer("mine", sets=((b"x-mine", b"1"),)))
    first, second = (Layer(name, claims=(b"x-mine",)) for name in ("first", "second"))
    with pytest.raises(ClaimedTwice, match=r"'first' and 'second'"):
        hardened(app, first, second)


def test_an_application_nobody_holds_takes_its_threads_and_open_files_along(tmp_path: Path) -> None:
    def opened() -> list[str]:
        found = (one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_symlink())
        return [str(one) for one in found if str(one).startswith(str(tmp_path))]

    before = {*threading.enumerate()}
    away = {"exports": [{"to": "syslog://127.0.0.1:9"}]}  # nobody listens there
    audit = {"enabled": True, "ship": [f"{tmp_path}/kept"]}
    onion = hardened(app, state=str(tmp_path), audit=audit, events=away)
    assert opened()
    ours = {"garrison-events", "garrison-audit", "garrison-syslog:127.0.0.1"}
    assert added(before, ours) >= ours
    del onion
    assert added(before) == set()
    assert opened() == []


async def test_a_layer_of_ones_own_is_a_function_in_one_line() -> None:
    def no_crawlers(facts: Facts) -> Verdict:
        return Refuse(Reason.BANNED, 403) if b"crawler" in facts.headers.get(b"user-agent", b"") else None

    onion = hardened(app, no_crawlers)
    assert onion.doors[0].stack.find("no_crawlers") is not None
    crawler = http_scope(headers=[(b"user-agent", b"crawler/1.0")])
    assert (await drive(onion, crawler)).status == 403
    assert (await ask(onion)).status == 200


async def test_a_layer_of_ones_own_is_asked_after_the_built_in_ones() -> None:
    asked: list[Facts] = []
    onion = hardened(app, asked.append)
    assert (await ask(onion, b"evil.example")).status == 421
    assert asked == []
    await ask(onion)
    assert len(asked) == 1


async def test_a_layer_of_ones_own_writes_and_takes_headers_in_every_route_class() -> None:
    def amend(exchange: Exchange, edit: Edit) -> None:
        edit.put(b"x-id", exchange.request_id.encode())

    mine = Layer(
        "mine", amend=amend, sets=((b"x-mine", b"1"),), drops=(b"content-type",), claims=(b"x-mine", b"content-type")
    )
    onion = hardened(app, mine, routes=[{"name": "api", "paths": ["/api"], "host": {"ports": []}}])
    for path in (b"/", b"/api"):
        driven = await ask(onion, path=path)
        assert (driven.values(b"x-mine"), driven.values(b"content-type")) == ([b"1"], [])
        assert len(driven.values(b"x-id")) == 1


def told_at_once(facts: Facts, exchange: Exchange) -> Principal | None:
    return Principal("ada") if b"cookie" in facts.headers else None


async def told_later(facts: Facts, exchange: Exchange) -> Principal | None:
    return told_at_once(facts, exchange)


@pytest.mark.parametrize("resolve", [told_at_once, told_later])
async def test_who_is_asking_may_be_told_by_the_application(resolve: TellPrincipal) -> None:
    onion = harden(app, testing_policy(), principal=resolve)
    assert (await ask(onion)).body == b"nobody"
    driven = await drive(onion, http_scope(headers=[COOKIE]))
    assert driven.body == b"ada"
    assert b"no-store" in driven.values(b"cache-control")[0]


def fails(facts: Facts, exchange: Exchange) -> Principal | None:
    raise LookupError


async def fails_later(facts: Facts, exchange: Exchange) -> Principal | None:
    raise LookupError


@pytest.mark.parametrize("resolve", [fails, fails_later, lambda facts, exchange: "ada"])
async def test_nobody_comes_in_where_it_cannot_be_told_who_is_asking(resolve: Any) -> None:
    onion = harden(app, testing_policy(), principal=resolve)
    with captured_events(onion) as events:
        driven = await ask(onion)
    assert driven.status == 503
    assert events[-1].layer == "principal"


async def test_tokens_are_bound_to_the_applications_own_session_when_it_tells() -> None:
    sessions: list[str] = ["one"]

    async def page(scope: Message, receive: Receive, send: Send) -> None:
        body = scope["state"]["garrison"].csrf_token.encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    onion = harden(page, testing_policy(), session_id=lambda facts: sessions[0])
    token = (await ask(onion)).body
    assert not [line for line in (await ask(onion)).values(b"set-cookie") if b"session" in line], "no pre-session"
    headers = [(b"cookie", b"__Host-csrf=" + token), (b"x-csrf-token", token), (b"content-type", b"application/json")]
    assert (await drive(onion, http_scope("POST", headers=headers))).status == 200
    sessions[0] = "two"
    assert (await drive(onion, http_scope("POST", headers=headers))).status == 403


async def test_time_is_an_argument_and_two_applications_share_nothing() -> None:
    clock = FrozenClock()
    limits = testing_policy(rate={"mode": "enforce", "address": ["2/minute"]})
    first, second = (harden(app, limits, clock=clock.clock) for _ in range(2))
    assert [(await ask(first)).status for _ in range(3)] == [200, 200, 429]
    assert (await ask(second)).status == 200
    clock.advance(60)
    assert (await ask(first)).status == 200


async def test_events_name_the_route_class_of_their_request() -> None:
    routes = [{"name": "shop", "paths": ["/shop"], "method": {"allow": ["POST"]}}]
    onion = hardened(app, routes=routes)
    with captured_events(onion) as events:
        await ask(onion, path=b"/shop")
        await ask(onion, b"evil.example")
        await drive(onion, http_scope("GET", b"/.garrison/reports", [(b"host", b"evil.example")]))
    assert [event.route for event in events] == ["shop", "default", "garrison-reports"]


async def test_no_route_class_of_a_policy_takes_the_reports_endpoint_over() -> None:
    """It would loosen what bounds it, or shut it."""
    routes = [{"name": "all", "paths": ["/**"], "size": {"body": "100 MB"}, "control": {"disabled": True}}]
    onion = hardened(app, routes=routes)
    kind = (b"content-type", b"application/reports+json")
    body = [{"type": "http.request", "body": b"[]"}]
    assert (await drive(onion, http_scope("POST", b"/.garrison/reports", [kind]), body)).status == 204
    large = [{"type": "http.request", "body": b" " * 70_000}]
    assert (await drive(onion, http_scope("POST", b"/.garrison/reports", [kind]), large)).status == 413
    assert (await ask(onion)).status == 503, "control: the class holds for the rest"


async def live(onion: Any) -> None:
    """Start and stop `onion` around nothing."""
    waiting = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> Message:
        return {"type": waiting.pop(0)}

    async def send(message: Message) -> None: ...

    await onion({"type": "lifespan", "state": {}}, receive, send)


async def test_events_are_on_disk_when_the_application_has_stopped(tmp_path: Path) -> None:
    async def speaks(scope: Message, receive: Receive, send: Send) -> None:
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    file = tmp_path / "events.jsonl"
    onion = hardened(speaks, events={"output": str(file), "store": False})
    await ask(onion, b"evil.example")
    await live(onion)
    names = [json.loads(line)["name"] for line in file.read_text().splitlines()]
    assert [name for name in names if name in {"policy_loaded", "host_refused", "sys_startup", "sys_shutdown"}] == [
        "policy_loaded", "host_refused", "sys_startup", "sys_shutdown",
    ]  # fmt: skip


def test_a_rehearsal_tells_every_mistake_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {*threading.enumerate()}
    good = Policy(preset="testing", environment="development")
    assert rehearse(good, {}) == []
    routes = [
        {"name": "a", "paths": ["/a"], "host": {"allow_ip": True}},
        {"name": "b", "paths": ["/b"], "method": {"allow": ["TRACE"]}},
    ]
    bearer = {"issuer": "http://issuer.example", "audience": "x"}
    errors: Sequence[OperatorError] = rehearse(Policy(hosts=["ok.example"], routes=routes, bearer=bearer), {})  # type: ignore[assignment]
    told = " ".join(map(str, errors))
    assert len(errors) >= 4
    for part in ("key", "allow_ip", "TRACE", "bearer.issuer"):
        assert part in told
    assert list(tmp_path.iterdir()) == []
    assert added(before) == set()


def test_a_rehearsal_makes_the_receivers_of_events_and_checkpoints_that_a_start_would_make(tmp_path: Path) -> None:
    exports = [{"to": "gopher://siem.example"}, {"to": "https://siem.example", "ca": str(tmp_path / "none.pem")}]
    audit = {"enabled": True, "ship": ["a/b"]}
    wrong = Policy(preset="testing", environment="development", events={"exports": exports}, audit=audit)
    told = " ".join(map(str, rehearse(wrong, {})))
    for part in ("gopher://siem.example", "none.pem", "'a/b'"):
        assert part in told
    exports = [{"to": str(tmp_path / "events")}, {"to": "https://siem.example"}]
    audit = {"enabled": True, "ship": [str(tmp_path / "ship"), "https://siem.example"]}
    good = Policy(preset="testing", environment="development", events={"exports": exports}, audit=audit)
    assert rehearse(good, {}) == []
    assert list(tmp_path.iterdir()) == []


def test_a_start_records_which_policy_it_is_and_what_it_has_off() -> None:
    told: list[tuple[str, dict[str, object]]] = []

    def emit(name: str, facts: object = None, /, **details: object) -> None:
        told.append((str(name), details))

    off = {"mode": "off", "allow_insecure_off": "a test"}
    policies = [Policy(csrf=off, audit={"enabled": False}), Policy(csrf=off), Policy(csrf=off)]
    for policy in policies:
        announce(policy, emit)
    digests = [details["digest"] for name, details in told if name == "policy_loaded"]
    assert digests[0] != digests[1] == digests[2]
    assert [details["sections"] for name, details in told if name == "sys_monitor_disabled"] == [
        "csrf, audit", "csrf", "csrf",
    ]  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_what_the_preset_itself_has_off_is_no_defence_that_somebody_switched_off(name: str) -> None:
    assert switched_off(Policy.model_validate(apply_preset({"preset": name}))) == []
    off = {"mode": "off", "allow_insecure_off": "a test"}
    assert switched_off(Policy.model_validate(apply_preset({"preset": name, "origin": off}))) == ["origin"]
