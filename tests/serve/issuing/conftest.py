from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from garrison.policy.model import Policy
from garrison.serve.issuing.issuer import Issuer
from garrison.serve.issuing.run import Wish, build_sources, open_port80
from garrison.serve.issuing.state import Sets
from tests.serve.authority import Authority
from tests.support.pebble import Pebble

NAMES = ("shop.example.test", "www.shop.example.test")


@pytest.fixture
def web(tmp_path: Path) -> Authority:
    """Who signed the certificate of the ACME directory itself."""
    authority = Authority(tmp_path / "web", "Authority of the directory")
    authority.pair("server")
    return authority


class Machine:
    """A server machine without its server: state, port 80 and an issuer for an authority."""

    def __init__(self, folder: Path, authority: Pebble, names: tuple[str, ...] = NAMES, **acme: Any) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        settings = {"directory": authority.directory, "staging": "", "ca_file": str(authority.trusted), **acme}
        self.policy = Policy(
            hosts=list(names),
            state=str(folder / "state"),
            acme={**settings, "folder": str(folder), "http_port": authority.http_port},
        )
        self.sets = Sets(folder, names[0]).open()
        self.port80 = open_port80(self.policy, Wish(names, ("127.0.0.1",), 443))
        self.issuer = Issuer(names, self.sets, build_sources(self.policy, folder, {}), self.port80.show, self.emit)

    def emit(self, name: str, facts: object = None, /, **details: Any) -> None:
        self.events.append((name, details))

    def __enter__(self) -> Machine:
        self.port80.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.port80.stop()
