"""Server certificates from the PKI engine of a real OpenBao: had, renewed under load, refused when they are for
somebody else; and a server that is away costs nothing but an alarm."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.secrets import SourceAway
from garrison.serve.certificates import new_key
from garrison.serve.issuing.errors import DomainRefused, IssueRefused
from garrison.serve.issuing.issuer import Issuer
from garrison.serve.issuing.run import Wish, acme_folder, domains, issued, renew_now
from garrison.serve.issuing.signed import request_for
from garrison.serve.issuing.state import Sets
from garrison.serve.issuing.vault_pki import pki_lines, vault_sources
from tests.cli.conftest import here as here
from tests.cli.running import Here
from tests.cli.serving import Served, serving
from tests.serve.issuing.conftest import PKI_LINES as LINES
from tests.serve.issuing.conftest import pki_role as role
from tests.serve.issuing.test_renewing import APP, Asking, Client
from tests.support.bao import Bao
from tests.support.pebble import free_port

NAME = "shop.example.test"
NAMES = (NAME, "www.example.test")
ROOMY = "[load]\nrequests = 10000\nleast = 10000\nmost = 10000"
"""A busy machine turns nobody away: what is tested is something else."""

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]


def root_file(bao: Bao, folder: Path) -> Path:
    path = folder / "root.pem"
    path.write_text(bao.root.read("root/cert/ca")["data"]["certificate"])
    return path


@dataclass
class Machine:
    """A server machine without its server: state, and an issuer for the role."""

    bao: Bao
    folder: Path
    line: str = LINES
    names: tuple[str, ...] = NAMES
    vault: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        role_id, secret = self.bao.role("machine", self.line)
        self.environ = {"ROLE": role_id, "ID": secret}
        section = {"address": self.bao.url, "ca": str(self.bao.ca), "role_id": "env:ROLE", "secret_id": "env:ID"}
        self.policy = Policy(
            hosts=list(self.names), state=str(self.folder / "state"), vault={**section, "pki": "pki/shop", **self.vault}
        )
        self.sets = Sets(acme_folder(self.policy), self.names[0]).open()

    def emit(self, name: str, facts: object = None, /, **details: Any) -> None:
        self.events.append((name, details))

    @contextmanager
    def issuer(self) -> Iterator[Issuer]:
        with vault_sources(self.policy, self.environ) as sources:
            yield Issuer(self.names, self.sets, sources, lambda token, answer: None, self.emit)

    def issue(self) -> None:
        with self.issuer() as issuer:
            issuer.issue(rehearse=False)


def test_a_certificate_is_signed_for_a_key_that_was_made_here_with_its_chain_and_without_the_root(
    pki: Bao, tmp_path: Path
) -> None:
    machine = Machine(pki, tmp_path)
    machine.issue()
    kept = machine.sets.read()
    assert kept is not None
    assert kept.names == set(NAMES)
    leaf, middle = x509.load_pem_x509_certificates(kept.pem)
    leaf.verify_directly_issued_by(middle)
    assert "CN=Middle" in middle.subject.rfc4514_string()
    key = serialization.load_pem_private_key(kept.pem, None)
    assert key.public_key() == leaf.public_key()
    assert machine.events[0][0] == "certificate_renewed"
    machine.issue()
    again = machine.sets.read()
    assert again is not None
    assert again.certificate.public_key() != leaf.public_key()


def test_it_is_due_with_a_third_of_a_day_left_and_asks_for_no_suggestion(pki: Bao, tmp_path: Path) -> None:
    machine = Machine(pki, tmp_path)
    machine.issue()
    with machine.issuer() as issuer:
        assert not issuer.turn()
        kept, progress = machine.sets.read(), machine.sets.progress()
        assert kept is not None
        life = kept.ends - kept.begins
        assert not issuer.due(kept, progress, kept.ends - life * 0.4)
        assert issuer.due(kept, progress, kept.ends - life * 0.33)


@pytest.mark.parametrize(
    ("names", "line", "why", "remedy"),
    [
        (("shop.example.org",), LINES, "not allowed by this role", "allowed_domains"),
        (NAMES, 'path "pki/sign/other" { capabilities = ["update"] }', "permission is denied", LINES),
    ],
)
def test_what_the_server_refuses_is_told_with_what_mends_it(
    pki: Bao, tmp_path: Path, names: tuple[str, ...], line: str, why: str, remedy: str
) -> None:
    machine = Machine(pki, tmp_path, line, names)
    with pytest.raises(IssueRefused, match=why) as caught:
        machine.issue()
    assert remedy in caught.value.remedy
    assert machine.sets.read() is None


def test_a_role_that_is_not_there_is_told(pki: Bao, tmp_path: Path) -> None:
    line = 'path "pki/sign/none" { capabilities = ["update"] }'
    with pytest.raises(IssueRefused, match="unknown role"):
        Machine(pki, tmp_path, line, vault={"pki": "pki/none"}).issue()


def test_while_the_server_is_away_the_old_certificate_stays_and_the_failure_is_told(pki: Bao, tmp_path: Path) -> None:
    machine = Machine(pki, tmp_path, vault={"timeout": 2})
    machine.issue()
    before = machine.sets.read()
    with machine.issuer() as issuer:
        pki.kill()
        try:
            error = issuer.attempt(machine.sets.progress())
            assert isinstance(error, SourceAway)
            assert machine.sets.read() == before
            assert machine.sets.progress().failures == 1
            assert [name for name, _ in machine.events] == ["certificate_renewed", "certificate_renewal_failed"]
            with issued(machine.policy, Wish(NAMES, (), 443), machine.emit, machine.environ) as live:
                assert before is not None
                assert live.read_bytes() == before.pem  # a restart serves what there is
            empty = Policy(**{**machine.policy.given, "state": str(tmp_path / "empty")})
            with pytest.raises(SourceAway), issued(empty, Wish(NAMES, (), 443), machine.emit, machine.environ):
                pass  # a first start has nothing to serve
        finally:
            pki.start()
            pki.unseal()
        assert issuer.attempt(machine.sets.progress()) is None
    assert machine.sets.progress().failures == 0
    assert machine.sets.read() != before


class TestAttacks:
    """A server that was taken over, in front of the real one: it hands on what it is asked, and changes the answer."""

    Twist = Callable[[Bao, dict[str, Any], dict[str, Any]], dict[str, Any]]

    @contextmanager
    def between(self, pki: Bao, twist: Twist) -> Iterator[str]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer({"data": {"ttl": 3600, "renewable": False}})

            def do_PUT(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                if not self.path.endswith("/pki/sign/shop"):
                    self.answer({})
                    return
                data = pki.root.write_data("pki/sign/shop", data=sent)["data"]
                self.answer({"data": twist(pki, sent, data)})

            do_POST = do_PUT  # noqa: N815 - http.server's names

            def answer(self, found: dict[str, Any]) -> None:
                body = json.dumps(found).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()

    def attempt(self, pki: Bao, folder: Path, twist: Twist) -> Exception | None:
        with self.between(pki, twist) as address:
            vault = {"address": address, "auth": "token", "token": "env:ID"}
            machine = Machine(pki, folder, vault=vault)
            with machine.issuer() as issuer:
                error = issuer.attempt(machine.sets.progress())
            assert (machine.sets.read() is None) == (error is not None)
            return error

    def test_an_answer_that_was_not_changed_is_taken(self, pki: Bao, tmp_path: Path) -> None:
        """The control of all that follow."""
        assert self.attempt(pki, tmp_path, lambda bao, sent, data: data) is None

    @pytest.mark.parametrize(
        ("twist", "why"),
        [
            (lambda bao, sent, data: {**data, **other(bao, NAMES)}, "another key"),
            (lambda bao, sent, data: with_other_names(bao, sent), "other names"),
            (lambda bao, sent, data: as_an_authority(bao, sent), "authority's certificate"),
            (lambda bao, sent, data: {**data, "ca_chain": data["ca_chain"][1:]}, "no chain"),
            (lambda bao, sent, data: {**data, "certificate": "nonsense"}, "no certificate"),
            (lambda bao, sent, data: {**data, "certificate": 7}, "no certificate"),
            (lambda bao, sent, data: {"ca_chain": "x"}, "no certificate"),
            (lambda bao, sent, data: {}, "no certificate"),
        ],
        ids=["key", "names", "authority", "chain", "nonsense", "number", "no-list", "nothing"],
    )
    def test_what_is_for_somebody_else_or_nothing_at_all_is_refused(
        self, pki: Bao, tmp_path: Path, twist: Twist, why: str
    ) -> None:
        error = self.attempt(pki, tmp_path, twist)
        assert isinstance(error, IssueRefused)
        assert why in error.why


def other(bao: Bao, names: tuple[str, ...]) -> dict[str, Any]:
    """A good certificate for a key that is not the one that was asked for."""
    request = request_for(new_key(), names).decode()
    sent = {"csr": request, "common_name": names[0], "alt_names": ",".join(names)}
    return dict(bao.root.write_data("pki/sign/shop", data=sent)["data"])


def with_other_names(bao: Bao, sent: dict[str, Any]) -> dict[str, Any]:
    """A good certificate for the key that was asked for, and for another name: a role can be made to do that."""
    role(bao, "loose", use_csr_sans=False)
    asked = {"csr": sent["csr"], "common_name": "evil.example.test"}
    return dict(bao.root.write_data("pki/sign/loose", data=asked)["data"])


def as_an_authority(bao: Bao, sent: dict[str, Any]) -> dict[str, Any]:
    """For the key and the names that were asked for, and good for signing others."""
    asked = {"csr": sent["csr"], "common_name": NAMES[0], "alt_names": sent["alt_names"], "use_csr_values": False}
    return dict(bao.root.write_data("root/root/sign-intermediate", data=asked)["data"])


def test_names_of_an_own_authority_need_not_be_public_but_are_this_applications() -> None:
    assert domains(("shop", "db.internal"), public=False) == ("shop", "db.internal")
    for wrong in ("*.example.test", "192.0.2.1", "a b"):
        with pytest.raises(DomainRefused):
            domains((wrong,), public=False)
    with pytest.raises(DomainRefused):
        domains(("shop",))


@pytest.mark.parametrize("wrong", ["shop", "/shop", "pki/", "pki/../sys", "pki//shop", "pki/sh op", "pki/shop?x"])
def test_a_role_that_climbs_or_says_too_little_is_none(wrong: str) -> None:
    section = {"address": "https://v.example.com", "auth": "token", "token": "env:T"}
    with pytest.raises(PolicyInvalid, match=r"vault\.pki"):
        Policy(vault={**section, "pki": wrong})
    with pytest.raises(PolicyInvalid, match="needs a server"):
        Policy(vault={"pki": "pki/shop"})
    assert Policy(vault={**section, "pki": "team/pki/shop"}).vault.pki


@contextmanager
def served(here: Here, pki: Bao, *more: str) -> Iterator[tuple[Served, Client]]:
    port = free_port()
    here.write("live.py", APP)
    role_id, secret = pki.role("served", "\n".join(pki_lines(Policy(vault=section_of(pki)).vault)))
    text = "\n".join(f'{key} = "{value}"' for key, value in section_of(pki).items())
    head = f'preset = "api"\nhosts = ["{NAME}"]\n[rate]\naddress = ["100000/second"]'
    here.write("garrison.toml", f"{head}\n{ROOMY}\n[vault]\n{text}")
    options = ("--domain", NAME, "--host", "127.0.0.1", "--port", str(port), *more)
    environ = {"GARRISON_KEY": secrets.token_urlsafe(32), "ROLE": role_id, "ID": secret}
    with serving(here, "serve", "live:app", *options, until="Serving on", **environ) as process:
        yield process, Client(port, root_file(pki, here.folder))


def section_of(pki: Bao) -> dict[str, str]:
    return {"address": pki.url, "ca": str(pki.ca), "role_id": "env:ROLE", "secret_id": "env:ID", "pki": "pki/shop"}


def test_a_renewal_under_load_fails_no_request_and_all_workers_show_it(here: Here, pki: Bao) -> None:
    with served(here, pki, "--workers", "2") as (process, client):
        asking = Asking(client)
        asking.start()
        first = client.serial()
        assert here.run("certs", "renew").code == 0
        deadline = time.monotonic() + 20
        while first in {client.serial() for _ in range(12)}:
            assert time.monotonic() < deadline, process.text
            time.sleep(0.2)
        asking.over.set()
        asking.join(20)
        assert asking.failed == []
        assert asking.done > 5
        [entry] = here.run("certs", "list", "--format", "json").json
        assert (entry["names"], entry["alarm"]) == ([NAME], 0)
        assert "CN=Middle" in entry["issuer"]
        assert [one["what"] for one in here.run("certs", "history", "--format", "json").json] == ["issued"] * 2
        checked = here.run("certs", "check", f"127.0.0.1:{client.port}", "--name", NAME, "--format", "json")
        assert checked.code in (0, 1), checked.out
        assert "pki/shop" in process.text
        assert process.stop() == 0


def test_renew_without_a_server_is_done_by_the_command(pki: Bao, tmp_path: Path) -> None:
    machine = Machine(pki, tmp_path)
    machine.issue()
    before = machine.sets.read()
    assert renew_now(machine.policy, machine.sets, machine.emit, machine.environ) != before


def test_doctor_and_policy_know_the_role(here: Here, pki: Bao) -> None:
    text = "\n".join(f'{key} = "{value}"' for key, value in section_of(pki).items())
    here.write("garrison.toml", f'hosts = ["{NAME}"]\n[vault]\n{text}')
    written = here.run("secrets", "policy").out
    assert LINES in written
    for name, policy, code in (("enough", written, 0), ("lacking", written.replace("pki/sign/shop", "pki/sign/no"), 1)):
        role_id, secret = pki.role(name, policy)
        ran = here.run("secrets", "doctor", "--format", "json", ROLE=role_id, ID=secret)
        assert ran.code == code
        assert (LINES in ran.json[-1]["remedy"]) == bool(code)
