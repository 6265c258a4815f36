"""The certificate in use: alarms before it ends, a word when it changes oddly, HSTS only while it is trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from garrison import Policy, harden
from garrison.core.ports import Services
from garrison.serve.context import TlsProfile
from garrison.serve.devca import DevCA
from garrison.serve.production import UNTRUSTED, Listening, Pair, serve_production
from garrison.serve.swap import Certificates
from garrison.serve.watch import Watch, unexpected
from tests.serve.authority import Authority, put
from tests.serve.conftest import client_context
from tests.serve.running import in_thread

DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", "Authority of tests")


class Told:
    """A watch over a pair, whose clock is `now`, and what it said."""

    def __init__(self, pair: Pair) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.now = datetime.now(UTC)
        self.services = Services(emit=self.emit)
        self.certificates = Certificates(TlsProfile(pair.cert_file, pair.key_file), lambda _: None)
        self.watch = Watch(self.certificates, self.services, lambda: self.now)

    def emit(self, name: str, facts: object = None, /, **details: Any) -> None:
        self.events.append((str(name), details))

    @property
    def steps(self) -> list[int]:
        return [int(details["step"]) for name, details in self.events if name == "certificate_expiring"]


def test_each_alarm_comes_once_and_again_for_another_certificate(authority: Authority) -> None:
    pair = authority.pair("first")  # ten days left of thirty
    told = Told(pair)
    start = told.now
    for days in (3.9, 4.1, 5, 6.9, 7.1, 8, 9.3, 9.5):
        told.now = start + days * DAY
        told.watch.look()
        told.watch.look()
    assert told.steps == [1, 2, 3]
    put(pair, *authority.make("second", days=20))
    told.now = start
    told.watch.look()
    told.watch.look()
    assert told.steps == [1, 2, 3]
    told.now = start + 19.5 * DAY
    told.watch.look()
    assert told.steps == [1, 2, 3, 3]


def test_the_days_left_are_a_number_that_falls_and_rises_with_the_next_certificate(authority: Authority) -> None:
    pair = authority.pair("first")
    told = Told(pair)
    what, days_left = told.services.gauges["certificate_days_left"]
    assert "Days" in what
    assert days_left() == pytest.approx(10, abs=0.1)
    told.now += 11 * DAY
    assert days_left() == pytest.approx(-1, abs=0.1)
    put(pair, *authority.make("second", days=20))
    told.watch.look()
    told.watch.look()
    assert days_left() == pytest.approx(9, abs=0.1)


def test_a_clock_that_is_put_back_lets_the_alarm_come_again(authority: Authority) -> None:
    told = Told(authority.pair("first"))
    start = told.now
    for days in (5, 0, 5):
        told.now = start + days * DAY
        told.watch.look()
    assert told.steps == [1, 1]


def test_a_renewal_is_expected_and_a_change_of_authority_names_or_end_is_not(
    authority: Authority, tmp_path: Path
) -> None:
    pair = authority.pair("first")
    told = Told(pair)

    def swapped(certificate: bytes, key: bytes) -> list[str]:
        told.events.clear()
        put(pair, certificate, key)
        told.watch.look()
        told.watch.look()
        return [str(details["error"]) for name, details in told.events if name == "certificate_changed"]

    assert swapped(*authority.make("renewed", days=11)) == []
    assert "ends before" in swapped(*authority.make("older", days=9))[0]
    assert swapped(*authority.make("renewed", days=12)) == []
    # The authorities of tests share an organisation, as an authority's intermediates do.
    assert swapped(*Authority(tmp_path / "other", "Another intermediate").make("b", days=13)) == []


def test_what_is_lost_or_foreign_is_named(authority: Authority, tmp_path: Path) -> None:
    mine = x509.load_pem_x509_certificate(authority.make("a", hosts=("localhost", "www.localhost"))[0])
    leaf = DevCA.open(tmp_path / "ca", datetime.now(UTC)).issue(["localhost"])
    theirs = x509.load_pem_x509_certificates(leaf.cert_file.read_bytes())[0]
    said = unexpected(mine, theirs)
    assert "not from Tests" in said
    assert "no longer for www.localhost" in said
    assert unexpected(mine, mine) == ""


@contextmanager
def serving(tmp_path: Path, authority: Authority) -> Iterator[tuple[httpx.Client, tuple[str, ...], Services]]:
    certificate, key = authority.make("a", hosts=("shop.example.test",))
    pair = Pair(tmp_path / "a.pem", tmp_path / "a.key")
    put(pair, certificate, key)
    policy = Policy(
        preset="api", hosts=["shop.example.test"], state=str(tmp_path / "state"), key=f"file:{_key(tmp_path)}",
        events={"output": "none", "store": False},
    )  # fmt: skip
    app = harden(_app, policy)

    def run(on_ready: Callable[[Listening], None]) -> None:
        serve_production(app, pair, host="127.0.0.1", port=0, log_level="critical", on_ready=on_ready)

    with in_thread(run) as listening:
        context = client_context(authority.file)
        with httpx.Client(verify=context, trust_env=False) as client:
            client.base_url = httpx.URL(f"https://127.0.0.1:{listening.port}")
            yield client, listening.warnings, app.services


def _key(folder: Path) -> Path:
    path = folder / "root.key"
    path.write_text("x7Kq2vN9wLpR4tYb8cZd3fGh6jMn1sQa5uWe0iOkTyU")
    path.chmod(0o600)
    return path


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"x"})


@pytest.mark.server
@pytest.mark.parametrize("trusting", [True, False], ids=["trusted", "not trusted"])
def test_hsts_goes_out_only_for_a_certificate_that_this_machine_trusts(
    trusting: bool, tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file if trusting else tmp_path / "nobody.pem"))
    with serving(tmp_path, authority) as (client, warnings, services):
        answer = client.get(
            "/", headers={"host": "shop.example.test"}, extensions={"sni_hostname": "shop.example.test"}
        )
        assert answer.status_code == 200
        assert len(answer.headers.get_list("strict-transport-security")) == trusting
        assert (UNTRUSTED in warnings) is not trusting
        numbers = dict(line.rsplit(" ", 1) for line in services.metrics().decode().splitlines() if line[0] != "#")
        assert float(numbers["garrison_certificate_trusted"]) == trusting
        assert float(numbers["garrison_certificate_days_left"]) > 0
