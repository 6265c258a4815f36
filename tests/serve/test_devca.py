from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from garrison.serve.certificates import build_ca, new_key
from garrison.serve.context import TlsProfile, server_context
from garrison.serve.devca import DevCA, Leaf, default_folder
from garrison.serve.errors import DevCAError, FileRefusedError, NameRefusedError
from tests.serve.conftest import client_context, handshake
from tests.serve.test_certificates import rebuilt

DAY = timedelta(days=1)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def server(leaf: Leaf) -> ssl.SSLContext:
    return server_context(TlsProfile(leaf.cert_file, leaf.key_file))


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_only_the_ca_file_accepts_the_server(
    name: str, ca: DevCA, trusting: ssl.SSLContext
) -> None:
    context = server(ca.issue())

    assert handshake(context, trusting, name).version() == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):  # control: nobody trusts the CA by itself
        handshake(context, client_context(), name)


def test_another_ca_s_client_does_not_accept_the_server(ca: DevCA, tmp_path: Path, now: datetime) -> None:
    other = DevCA.open(tmp_path / "other", now)

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server(ca.issue()), client_context(other.certificate_file), "localhost")


def test_extra_loopback_names_are_served_on_request_only(ca: DevCA, trusting: ssl.SSLContext) -> None:
    asked = server(ca.issue(["shop.localhost", "127.0.0.9"]))

    assert handshake(asked, trusting, "shop.localhost").version()
    assert handshake(asked, trusting, "localhost").version()
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(server(ca.issue()), trusting, "shop.localhost")


def test_a_foreign_name_is_not_issued_and_leaves_nothing_behind(ca: DevCA) -> None:
    before = sorted(ca.folder.iterdir())

    with pytest.raises(NameRefusedError):
        ca.issue(["example.com"])
    assert sorted(ca.folder.iterdir()) == before


def test_private_files_are_0600_in_a_0700_folder_and_the_certificate_holds_no_key(ca: DevCA) -> None:
    leaf = ca.issue()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in ca.folder.iterdir()}

    assert stat.S_IMODE(ca.folder.stat().st_mode) == 0o700
    assert modes == {"ca-key.pem": 0o600, "ca.pem": 0o644, "lock": 0o600, leaf.key_file.name: 0o600}
    assert b"PRIVATE" not in ca.certificate_file.read_bytes()
    assert b"PRIVATE" in leaf.key_file.read_bytes()


def test_opening_again_gives_the_same_ca_and_the_same_certificate(ca: DevCA, now: datetime) -> None:
    first = certificate(ca.issue().cert_file)
    again = DevCA.open(ca.folder, now + DAY)

    assert (ca.created, again.created) == (True, False)
    assert certificate(again.certificate_file) == certificate(ca.certificate_file)
    assert certificate(again.issue().cert_file) == first


def test_lives_are_short(ca: DevCA, now: datetime) -> None:
    leaf = certificate(ca.issue().cert_file)
    own = certificate(ca.certificate_file)

    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= 90 * DAY
    assert 365 * DAY <= own.not_valid_after_utc - now <= 730 * DAY


@pytest.mark.parametrize(("days", "kept"), [(0, True), (39, True), (41, False), (400, False)])
def test_a_server_certificate_is_renewed_from_a_third_of_its_life_left(
    days: int, kept: bool, ca: DevCA, now: datetime
) -> None:
    first = certificate(ca.issue().cert_file)
    later = DevCA.open(ca.folder, now + days * DAY)
    second = certificate(later.issue().cert_file)

    assert (second == first) is kept
    assert second.not_valid_before_utc <= later.now < second.not_valid_after_utc


def test_a_server_certificate_from_the_future_is_replaced(ca: DevCA, now: datetime) -> None:
    future = certificate(DevCA.open(ca.folder, now + 10 * DAY).issue().cert_file)

    assert certificate(ca.issue().cert_file) != future


@pytest.mark.parametrize(("days", "kept"), [(699, True), (701, False), (2000, False)])
def test_a_ca_that_runs_out_is_replaced_and_says_so(days: int, kept: bool, ca: DevCA, now: datetime) -> None:
    first, old_leaf = certificate(ca.certificate_file), certificate(ca.issue().cert_file)
    later = DevCA.open(ca.folder, now + days * DAY)
    leaf = certificate(later.issue().cert_file)

    assert later.created is not kept
    assert (certificate(later.certificate_file) == first) is kept
    assert leaf != old_leaf
    leaf.verify_directly_issued_by(certificate(later.certificate_file))
    assert leaf.not_valid_after_utc <= certificate(later.certificate_file).not_valid_after_utc


def test_a_clock_set_before_the_ca_is_named_and_the_ca_is_kept(ca: DevCA, now: datetime) -> None:
    with pytest.raises(DevCAError, match="later than now"):
        DevCA.open(ca.folder, now - DAY)
    assert DevCA.open(ca.folder, now).created is False


def test_a_time_without_zone_is_a_programming_error(tmp_path: Path, now: datetime) -> None:
    with pytest.raises(ValueError, match="time zone"):
        DevCA.open(tmp_path / "devca", now.replace(tzinfo=None))


def test_a_ca_key_open_to_others_is_refused_with_its_remedy(ca: DevCA, now: datetime) -> None:
    (ca.folder / "ca-key.pem").chmod(0o640)

    with pytest.raises(FileRefusedError) as refused:
        DevCA.open(ca.folder, now)
    assert "chmod 600" in refused.value.remedy


def test_a_linked_ca_key_is_refused(ca: DevCA, tmp_path: Path, now: datetime) -> None:
    (ca.folder / "ca-key.pem").rename(tmp_path / "elsewhere")
    (ca.folder / "ca-key.pem").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileRefusedError, match="symbolic link"):
        DevCA.open(ca.folder, now)


def damaged(good: bytes, now: datetime) -> dict[str, bytes]:
    """What a tamperer, or a crash without atomic writing, could leave in the key file."""
    middle = good.index(b"-----BEGIN CERT")
    key, public = good[:middle], good[middle:]
    private = load_pem_private_key(key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    loose = rebuilt(private, x509.load_pem_x509_certificate(public), without=x509.NameConstraints)
    stranger = build_ca(new_key(), now)
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    return {
        "empty": b"",
        "noise": b"\x00\xff" * 100,
        "half a key": good[:100],
        "half a certificate": good[:-100],
        "key only": key,
        "certificate only": public,
        "encrypted": locked + public,
        "another's certificate": key + stranger.public_bytes(Encoding.PEM),
        "no name constraints": key + loose.public_bytes(Encoding.PEM),
    }


DAMAGE = ["empty", "noise", "half a key", "half a certificate", "key only", "certificate only", "encrypted"]
DAMAGE += ["another's certificate", "no name constraints"]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_or_foreign_key_file_is_refused_and_not_overwritten(how: str, ca: DevCA, now: datetime) -> None:
    path = ca.folder / "ca-key.pem"
    good = path.read_bytes()
    bad = damaged(good, now)[how]
    path.write_bytes(bad)

    with pytest.raises(DevCAError) as refused:
        DevCA.open(ca.folder, now)
    assert str(ca.folder) in refused.value.remedy
    assert path.read_bytes() == bad
    path.write_bytes(good)
    assert DevCA.open(ca.folder, now).created is False  # control: the file as it was opens


@pytest.mark.parametrize("how", ["missing", "half", "another's", "link"])
def test_a_public_copy_that_is_not_the_ca_s_is_put_right(how: str, ca: DevCA, tmp_path: Path, now: datetime) -> None:
    path = ca.certificate_file
    good = path.read_bytes()
    stranger = build_ca(new_key(), now).public_bytes(Encoding.PEM)
    path.unlink()
    if how == "link":
        (tmp_path / "planted").write_bytes(stranger)
        path.symlink_to(tmp_path / "planted")
    elif how != "missing":
        path.write_bytes(good[:50] if how == "half" else stranger)

    DevCA.open(ca.folder, now)

    assert path.read_bytes() == good
    assert not path.is_symlink()


@pytest.mark.parametrize("content", [b"", b"noise", b"key only"])
def test_a_damaged_server_certificate_is_replaced(content: bytes, ca: DevCA, trusting: ssl.SSLContext) -> None:
    leaf = ca.issue()
    key = new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    leaf.cert_file.write_bytes(key if content == b"key only" else content)

    assert handshake(server(ca.issue()), trusting, "localhost").version()


def test_the_folder_is_chosen_by_variable_then_by_the_user_s_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GARRISON_DEVCA_DIR", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_folder() == tmp_path / "home/.local/share/garrison/devca"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_folder() == tmp_path / "home/.local/share/garrison/devca"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_folder() == tmp_path / "data/garrison/devca"
    monkeypatch.setenv("GARRISON_DEVCA_DIR", str(tmp_path / "chosen"))
    assert default_folder() == tmp_path / "chosen"


def test_its_repr_leaves_the_key_out(ca: DevCA) -> None:
    assert "PrivateKey" not in repr(ca)
    assert "PrivateKey" in repr(ca._pair)


OPENER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from garrison.serve.devca import DevCA

sys.stdin.readline()
ca = DevCA.open(Path(sys.argv[1]), datetime.now(UTC))
ca.issue()
print(ca.created, ca.certificate_file.read_text())
"""


def test_processes_that_open_at_once_end_with_one_ca(tmp_path: Path, now: datetime) -> None:
    command = [sys.executable, "-c", OPENER, str(tmp_path / "new" / "devca")]
    openers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    answers = [opener.communicate(timeout=60)[0].split(" ", 1) for opener in openers]

    assert sorted(created for created, _ in answers) == ["False", "False", "False", "True"]
    assert len({public for _, public in answers}) == 1
    assert DevCA.open(tmp_path / "new" / "devca", now).created is False


# One process that dies at its first file operation, one at its second, and so on, until one lives to the end.
CRASHER = """
import os, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from garrison.serve.devca import DevCA

base, days = Path(sys.argv[1]), int(sys.argv[2])
now = datetime.now(UTC)
DevCA.open(base / "warm-up", now).issue()

def die_at(number):
    seen = 0
    def hook(event, args):
        nonlocal seen
        if event == "open" or event.startswith("os."):
            seen += 1
            if seen == number:
                os._exit(9)
    sys.addaudithook(hook)

for number in range(1, 500):
    folder = base / str(number)
    if days:
        DevCA.open(folder, now).issue()
    child = os.fork()
    if not child:
        die_at(number)
        DevCA.open(folder, now + timedelta(days=days)).issue()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        break
    assert status == 9, status
print(number)
"""


@pytest.mark.parametrize("days", [0, 701], ids=["a new CA", "a CA that is replaced"])
def test_a_crash_at_any_file_operation_leaves_a_working_set(days: int, tmp_path: Path, now: datetime) -> None:
    command = [sys.executable, "-c", CRASHER, str(tmp_path), str(days)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    crashes = int(done.stdout) - 1

    assert crashes > 10
    for number in range(1, crashes + 1):
        folder = tmp_path / str(number)
        for path in folder.glob("*.pem") if folder.exists() else ():
            assert certificate(path)  # whole, even before anybody mends anything
        ca = DevCA.open(folder, now + days * DAY)
        certificate(ca.issue().cert_file).verify_directly_issued_by(certificate(ca.certificate_file))
        assert not list(folder.glob(".half-written-*"))
