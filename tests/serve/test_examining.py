"""`garrison certs check` tells good endpoints from bad ones: real servers, each wrong in one way."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from garrison.findings.record import Finding
from garrison.scan.tls import judge, profile_of
from garrison.serve.context import TlsProfile, server_context
from garrison.serve.examining import Endpoint, EndpointAway, Seen, examine
from garrison.serve.production import Pair
from tests.cli.conftest import here
from tests.cli.running import Here
from tests.serve.authority import Authority

__all__ = ["here"]
pytestmark = [pytest.mark.server]
NOW = datetime.now(UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", "Authority of tests")


@contextmanager
def listening(context: ssl.SSLContext) -> Iterator[int]:
    """A server that agrees on TLS and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    continue
                connection.settimeout(5)
                with suppress(OSError), context.wrap_socket(connection, server_side=True) as agreed:
                    agreed.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()
            thread.join(10)


def seen_of(context: ssl.SSLContext, ca_file: Path | None, name: str = "localhost") -> Seen:
    with listening(context) as port:
        return examine(Endpoint("127.0.0.1", port, name, ca_file))


def ids(found: list[Finding]) -> set[str]:
    return {one.id for one in found}


def good(pair: Pair, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    return server_context(TlsProfile(pair.cert_file, pair.key_file, minimum=minimum))


@pytest.mark.parametrize(
    ("minimum", "profile"), [(ssl.TLSVersion.TLSv1_2, "intermediate"), (ssl.TLSVersion.TLSv1_3, "modern")]
)
def test_our_own_profiles_are_recognised_and_nothing_is_wrong_with_them(
    minimum: ssl.TLSVersion, profile: str, authority: Authority
) -> None:
    seen = seen_of(good(authority.pair("a", days=30), minimum), authority.file)
    assert profile_of(seen) == profile
    assert judge(seen, NOW) == []
    assert seen.versions["TLSv1.3"]
    assert seen.versions["TLSv1.2"] is (profile == "intermediate")
    assert set(seen.curves) == {"X25519", "prime256v1", "secp384r1"}


def old(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")


def weak(context: ssl.SSLContext) -> None:
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA")


def stale(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def anonymous(context: ssl.SSLContext) -> None:
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:AECDH-AES128-SHA:@SECLEVEL=0")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [(old, {"TLS004", "TLS005", "TLS009"}), (weak, {"TLS005"}), (anonymous, {"TLS009"}), (stale, {"TLS007"})],
    ids=["old protocols", "weak suites", "suites without a certificate", "no TLS 1.3"],
)  # fmt: skip
def test_each_weakness_is_found(
    spoil: Callable[[ssl.SSLContext], None], expected: set[str], authority: Authority
) -> None:
    context = good(authority.pair("a", days=30))
    spoil(context)
    seen = seen_of(context, authority.file)
    assert ids(judge(seen, NOW)) == expected
    assert profile_of(seen) == ("intermediate" if expected == {"TLS007"} else "")


def test_a_group_outside_the_profile_is_found(authority: Authority) -> None:
    pair = authority.pair("a", days=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # as Python comes: any group, any suite
    context.load_cert_chain(pair.cert_file, pair.key_file)
    found = judge(seen_of(context, authority.file), NOW)
    assert {"TLS006"} <= ids(found) <= {"TLS005", "TLS006"}


def test_who_is_not_trusted_and_for_what_name_is_said(authority: Authority) -> None:
    context = good(authority.pair("a", days=30))
    assert ids(judge(seen_of(context, None), NOW)) == {"TLS001"}
    [finding] = judge(seen_of(context, authority.file, "shop.example.com"), NOW)
    assert finding.id == "TLS001"
    assert "shop.example.com" in finding.message
    assert "localhost" in finding.message


def test_the_end_is_told_ever_louder(authority: Authority) -> None:
    seen = seen_of(good(authority.pair("a", days=30)), authority.file)  # fifty days in all
    said = {}
    for left in (11, 9, 4, 0.5, -1):
        now = seen.chain[0].not_valid_after_utc - timedelta(days=left)
        said[left] = [str(one.severity) for one in judge(seen, now)]
    assert said == {11: [], 9: ["low"], 4: ["medium"], 0.5: ["high"], -1: ["critical"]}


def test_an_expired_certificate_is_found_over_the_wire(authority: Authority) -> None:
    found = judge(seen_of(good(authority.pair("a", days=-1)), authority.file), NOW)
    assert ids(found) == {"TLS001", "TLS002"}


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_who_asks_for_client_certificates_is_seen_as_whole_as_who_does_not(
    newest: ssl.TLSVersion, authority: Authority
) -> None:
    """TLS 1.2 refuses a client without one late, and by the words that it has for no common suite."""
    asked = []
    for mode in (ssl.CERT_NONE, ssl.CERT_REQUIRED):
        context = good(authority.pair("a", days=30))
        context.maximum_version = newest
        context.load_verify_locations(authority.file)
        context.verify_mode = mode
        seen = seen_of(context, authority.file)
        asked.append((seen.versions, seen.suites, set(seen.curves), seen.distrust, profile_of(seen), len(seen.chain)))
    assert asked[0] == asked[1]
    assert asked[0][0]["TLSv1.2"]


def test_what_got_no_answer_is_not_taken_for_refused(
    here: Here, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, real = good(authority.pair("a", days=30)), ssl.SSLContext.wrap_socket
    first, done = threading.Event(), threading.Event()

    def accept(connection: socket.socket, **options: Any) -> ssl.SSLSocket:
        if first.is_set():
            done.wait(60)  # whoever comes later waits in vain
            raise OSError
        first.set()
        monkeypatch.setattr("garrison.serve.examining.SECONDS", 0.05)
        return real(context, connection, **options)

    monkeypatch.setattr(context, "wrap_socket", accept)
    options = ("--name", "localhost", "--ca-file", str(authority.file))
    with listening(context) as port:
        ran = here.run("certs", "check", f"127.0.0.1:{port}", *options)
        done.set()
    assert ran.code == 3
    assert "gave no answer in time about TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, further suites, further groups" in ran.flat
    assert "Mozilla profile: none" in ran.out


def test_nothing_there_and_no_tls_are_typed_errors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(EndpointAway, match="is no TLS"):
            examine(Endpoint("127.0.0.1", port))
    with pytest.raises(EndpointAway):
        examine(Endpoint("127.0.0.1", port))


def test_the_command_shows_facts_and_findings_and_exits_by_them(here: Here, authority: Authority) -> None:
    with listening(good(authority.pair("a", days=30))) as port:
        options = ("--name", "localhost", "--ca-file", str(authority.file))
        ran = here.run("certs", "check", f"127.0.0.1:{port}", *options)
        assert ran.code == 0, ran.err
        assert "Mozilla profile: intermediate" in ran.out
        assert "TLSv1.3" in ran.flat
        bad = here.run("certs", "check", f"127.0.0.1:{port}", "--format", "json")
        assert bad.code == 1
        assert [one["id"] for one in bad.json["findings"]] == ["TLS001"]
    assert here.run("certs", "check", f"127.0.0.1:{port}").code == 3
    for wrong in ("https://example.com", "a:b", "x:0", "a b", ""):
        assert here.run("certs", "check", wrong).code == 2


def test_trusting_the_development_authority_is_explained_and_left_to_its_owner(here: Here) -> None:
    ran = here.run("certs", "trust")
    assert ran.code == 0
    assert "ca.pem" in ran.out
    assert "Garrison development CA" in ran.out
    assert here.run("certs", "list").code == 0
    assert here.run("certs", "renew").code == 2
