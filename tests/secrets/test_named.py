"""Named secrets: all read at the start, kept current, handed out by need, shown nowhere."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest

from garrison import harden
from garrison.core.errors import OperatorError
from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.rehearsal import rehearse
from garrison.secrets import (
    Secret,
    SecretDenied,
    Secrets,
    SecretsUnresolved,
    SecretUnknown,
    open_secrets,
)
from garrison.secrets.errors import LinksOpen
from garrison.secrets.keeping import refuse_open_links
from garrison.secrets.resolver import Resolver
from garrison.testing import captured_events, testing_policy
from tests.asgi.driving import Message, Receive, Send
from tests.cli.running import KEY

CANARY = "canary-77aa31"
SECTION = {
    "named": {"db.dsn": "env:DSN", "mail.password": "env:MAIL"},
    "needs": {"mailer": ["mail.*"]},
}


def opened(environ: dict[str, str], **section: Any) -> Secrets:
    return open_secrets(Policy(secrets={**SECTION, **section}), environ)


def recorded(secrets: Secrets) -> list[tuple[str, dict[str, object]]]:
    events: list[tuple[str, dict[str, object]]] = []
    secrets.attach(lambda name, facts=None, /, **details: events.append((name, details)))
    return events


def write(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)


async def app(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_all_that_is_missing_is_told_at_once_with_keys_and_without_values() -> None:
    with pytest.raises(SecretsUnresolved) as caught:
        opened({"OTHER": CANARY})
    assert set(caught.value.failures) == {"secrets.named.db.dsn", "secrets.named.mail.password"}
    assert "DSN" in str(caught.value)
    assert "MAIL" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_missing_secret_stops_the_start_and_shows_in_a_check() -> None:
    policy = testing_policy(secrets={"named": {"db": "env:SURELY_NOT_SET_5"}})
    with pytest.raises(SecretsUnresolved):
        harden(app, policy)
    assert [type(error) for error in rehearse(policy, {})] == [SecretsUnresolved]
    assert rehearse(policy, {"SURELY_NOT_SET_5": "x"}) == []


def test_an_unknown_name_gets_the_nearest_right_one() -> None:
    with pytest.raises(SecretUnknown, match=r"db\.dsn"):
        opened({"DSN": "x", "MAIL": "y"}).get("db.dns")


def test_a_view_has_what_its_component_needs_and_nothing_else() -> None:
    secrets = opened({"DSN": CANARY, "MAIL": "y"})
    events = recorded(secrets)
    view = secrets.view("mailer")
    assert view.get("mail.password").reveal() == "y"
    assert events == []
    for name in ("db.dsn", "db", "not-there"):
        with pytest.raises(SecretDenied):
            view.get(name)
    with pytest.raises(SecretDenied):
        view.on_change("db.dsn", print)
    assert [event for event, _ in events] == ["secret_denied"] * 4
    assert events[0][1] == {"component": "mailer", "name": "db.dsn"}
    with pytest.raises(OperatorError, match="stranger"):
        secrets.view("stranger")


def test_control_without_a_view_the_same_component_reads_everything() -> None:
    assert opened({"DSN": CANARY, "MAIL": "y"}).get("db.dsn").reveal() == CANARY


def test_nothing_shows_or_pickles_a_value() -> None:
    secrets = opened({"DSN": CANARY, "MAIL": CANARY})
    for each in (secrets, secrets.view("mailer"), secrets.get("db.dsn")):
        assert CANARY not in repr(each)
        with pytest.raises(TypeError):
            pickle.dumps(each)


def test_a_new_value_is_put_to_use_and_told_to_those_who_listen() -> None:
    environ = {"DSN": "old", "MAIL": "same"}
    secrets = opened(environ)
    events, told = recorded(secrets), list[str]()
    secrets.on_change("db.dsn", lambda new: told.append(new.reveal()))
    assert secrets.refresh() == []
    environ["DSN"] = CANARY
    assert secrets.refresh() == ["db.dsn"]
    assert secrets.get("db.dsn").reveal() == CANARY
    assert told == [CANARY]
    assert events == [("secret_rotated", {"name": "db.dsn"})]


def test_a_listener_that_fails_is_recorded_without_its_words_and_the_next_is_still_told() -> None:
    environ = {"DSN": "old", "MAIL": "same"}
    secrets = opened(environ)
    events, told = recorded(secrets), list[Secret[str]]()

    def fails(new: Secret[str]) -> None:
        raise RuntimeError(new.reveal())

    secrets.on_change("db.dsn", fails)
    secrets.on_change("db.dsn", told.append)
    environ["DSN"] = CANARY
    secrets.refresh()
    assert len(told) == 1
    assert ("secret_rotation_failed", {"name": "db.dsn", "error": "RuntimeError"}) in events
    assert CANARY not in str(events)


def test_a_source_that_fails_later_leaves_the_last_good_value_and_is_told_once() -> None:
    environ = {"DSN": CANARY, "MAIL": "same"}
    secrets = opened(environ)
    events = recorded(secrets)
    del environ["DSN"]
    secrets.refresh()
    secrets.refresh()
    assert secrets.get("db.dsn").reveal() == CANARY
    assert [name for name, _ in events] == ["service_degraded"]
    environ["DSN"] = CANARY
    secrets.refresh()
    assert [name for name, _ in events] == ["service_degraded", "service_recovered"]
    assert CANARY not in str(events)


async def run_until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another thread
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_a_running_application_takes_a_new_value_from_a_file_and_stops_reading_when_it_ends(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dsn"
    write(path, "old")
    policy = testing_policy(secrets={"named": {"db": f"file:{path}"}, "refresh": 0.05})
    secrets = open_secrets(policy)
    onion = harden(app, policy, secrets=secrets)
    with captured_events(onion) as events:
        for opening in onion.services.opening:
            await opening()
        write(path, CANARY)
        await run_until(lambda: secrets.get("db").reveal() == CANARY)
        path.unlink()
        await run_until(lambda: any(event.name == "service_degraded" for event in events))
        for closing in reversed(onion.services.closing):
            await closing()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "garrison-secrets"]
    names = [event.name for event in events]
    assert "secret_rotated" in names
    assert CANARY not in str([event.details for event in events])


def test_secrets_of_another_policy_are_refused() -> None:
    secrets = Secrets(Policy().secrets, Resolver([]))
    with pytest.raises(OperatorError, match="another policy"):
        harden(app, testing_policy(secrets={"named": {"db": "env:PATH"}}), secrets=secrets)


FAR = "postgresql://shop:canary-77aa31@db.example.com/shop"


@pytest.mark.parametrize(
    ("address", "link"),
    [(FAR, "database"), (f"{FAR}?sslmode=require", "database"), ("smtp://mail.example.com", "mail"),
     ("syslog://logs.example.com:514", "log"), ("redis://cache.example.com/0", "store")],
)  # fmt: skip
def test_an_address_that_is_read_on_its_way_stops_a_production_start(address: str, link: str) -> None:
    policy = testing_policy().given | {"preset": "api", "hosts": ["shop.example.com"], "environment": "production"}
    policy |= {"secrets": {"named": {"db.dsn": "env:DSN"}, "refresh": 0}, "key": "env:ROOT"}
    environ = {"DSN": address, "ROOT": "p4Xw9MzU2ySlD7qZc1oNe6iKt0hVb3fGj8rRL5zCwYF"}
    found = [error for error in rehearse(Policy(**policy), environ) if isinstance(error, LinksOpen)]
    assert [error.links["db.dsn"][0] for error in found] == [link]
    assert CANARY not in str(found[0])
    for other in (
        {**policy, "allow_insecure_link": [link]},
        {**policy, "environment": "development"},
    ):
        assert not [error for error in rehearse(Policy(**other), environ) if isinstance(error, LinksOpen)]


@pytest.mark.parametrize("text", [f"{FAR}?sslmode=verify-full", FAR.replace("db.example.com", "127.0.0.1"), "O'Brien"])
def test_an_address_that_is_safe_and_what_is_none_do_not(text: str) -> None:
    refuse_open_links(opened({"DSN": text, "MAIL": "x"}), ())


def test_a_link_that_is_misspelt_would_allow_nothing_and_is_refused() -> None:
    with pytest.raises(PolicyInvalid, match="database"):
        Policy(allow_insecure_link=["databse"])


def test_a_new_address_that_is_open_is_not_put_to_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dsn"
    safe = "postgresql://shop:Zk41xq8Pw2@db.example.com/shop?sslmode=verify-full"
    write(path, safe)
    monkeypatch.setenv("GARRISON_KEY", KEY)
    policy = Policy(
        hosts=["shop.example.com"], secrets={"named": {"db.dsn": f"file:{path}"}}, state=str(tmp_path / "state"),
        events={"output": "none"},
    )  # fmt: skip
    secrets = open_secrets(policy)
    hardened = harden(app, policy, secrets=secrets)
    with captured_events(hardened) as captured:
        write(path, safe.replace("?sslmode=verify-full", ""))
        assert secrets.refresh() == []
        assert secrets.get("db.dsn").reveal() == safe
        assert "service_degraded" in captured.names()
        write(path, safe.replace("shop:", "shop_b:"))  # control
        assert secrets.refresh() == ["db.dsn"]
