"""What is in the place of a file with secrets and is none, and sources that make a mistake: each refused by a typed
error, and the others still read."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import NoReturn

import pytest

from garrison.policy.model import Policy
from garrison.policy.reference import Reference
from garrison.secrets import SecretRefused
from garrison.secrets.errors import FileRefusedError, KeyFileRefused, SourceAway
from garrison.secrets.keyfile import read_key_file
from garrison.secrets.private_files import read_open, read_private
from garrison.secrets.resolver import Resolver
from garrison.secrets.sealed_file import read_bytes
from garrison.secrets.secret import Secret


@pytest.fixture(params=["folder", "pipe", "socket", "fails"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A path of ours alone that is no file, or a file that can't be read."""
    path = tmp_path / "odd"
    match request.param:
        case "folder":
            path.mkdir(mode=0o700)  # as Docker makes it where the file of a bind mount is not there
        case "pipe":
            os.mkfifo(path, 0o600)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(str(path))
            path.chmod(0o600)
        case _:
            return Path(f"/proc/{os.getpid()}/mem")  # opens, is a plain file, and its first bytes can't be read
    return path


def test_it_is_refused_wherever_a_file_is_read(odd: Path) -> None:
    with pytest.raises(FileRefusedError):
        read_private(odd)
    with pytest.raises(KeyFileRefused):
        read_key_file(odd)
    with pytest.raises(SecretRefused):
        read_bytes(odd)
    found, failed = Resolver.from_policy(Policy(), {"GOOD": "good"}).read_all(
        {"file": f"file:{odd}", "mounted": f"mounted:{odd}", "beside": "env:GOOD"}
    )
    assert found == {"beside": Secret("good")}
    assert {name: type(error) for name, error in failed.items()} == {"file": SecretRefused, "mounted": SecretRefused}


def test_what_can_not_be_read_is_closed(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        read_open(descriptor, 1, lambda found: None)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


class Broken:
    scheme = "env"

    def read(self, reference: Reference) -> NoReturn:
        raise RuntimeError("the-secret-4711")


def test_a_source_that_makes_a_mistake_is_one_that_is_away_and_says_nothing_of_what_it_read() -> None:
    with pytest.raises(SourceAway, match=r"env: can't be asked for secrets: it failed \(RuntimeError\)") as caught:
        Resolver([Broken()]).read("env:X")
    assert "4711" not in f"{caught.value!r} {caught.value.__cause__} {caught.value.remedy}"
