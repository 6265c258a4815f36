from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from garrison.policy.model import Policy
from garrison.serve.issuing.issuer import Issuer
from garrison.serve.issuing.run import Wish, build_sources, open_port80
from garrison.serve.issuing.state import Sets
from tests.serve.authority import Authority
from tests.support.bao import Bao
from tests.support.pebble import Pebble

PKI_LINES = 'path "pki/sign/shop" { capabilities = ["update"] }'
NAMES = ("shop.example.test", "www.shop.example.test")


@pytest.fixture
def web(tmp_path: Path) -> Authority:
    """Who signed the certificate of the ACME directory itself."""
    authority = Authority(tmp_path / "web", "Authority of the directory")
    authority.pair("server")
    return authority


@pytest.fixture(scope="session")
def pki(bao: Bao) -> Bao:
    """The server, with an authority of two levels and the role `shop`."""
    root = bao.root
    for path in ("root", "pki"):
        root.sys.enable_secrets_engine("pki", path=path, config={"max_lease_ttl": "87600h"})
    bao.wait(lambda: root.write_data("root/root/generate/internal", data={"common_name": "Root", "ttl": "87600h"}))
    request = root.write_data("pki/intermediate/generate/internal", data={"common_name": "Middle"})["data"]["csr"]
    signed = root.write_data("root/root/sign-intermediate", data={"csr": request, "ttl": "80000h", "format": "pem"})
    chain = "\n".join([signed["data"]["certificate"], signed["data"]["issuing_ca"]])
    root.write_data("pki/intermediate/set-signed", data={"certificate": chain})
    bao.role("pki", PKI_LINES)
    pki_role(bao)
    return bao


def pki_role(bao: Bao, name: str = "shop", **more: Any) -> None:
    """A role of the authority, for names below example.test."""
    allowed = {"allowed_domains": ["example.test"], "allow_subdomains": True, "max_ttl": "24h", "key_type": "ec"}
    bao.root.write_data(f"pki/roles/{name}", data={**allowed, **more})


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
