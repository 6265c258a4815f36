"""`garrison serve --dev` puts any application behind the policy, over HTTPS on loopback."""

from __future__ import annotations

import os
import secrets
import signal
import ssl
from datetime import UTC, datetime

import httpx
import pytest

from garrison.serve.devca import DevCA
from tests.cli.running import Here
from tests.cli.serving import serving

APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"WORD"})
"""
READY = "good for loopback names only"


@pytest.mark.server
def test_an_application_is_served_behind_the_policy_until_it_is_stopped(here: Here) -> None:
    here.write("main.py", APP)
    here.write("garrison.toml", '[headers]\nreferrer_policy = "same-origin"\n')
    with serving(here, "serve", "main:app", "--dev", "--port", "0", until=READY) as served, served.client as client:
        assert 'curl --cacert "$(garrison certs ca)"' in served.text
        answer = client.get("/")
        assert (answer.status_code, answer.text) == (200, "WORD")
        assert answer.headers["referrer-policy"] == "same-origin"
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
        assert served.stop(signal.SIGINT) in {0, 130, -signal.SIGINT}
    assert "Traceback" not in served.text


@pytest.mark.server
def test_an_application_that_hardens_itself_is_served_as_it_is(here: Here) -> None:
    harden = "from garrison import harden\napp = harden(app)\n"
    here.write("own.py", APP + harden)
    with serving(here, "serve", "own:app", "--dev", "--port", "0", until=READY) as served, served.client as client:
        answer = client.get("/")
        assert (answer.status_code, answer.text) == (200, "WORD")
        assert answer.headers.get_list("x-frame-options") == ["DENY"]


@pytest.mark.server
def test_reloading_serves_the_changed_application_behind_the_policy(here: Here) -> None:
    path = here.write("changing.py", APP)
    with (
        serving(
            here, "serve", "changing:app", "--dev", "--port", "0", "--reload", until="Application startup complete"
        ) as served,
        served.client as client,
    ):
        assert client.get("/").headers["x-frame-options"] == "DENY"
        path.write_text(APP.replace("WORD", "OTHER"))
        served.wait_for("Application startup complete", times=2)
        answer = client.get("/")
        assert answer.text == "OTHER"
        assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.server
def test_production_serves_a_certificate_of_ones_own_and_ends_gracefully(here: Here) -> None:
    """In production, with all that a production start asks for."""
    leaf = DevCA.open(None, datetime.now(UTC)).issue(["127.0.0.1", "localhost"])
    here.write("live.py", APP)
    here.write("garrison.toml", 'preset = "api"\nhosts = ["localhost"]\n\n[serve]\nprofile = "modern"\n')
    key = secrets.token_urlsafe(32)
    options = ("--cert", str(leaf.cert_file), "--key", str(leaf.key_file), "--host", "127.0.0.1", "--port", "0")
    with serving(here, "serve", "live:app", *options, until="Serving on", GARRISON_KEY=key) as served:
        port = int(served.text.partition("https://127.0.0.1:")[2].split()[0])
        context = ssl.create_default_context(cafile=os.fspath(DevCA.open(None, datetime.now(UTC)).certificate_file))
        with httpx.Client(base_url=f"https://localhost:{port}", verify=context, trust_env=False) as client:
            answer = client.get("/")
            assert (answer.status_code, answer.text) == (200, "WORD")
            assert "server" not in answer.headers
            assert client.get("/", headers={"host": "evil.example"}).status_code == 421
        old = ssl.create_default_context(cafile=os.fspath(DevCA.open(None, datetime.now(UTC)).certificate_file))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with httpx.Client(verify=old, trust_env=False) as client, pytest.raises(httpx.ConnectError):
            client.get(f"https://localhost:{port}/")
        assert served.stop(signal.SIGTERM) == 0
    assert "Traceback" not in served.text


class TestRefused:
    def test_production_needs_a_certificate(self, here: Here) -> None:
        ran = here.run("serve", "main:app")
        assert ran.code == 2
        assert "--cert and --key" in ran.said
        assert "--dev" in ran.said

    def test_development_makes_its_own(self, here: Here) -> None:
        assert here.run("serve", "main:app", "--dev", "--cert", "a.pem", "--key", "b.pem").code == 2

    def test_a_certificate_that_is_none(self, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GARRISON_ENVIRONMENT", "development")
        here.write("main3.py", APP)
        here.write("a.pem", "nonsense")
        ran = here.run("serve", "main3:app", "--cert", "a.pem", "--key", "a.pem", "--host", "127.0.0.1", "--port", "0")
        assert ran.code == 3
        assert "a.pem" in ran.said

    def test_development_is_not_served_to_others(self, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GARRISON_ENVIRONMENT", "development")
        here.write("main4.py", APP)
        ran = here.run("serve", "main4:app", "--cert", "a.pem", "--key", "a.pem", "--port", "0")
        assert ran.code == 3
        assert "loopback only" in ran.said

    def test_an_address_that_others_can_reach(self, here: Here) -> None:
        here.write("main2.py", APP)
        ran = here.run("serve", "main2:app", "--dev", "--host", "0.0.0.0")  # noqa: S104 - refused, never bound
        assert ran.code == 3
        assert "loopback only" in ran.said

    def test_a_mistyped_application(self, here: Here) -> None:
        here.write("mine.py", APP)
        ran = here.run("serve", "mine:ap", "--dev")
        assert ran.code == 3
        assert "Did you mean 'app'?" in ran.said

    def test_an_unsafe_policy(self, here: Here) -> None:
        here.write("mine2.py", APP)
        here.write("garrison.toml", '[cors]\norigins = ["null"]\n')
        ran = here.run("serve", "mine2:app", "--dev")
        assert ran.code == 3
        assert "garrison.toml:2 · cors.origins" in ran.said


@pytest.mark.parametrize(
    "more", [("--port", "0"), ("--host", "localhost"), ("--profile", "modern"), ("--domain", "a.test"), ("--dev",)]
)
def test_behind_a_unix_socket_an_option_that_would_do_nothing_is_refused(here: Here, more: tuple[str, ...]) -> None:
    here.write("main.py", APP)
    said = here.run("serve", "main:app", "--unix", "app.sock", *more)
    assert said.code == 2
    assert "Leave out all that is about TLS and network." in said.said
    control = here.run("serve", "main:app", "--unix", "app.sock", GARRISON_ENVIRONMENT="development")
    assert control.code == 3
    assert "does not trust the proxy" in control.said
