"""Certificate files that change are swapped whole; what is broken is not."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from garrison.serve.context import TlsProfile
from garrison.serve.devca import DevCA
from garrison.serve.errors import CertificateUnusableError
from garrison.serve.production import Pair
from garrison.serve.swap import Certificates
from tests.serve.authority import Authority, put
from tests.serve.conftest import client_context, handshake
from tests.serve.running import Running, production


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", "Authority of tests")


class Watch:
    """Certificates over one pair of files, and what they said."""

    def __init__(self, authority: Authority, pair: Pair) -> None:
        self.alarms: list[str] = []
        self.authority = authority
        self.certificates = Certificates(TlsProfile(pair.cert_file, pair.key_file), self.alarms.append)

    def look(self) -> bool:
        """Look until a change would have settled."""
        return any([self.certificates.look(), self.certificates.look()])

    def shown(self) -> int:
        """The serial number that a new handshake sees."""
        seen = handshake(self.certificates.context, client_context(self.authority.file), "localhost")
        der = seen.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


def serial(certificate: bytes) -> int:
    return x509.load_pem_x509_certificate(certificate).serial_number


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.pair("first")


@pytest.fixture
def watch(authority: Authority, pair: Pair) -> Watch:
    return Watch(authority, pair)


def test_files_that_stay_the_same_are_left_alone(watch: Watch) -> None:
    before = watch.shown()
    assert not watch.look()
    assert watch.shown() == before
    assert watch.alarms == []


def test_a_new_pair_is_shown_to_later_handshakes(watch: Watch, authority: Authority, pair: Pair) -> None:
    made = authority.make("second")
    put(pair, *made)
    assert watch.shown() != serial(made[0])  # control: nobody has looked yet
    assert watch.look()
    assert watch.shown() == serial(made[0])
    assert watch.alarms == []


def test_a_pair_of_another_key_type_replaces_the_old_one_for_every_client(
    watch: Watch, authority: Authority, pair: Pair
) -> None:
    """OpenSSL keeps one certificate per key type: loaded into the same context, the old one would live on."""
    made = authority.make("rsa", key=rsa.generate_private_key(65537, 2048))
    put(pair, *made)
    assert watch.look()
    client = client_context(authority.file)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
    assert handshake(watch.certificates.context, client, "localhost").cipher()[0].startswith("ECDHE-RSA")  # type: ignore[index]
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError):
        handshake(watch.certificates.context, client, "localhost")
    assert watch.shown() == serial(made[0])


def test_half_a_change_waits_for_the_other_half(watch: Watch, authority: Authority, pair: Pair) -> None:
    certificate, key = authority.make("second")
    before = watch.shown()
    pair.cert_file.write_bytes(certificate)
    assert not watch.certificates.look()
    assert watch.alarms == []
    pair.key_file.write_bytes(key)
    assert watch.look()
    assert watch.shown() == serial(certificate) != before
    assert watch.alarms == []


BROKEN = {
    "nonsense": lambda authority: (b"nonsense", b"nonsense"),
    "another key": lambda authority: (authority.make("a")[0], authority.make("b")[1]),
    "expired": lambda authority: authority.make("old", days=-1),
    "cut off": lambda authority: (authority.make("a")[0][:300], authority.make("a")[1]),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_pair_keeps_the_old_one_and_alarms_once(
    broken: str, watch: Watch, authority: Authority, pair: Pair
) -> None:
    before = watch.shown()
    put(pair, *BROKEN[broken](authority))
    assert not watch.look()
    assert not watch.look()
    assert watch.shown() == before
    assert len(watch.alarms) == 1
    assert "still served" in watch.alarms[0]

    put(pair, *authority.make("good"))
    assert watch.look()
    assert watch.shown() != before
    assert watch.alarms[1:] == [""]  # well again


def test_files_that_are_gone_keep_the_old_one(watch: Watch, pair: Pair) -> None:
    before = watch.shown()
    pair.key_file.unlink()
    assert not watch.look()
    assert watch.shown() == before
    assert len(watch.alarms) == 1


def test_a_link_that_points_elsewhere_is_a_change(authority: Authority, tmp_path: Path) -> None:
    """Certificate tools keep a folder of versions and a link to the newest."""
    old, new = authority.pair("old"), authority.pair("new")
    link = Pair(tmp_path / "live.pem", tmp_path / "live.key")
    link.cert_file.symlink_to(old.cert_file)
    link.key_file.symlink_to(old.key_file)
    watch = Watch(authority, link)
    for path, target in ((link.cert_file, new.cert_file), (link.key_file, new.key_file)):
        path.unlink()
        path.symlink_to(target)
    assert watch.look()
    assert watch.shown() == serial(new.cert_file.read_bytes())


def test_a_server_that_starts_with_an_expired_certificate_alarms(authority: Authority, tmp_path: Path) -> None:
    pair = Pair(tmp_path / "old.pem", tmp_path / "old.key")
    put(pair, *authority.make("old", days=-1))
    assert "expired" in Watch(authority, pair).alarms[0]


def test_a_server_does_not_start_with_a_broken_pair(authority: Authority, tmp_path: Path) -> None:
    pair = Pair(tmp_path / "x.pem", tmp_path / "x.key")
    put(pair, authority.make("a")[0], authority.make("b")[1])
    with pytest.raises(CertificateUnusableError):
        Watch(authority, pair)


def test_time_is_judged_by_the_given_clock(authority: Authority, pair: Pair) -> None:
    alarms: list[str] = []
    profile = TlsProfile(pair.cert_file, pair.key_file)
    Certificates(profile, alarms.append, lambda: datetime.now(UTC) + timedelta(days=9))
    assert alarms == []
    Certificates(profile, alarms.append, lambda: datetime.now(UTC) + timedelta(days=11))
    Certificates(profile, alarms.append, lambda: datetime.now(UTC) - timedelta(days=60))
    assert ["expired" in alarms[0], "not valid before" in alarms[1]] == [True, True]


@pytest.mark.server
@pytest.mark.anyio
async def test_a_swap_under_load_fails_no_request(tmp_path: Path, authority: Authority, pair: Pair) -> None:
    """Clients on connections of their own and on one that stays open, while good and broken pairs come and go."""
    with production(tmp_path, DevCA.open(tmp_path / "ca", datetime.now(UTC)), pair=pair) as running:
        trusting = Running(running.port, client_context(authority.file))
        done = asyncio.Event()
        seen: list[int] = []
        statuses: list[bytes] = []
        clients = [asyncio.create_task(_new(trusting, done, seen, statuses)) for _ in range(2)]
        clients.append(asyncio.create_task(_kept(trusting, done, statuses)))
        expected = [serial(pair.cert_file.read_bytes())]
        for content in (authority.make("second"), (b"broken", b"broken"), authority.make("third")):
            await asyncio.sleep(0.5)
            put(pair, *content)
            if content[0] == b"broken":
                await asyncio.sleep(2.5)
                continue
            expected.append(serial(content[0]))
            async with asyncio.timeout(6):
                while expected[-1] not in seen:  # noqa: ASYNC110  # the server looks at its own pace
                    await asyncio.sleep(0.05)
        done.set()
        await asyncio.gather(*clients)
    assert list(dict.fromkeys(seen)) == expected
    assert len(statuses) > 50
    assert set(statuses) == {b"200"}


REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _new(running: Running, done: asyncio.Event, seen: list[int], statuses: list[bytes]) -> None:
    while not done.is_set():
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=running.context, server_hostname="localhost"
        )
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        seen.append(x509.load_der_x509_certificate(der).serial_number)
        writer.write(REQUEST)
        statuses.append((await reader.readline()).split()[1])
        writer.transport.abort()
        await asyncio.sleep(0.02)


async def _kept(running: Running, done: asyncio.Event, statuses: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", running.port, ssl=running.context, server_hostname="localhost"
    )
    while not done.is_set():
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        statuses.append(head.split()[1])
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.partition(b":")[2]))
        await asyncio.sleep(0.02)
    writer.transport.abort()
