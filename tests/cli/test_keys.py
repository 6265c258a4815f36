"""`garrison certs ca` and `garrison secrets key` print one line that other programs can use."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from garrison import Policy
from garrison.core.clock import SYSTEM
from garrison.secrets.keyring import Keyring
from tests.cli.running import Here


def test_the_file_of_the_development_ca_is_printed_alone_and_exists(here: Here) -> None:
    ran = here.process("certs", "ca")
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    certificate = x509.load_pem_x509_certificate(Path(ran.out.rstrip("\n")).read_bytes())
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_asking_twice_gives_the_same_ca(here: Here) -> None:
    first = Path(here.run("certs", "ca").out.strip()).read_bytes()
    assert Path(here.run("certs", "ca").out.strip()).read_bytes() == first


def test_a_long_path_is_not_wrapped(here: Here) -> None:
    deep = here.folder / ("a" * 100) / ("b" * 100)
    assert here.run("certs", "ca", GARRISON_DEVCA_DIR=str(deep), COLUMNS="40").out.count("\n") == 1


def test_a_folder_that_others_can_read_is_refused(here: Here) -> None:
    open_ = here.folder / "open"
    open_.mkdir(mode=0o755)
    open_.chmod(0o755)
    ran = here.run("certs", "ca", GARRISON_DEVCA_DIR=str(open_))
    assert (ran.code, ran.out) == (3, "")


def test_each_key_is_new_and_strong_enough_for_production(here: Here) -> None:
    keys = {here.run("secrets", "key").out.strip() for _ in range(5)}
    assert len(keys) == 5
    for key in keys:
        assert Keyring.from_policy(Policy(), {"GARRISON_KEY": key}, here.folder, SYSTEM).versions


def test_a_new_key_in_front_of_the_old_one_is_a_rotation(here: Here) -> None:
    old, new = (here.run("secrets", "key").out.strip() for _ in range(2))
    ring = Keyring.from_policy(Policy(), {"GARRISON_KEY": f"{new} {old}"}, here.folder, SYSTEM)
    assert len(ring.versions) == 2
