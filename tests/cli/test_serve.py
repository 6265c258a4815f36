"""`garrison serve --dev` puts any application behind the policy, over HTTPS on loopback."""

from __future__ import annotations

import signal

import pytest

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


class TestRefused:
    def test_production_serving_says_how_to_do_it_instead(self, here: Here) -> None:
        ran = here.run("serve", "main:app")
        assert ran.code == 2
        assert "uvicorn module:app" in ran.said
        assert "gunicorn module:app" in ran.said

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
