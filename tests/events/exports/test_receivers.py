"""Events arrive at real receivers, whole and once; receivers that are away hold up nobody and are told of."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import json
import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from starlette.applications import Starlette

from garrison import Policy, harden
from garrison.core.clock import SYSTEM
from garrison.events.bus import Bus
from garrison.events.exports.build import BadAuthorities, build_exports
from garrison.events.exports.otlp import to_otlp
from garrison.events.links import BadLink
from garrison.events.vocabulary import EventName
from tests.events.exports.receiving import HOSTILE, Rsyslog, collector, prometheus, samples, web, within
from tests.events.making import Listed, section
from tests.support.revealing import revealing
from tests.support.valkey import Server, free_port

KEY = b"k" * 32
T = TypeVar("T", bound=Message)


@contextmanager
def exporting(*tables: dict[str, Any]) -> Iterator[tuple[Bus, Listed, list[str]]]:
    """A bus with these receivers, what else it writes, and its alarms."""
    alarms: list[str] = []
    beside = Listed()
    bus = Bus(section(), SYSTEM, [beside], "web1", alarm=alarms.append)
    for outlet in build_exports(Policy(events={"exports": tables}), KEY, bus.emit, alarms.append, revealing({})):
        bus.attach(outlet)
    bus.start()
    try:
        yield bus, beside, alarms
    finally:
        bus.close()


def send(bus: Bus, count: int = 3) -> None:
    for number in range(count):
        bus.emit(EventName.AUTHN_LOGIN_FAIL, None, number=number, text=HOSTILE)
    bus.flush()


def test_rsyslog_reads_every_message_over_tls_as_it_was_meant(tmp_path: Path) -> None:
    with Rsyslog(tmp_path) as receiver:
        to = {"to": f"syslog+tls://localhost:{receiver.port}", "ca": str(receiver.authority.file), "format": "ocsf"}
        with exporting(to) as (bus, _, _):
            for batch in range(4):  # over one connection that is kept
                send(bus)
                time.sleep(0.05 * batch)

            def lines() -> list[dict[str, Any]]:
                found = receiver.file.read_text() if receiver.file.exists() else ""
                return [json.loads(line) for line in found.splitlines() if '"msgid":"authn_login_fail"' in line]

            assert within(15, lambda: len(lines()) >= 12), (lines(), bus.stats())
    read = lines()
    assert len(read) == 12
    assert {(one["pri"], one["hostname"], one["app-name"]) for one in read} == {("84", "web1", "garrison")}
    told = [json.loads(one["msg"]) for one in read]
    assert [one["unmapped"]["number"] for one in told] == [0, 1, 2] * 4
    assert {one["unmapped"]["text"] for one in told} == {HOSTILE}


def test_a_syslog_server_with_another_certificate_gets_nothing(tmp_path: Path) -> None:
    with Rsyslog(tmp_path / "one") as receiver:
        other = Rsyslog(tmp_path / "two").authority
        to = {"to": f"syslog+tls://localhost:{receiver.port}", "ca": str(other.file)}
        with exporting(to) as (bus, beside, alarms):
            time.sleep(1)
            send(bus)
            assert within(10, lambda: any(one.name is EventName.DEGRADED for one in beside.events))
            assert any("syslog+tls:localhost" in one for one in alarms)
        assert not receiver.file.exists() or "authn_login_fail" not in receiver.file.read_text()


def test_a_webhook_is_signed_and_a_changed_one_is_not_its_sender(tmp_path: Path) -> None:
    with web() as (url, got), exporting({"to": f"{url}/hook?x=1"}) as (bus, _, _):
        send(bus)
        assert within(5, lambda: got)
    headers, body = got[0]
    assert headers["path"] == "/hook?x=1"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    tag = base64.b64decode(headers["webhook-signature"].removeprefix("v1,"))
    assert hmac.compare_digest(tag, hmac.digest(KEY, signed + body, "sha256"))
    assert not hmac.compare_digest(tag, hmac.digest(KEY, signed + body + b" ", "sha256"))
    assert [one["details"]["number"] for one in json.loads(body)] == [0, 1, 2]


def test_otlp_arrives_where_collectors_listen_and_is_read_by_their_schema() -> None:
    with web() as (url, got), exporting({"to": f"otlp+{url}"}) as (bus, _, _):
        send(bus)
        assert within(5, lambda: got)
    headers, body = got[0]
    assert (headers["path"], headers["content-type"]) == ("/v1/logs", "application/json")
    read = json_format.Parse(body, ExportLogsServiceRequest())
    assert len(read.resource_logs[0].scope_logs[0].log_records) == 3


def test_a_collector_understands_logs_and_counts_as_they_were_meant(tmp_path: Path) -> None:
    """A real one, of other people: what it hands on is what the protocol's schema reads in what it was sent."""
    with (
        web() as (onward, got),
        collector(tmp_path, onward) as address,
        exporting({"to": f"otlp+{address}", "metrics": True}) as (bus, beside, _),
    ):
        send(bus)  # it may not listen yet: then it is sent again

        def counts() -> list[Metric]:
            return [
                metric
                for request in _handed_on(got, "/v1/metrics", ExportMetricsServiceRequest)
                for metric in request.resource_metrics[0].scope_metrics[0].metrics
            ]

        assert within(30, lambda: len(_log_ins(got)) >= 3 and bool(counts())), (tmp_path / "collector.log").read_text()
    meant = [one for one in beside.events if one.name is EventName.AUTHN_LOGIN_FAIL]
    sent = json_format.ParseDict(to_otlp(meant), ExportLogsServiceRequest()).resource_logs[0].scope_logs[0]
    assert len(meant) == 3
    assert list(map(json_format.MessageToDict, _log_ins(got))) == list(map(json_format.MessageToDict, sent.log_records))
    assert {one.name for one in counts()} == {"garrison.events"}
    assert all(one.sum.is_monotonic for one in counts())


def _handed_on(got: list[tuple[dict[str, str], bytes]], path: str, kind: type[T]) -> list[T]:
    """What came in protobuf to `path`, which it always compresses."""
    return [kind.FromString(gzip.decompress(body)) for headers, body in got if headers["path"] == path]


def _log_ins(got: list[tuple[dict[str, str], bytes]]) -> list[LogRecord]:
    requests = _handed_on(got, "/v1/logs", ExportLogsServiceRequest)
    every = [one for each in requests for logs in each.resource_logs for one in logs.scope_logs[0].log_records]
    return [one for one in every if any(of.value.string_value == HOSTILE for of in one.attributes)]


def test_otlp_metrics_are_cumulative_and_count_a_batch_that_comes_again_once() -> None:
    answers = [500, 500, *[200] * 100]
    with web(lambda: answers.pop(0)) as (url, got), exporting({"to": f"otlp+{url}", "metrics": True}) as (bus, _, _):
        send(bus, 3)
        assert within(8, lambda: _counted(got) == 3)
        send(bus, 4)
        assert within(8, lambda: _counted(got) == 7)
    assert {headers["path"] for headers, _ in got} == {"/v1/logs", "/v1/metrics"}


def _counted(got: list[tuple[dict[str, str], bytes]]) -> int:
    """Failed log-ins as the newest report has them, read by the protocol's own schema."""
    bodies = [body for headers, body in got if headers["path"] == "/v1/metrics"]
    if not bodies:
        return 0
    metric = (
        json_format.Parse(bodies[-1], ExportMetricsServiceRequest()).resource_metrics[0].scope_metrics[0].metrics[0]
    )
    assert metric.name == "garrison.events"
    assert metric.sum.is_monotonic
    points = {one.attributes[0].value.string_value: one.as_int for one in metric.sum.data_points}
    return points.get("authn_login_fail", 0)


def test_metrics_are_refused_where_they_can_not_go() -> None:
    exports = Policy(events={"exports": [{"to": "https://a.example/", "metrics": True}]})
    with pytest.raises(BadLink):
        build_exports(exports, KEY, lambda *_, **__: None, print, revealing({}))


def test_a_valkey_stream_gets_every_event_and_keeps_to_its_length(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        with exporting({"to": server.url, "keep": 1000, "stream": "events:shop"}) as (bus, _, _):
            for _ in range(10):
                send(bus, 300)
            assert within(10, lambda: '"number":299' in server.ask("XREVRANGE", "events:shop", "+", "-", "COUNT", "1"))
        length = int(server.ask("XLEN", "events:shop").strip(":\r\n "))
        assert 1000 <= length < 1300
        first = server.ask("XREVRANGE", "events:shop", "+", "-", "COUNT", "1")
        assert "authn_login_fail" in first


def test_a_file_gets_lines_in_the_chosen_format(tmp_path: Path) -> None:
    with exporting({"to": str(tmp_path / "log"), "format": "cef", "least": "warning"}) as (bus, _, _):
        bus.emit(EventName.STARTUP)  # a notice
        send(bus)
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 3
    assert all(line.startswith("CEF:0|Garrison|") for line in lines)


@pytest.mark.parametrize("kind", ["refused", "hangs", "500"])
def test_a_receiver_that_is_away_holds_up_nothing_and_gets_what_waited_when_it_is_back(kind: str) -> None:
    away = [True]
    silent = socket.create_server(("127.0.0.1", 0))
    with web(lambda: 500 if away[0] else 200) as (url, got):
        port = url.rpartition(":")[2]
        if kind == "hangs":
            port = str(silent.getsockname()[1])
        elif kind == "refused":
            port = str(free_port())
        with exporting({"to": f"http://127.0.0.1:{port}/", "queue": 100}) as (bus, beside, alarms):
            began = time.monotonic()
            for _ in range(10):
                send(bus, 50)
            assert time.monotonic() - began < 3
            assert sum(one.name is EventName.AUTHN_LOGIN_FAIL for one in beside.events) == 500
            if kind != "hangs":
                assert within(8, lambda: any(one.name is EventName.DEGRADED for one in beside.events))
                assert within(3, lambda: alarms)
            if kind == "500":
                away[0] = False
                assert within(8, lambda: any(one.name is EventName.EVENTS_DROPPED for one in beside.events))
                assert within(3, lambda: sum(len(json.loads(body)) for _, body in got) >= 100)
                lost = [one.details for one in beside.events if one.name is EventName.EVENTS_DROPPED]
                assert int(str(lost[0]["lost"])) >= 300
                assert any(one.name is EventName.RECOVERED for one in beside.events)
    silent.close()


@pytest.mark.parametrize("to", ["ftp://a/", "mailto:x", "https://user:secret@a/", "relative"])
def test_what_is_no_receiver_is_refused_at_start_without_showing_a_password(to: str) -> None:
    with pytest.raises(BadLink) as caught:
        build_exports(Policy(events={"exports": [{"to": to}]}), KEY, lambda *_, **__: None, print, revealing({}))
    assert "secret" not in str(caught.value)


def test_authorities_that_are_none_are_refused_at_start(tmp_path: Path) -> None:
    table = {"to": "https://a.example/", "ca": str(tmp_path / "absent.pem")}
    with pytest.raises(BadAuthorities):
        build_exports(Policy(events={"exports": [table]}), KEY, lambda *_, **__: None, print, revealing({}))


@contextmanager
def served(state: Path) -> Iterator[tuple[int, int]]:
    """A hardened application on two sockets: for everybody, and for the operator."""
    public, operator = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    ports = public.getsockname()[1], operator.getsockname()[1]
    policy = Policy(
        preset="api", environment="development", hosts=["localhost"], state=str(state),
        operator={"listen": [f"127.0.0.1:{ports[1]}"]}, events={"output": "none"},
    )  # fmt: skip
    server = uvicorn.Server(uvicorn.Config(harden(Starlette(), policy), log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[public, operator])), daemon=True)
    thread.start()
    try:
        assert within(10, lambda: server.started)
        yield ports
    finally:
        server.should_exit = True
        thread.join(10)


def get(url: str, host: str = "") -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - of this machine
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - as above
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_prometheus_scrapes_the_operators_socket_and_nobody_else_sees_it(tmp_path: Path) -> None:
    with served(tmp_path / "state") as (public, operator):
        for _ in range(3):
            assert get(f"http://127.0.0.1:{public}/", "evil.example")[0] == 421
        assert get(f"http://127.0.0.1:{public}/.garrison/metrics", "localhost")[0] == 404
        status, page = get(f"http://127.0.0.1:{operator}/.garrison/metrics")
        assert status == 200, page
        with prometheus(tmp_path, f"127.0.0.1:{operator}") as url:
            query = urllib.parse.quote('garrison_events_total{name="host_refused",outcome="refused"}')

            def value() -> str:
                try:
                    data = json.loads(get(f"{url}/api/v1/query?query={query}")[1] or "{}")
                except (OSError, ValueError):
                    return ""
                found = data.get("data", {}).get("result", [])
                return str(found[0]["value"][1]) if found else ""

            assert within(25, lambda: value() == "3"), value()
            up = json.loads(get(f"{url}/api/v1/query?query=garrison_writer_up")[1])["data"]["result"]
            assert {one["metric"]["writer"] for one in up} >= {"sqlite", "audit", "metrics"}
            assert {one["value"][1] for one in up} == {"1"}


def test_samples_cover_what_receivers_care_for() -> None:
    assert len({one.category for one in samples()}) == 4
