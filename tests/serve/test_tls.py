"""What the production server really negotiates, seen by OpenSSL's own client and by a scanner."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from garrison.serve.context import TlsProfile, server_context
from garrison.serve.devca import DevCA
from garrison.serve.errors import ClientCAUnusableError
from garrison.serve.gate import why_failed
from garrison.serve.groups import refuses_group
from garrison.serve.production import Pair
from tests.serve.authority import Authority
from tests.serve.conftest import client_context, handshake
from tests.serve.running import Running, production, stock
from tests.support.components import need

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> DevCA:
    return DevCA.open(tmp_path_factory.mktemp("ca"), datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="module", params=["intermediate", "modern"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ca: DevCA) -> Iterator[Running]:
    with production(tmp_path_factory.mktemp("served"), ca, serve={"profile": request.param}) as running:
        yield running


@pytest.fixture
def modern(served: Running, request: pytest.FixtureRequest) -> bool:
    return "modern" in request.node.callspec.id


def openssl(port: int, *options: str) -> str:
    """What `openssl s_client` says of one handshake; "" when there was none."""
    command = [need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *options]
    request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    done = subprocess.run(command, input=request, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout if re.search(r"Cipher +(?:is|:) (?!\(NONE\)|0000)\S+", done.stdout) else ""


CBC = "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA"


def test_protocols(served: Running, modern: bool) -> None:
    for old in ("-tls1", "-tls1_1"):
        assert not openssl(served.port, old, "-cipher", "ALL:@SECLEVEL=0")
    assert bool(openssl(served.port, "-tls1_2")) is not modern
    assert "TLSv1.3" in openssl(served.port, "-tls1_3")


def test_suites(served: Running, modern: bool) -> None:
    assert not openssl(served.port, "-tls1_2", "-cipher", CBC)
    assert bool(openssl(served.port, "-tls1_2", "-cipher", "ECDHE+AESGCM")) is not modern
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
        assert suite in openssl(served.port, "-tls1_3", "-ciphersuites", suite)


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
def test_groups_that_are_offered(group: str, served: Running) -> None:
    assert openssl(served.port, "-groups", group)


@pytest.mark.parametrize("group", ["P-521", "X448"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_groups_that_are_not(group: str, version: str, served: Running) -> None:
    assert not openssl(served.port, version, "-groups", group)


def test_alpn_names_what_is_spoken(served: Running) -> None:
    assert "ALPN protocol: http/1.1" in openssl(served.port, "-alpn", "h2,http/1.1")


def test_control_stock_uvicorn_offers_all_of_it(ca: DevCA) -> None:
    with stock(ca) as running:
        assert openssl(running.port, "-tls1_2", "-cipher", CBC)
        assert openssl(running.port, "-groups", "P-521")
        assert openssl(running.port, "-groups", "X448")
        assert "ALPN protocol: http/1.1" not in openssl(running.port, "-alpn", "http/1.1")


def test_no_session_is_handed_out_under_a_lasting_key(served: Running, modern: bool) -> None:
    """A TLS 1.2 ticket would carry the session under a key that lives as long as the process (RFC 5077 section 5.5)."""
    if not modern:
        assert "TLS session ticket:" not in openssl(served.port, "-tls1_2")


def test_control_stock_uvicorn_hands_out_tickets(ca: DevCA) -> None:
    with stock(ca) as running:
        assert "TLS session ticket:" in openssl(running.port, "-tls1_2")


def test_sslscan_finds_nothing_weak(served: Running, modern: bool) -> None:
    command = [need("sslscan"), "--no-colour", "--show-sigs", f"127.0.0.1:{served.port}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    accepted = re.findall(r"^(?:Accepted|Preferred)\s+(TLSv1\.\d)\s+\d+ bits\s+(\S+)", said, re.MULTILINE)
    assert accepted
    assert {version for version, _ in accepted} == ({"TLSv1.3"} if modern else {"TLSv1.2", "TLSv1.3"})
    assert [suite for _, suite in accepted if not re.search("GCM|CHACHA20|POLY1305", suite)] == []
    exchanges = said.partition("Server Key Exchange Group(s):")[2].partition("\n\n")[0]
    groups = set(re.findall(r"bits\s+(\S+)", exchanges))
    assert groups
    assert groups <= {"secp256r1", "secp384r1", "x25519", "X25519MLKEM768"}
    assert "TLSv1.3 not vulnerable to heartbleed" in said


def test_the_self_test_sees_a_context_without_restriction(ca: DevCA) -> None:
    leaf = ca.issue(["127.0.0.1"])
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    bare.load_cert_chain(leaf.cert_file, leaf.key_file)
    assert not refuses_group(bare)
    for name in ("intermediate", "modern"):
        context = server_context(TlsProfile.named(name, leaf.cert_file, leaf.key_file))  # type: ignore[arg-type]
        assert refuses_group(context)
        assert not refuses_group(context, "prime256v1")


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, ca: DevCA) -> Iterator[tuple[Running, Authority]]:
    """A server that asks for client certificates, and who signs them."""
    authority = Authority(tmp_path_factory.mktemp("clients"), "Clients' authority")
    leaf = ca.issue(["127.0.0.1", "localhost"])
    pair = Pair(leaf.cert_file, leaf.key_file, authority.file)
    with production(tmp_path_factory.mktemp("mtls"), ca, pair=pair) as running:
        yield running, authority


class TestClientCertificates:
    @staticmethod
    def context(ca: DevCA, pair: Pair | None) -> ssl.SSLContext:
        context = client_context(ca.certificate_file)
        if pair is not None:
            context.load_cert_chain(pair.cert_file, pair.key_file)
        return context

    def test_the_application_learns_who_it_is_over_https(self, asking: tuple[Running, Authority], ca: DevCA) -> None:
        running, authority = asking
        pair = authority.pair("alice", client=True)
        with httpx.Client(verify=self.context(ca, pair)) as client:
            told = client.get(f"https://localhost:{running.port}/tls").json()
        assert told["client_cert_chain"][0].split() == pair.cert_file.read_text().split()
        assert told["client_cert_name"] == "CN=alice,O=Tests"
        assert (told["tls_version"], told["client_cert_error"]) == (0x0304, None)
        assert told["cipher_suite"] in {0x1301, 0x1302, 0x1303}

    def test_and_over_wss(self, asking: tuple[Running, Authority], ca: DevCA) -> None:
        running, authority = asking
        context = self.context(ca, authority.pair("bob", client=True))
        with connect(f"wss://localhost:{running.port}/name", ssl=context) as connection:
            assert '"client_cert_name":"CN=bob,O=Tests"' in str(connection.recv(5))

    def test_without_one_there_is_no_connection(self, asking: tuple[Running, Authority], ca: DevCA) -> None:
        running, _ = asking
        with httpx.Client(verify=self.context(ca, None)) as client, pytest.raises(httpx.TransportError):
            client.get(f"https://localhost:{running.port}/tls")

    @pytest.mark.parametrize("wrong", ["stranger", "expired", "server"])
    def test_a_wrong_one_is_refused(
        self, wrong: str, asking: tuple[Running, Authority], ca: DevCA, tmp_path: Path
    ) -> None:
        running, authority = asking
        if wrong == "stranger":
            authority = Authority(tmp_path / "strangers", authority.name)
        pair = Pair(tmp_path / "wrong.pem", tmp_path / "wrong.key")
        certificate, key = authority.make("eve", client=wrong != "server", days=-1 if wrong == "expired" else 10)
        pair.cert_file.write_bytes(certificate)
        pair.key_file.write_bytes(key)
        with httpx.Client(verify=self.context(ca, pair)) as client, pytest.raises(httpx.TransportError):
            client.get(f"https://localhost:{running.port}/tls")

    def test_no_session_is_resumed_past_the_check(self, asking: tuple[Running, Authority]) -> None:
        running, authority = asking
        pair = authority.pair("carol", client=True)
        for version in ("-tls1_2", "-tls1_3"):
            options = [version, "-cert", str(pair.cert_file), "-key", str(pair.key_file)]
            said = openssl(running.port, *options)
            assert said
            assert "Post-Handshake New Session Ticket" not in said
            assert "TLS session ticket:" not in said

    def test_without_authorities_nobody_is_asked(self, served: Running) -> None:
        with httpx.Client(verify=served.context) as client:
            told = client.get(f"https://localhost:{served.port}/tls").json()
        assert (told["client_cert_chain"], told["client_cert_name"]) == ([], None)

    def test_authorities_that_are_none_stop_the_start(self, tmp_path: Path, ca: DevCA) -> None:
        leaf = ca.issue(["127.0.0.1"])
        nonsense = tmp_path / "nonsense.pem"
        nonsense.write_text("nonsense")
        for path in (nonsense, tmp_path / "missing.pem"):
            with pytest.raises(ClientCAUnusableError, match=path.name):
                server_context(TlsProfile(leaf.cert_file, leaf.key_file, client_ca=path))

    @pytest.mark.parametrize(
        ("options", "lacks"),
        [
            ([], "keyUsage"),  # what `openssl req -x509` makes by itself
            (["keyUsage=critical,digitalSignature"], "keyUsage"),
            (["keyUsage=critical,keyCertSign", "basicConstraints=critical,CA:FALSE"], "basicConstraints"),
        ],
    )
    def test_an_authority_whose_certificates_nobody_would_believe_stops_the_start(
        self, options: list[str], lacks: str, tmp_path: Path, ca: DevCA
    ) -> None:
        authority = tmp_path / "clients.pem"
        words = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=clients",
        ]
        more = [word for option in options for word in ("-addext", option)]
        subprocess.run(
            ["openssl", *words, *more, "-keyout", tmp_path / "key.pem", "-out", authority],
            check=True,
            capture_output=True,
        )
        leaf = ca.issue(["127.0.0.1"])
        with pytest.raises(ClientCAUnusableError, match=rf"CN=clients .*{lacks}"):
            server_context(TlsProfile(leaf.cert_file, leaf.key_file, client_ca=authority))

    def test_the_log_says_why_a_client_got_no_connection(self, ca: DevCA, tmp_path: Path) -> None:
        authority = Authority(tmp_path / "clients", "Clients' authority")
        leaf = ca.issue(["localhost"])
        server = server_context(TlsProfile(leaf.cert_file, leaf.key_file, client_ca=authority.file))

        def failure(pair: Pair | None) -> str:
            with pytest.raises(ssl.SSLError) as caught:
                handshake(server, self.context(ca, pair), "localhost")
            return why_failed(caught.value)

        stranger = Authority(tmp_path / "strangers", authority.name).pair("eve", client=True)
        assert failure(None) == "no client certificate"
        assert failure(stranger).startswith("client certificate refused (")
        handshake(server, self.context(ca, authority.pair("alice", client=True)), "localhost")  # control
