"""`garrison alerts test` tells of every receiver whether it took the message; `ack` says that somebody has an alert."""

from __future__ import annotations

import asyncio
import json

from garrison.core.clock import SYSTEM
from garrison.reactions.open_alerts import Ladder, open_alert
from garrison.stores.sqlite import FILE_NAME, SqliteRecords
from tests.cli.running import KEY, Here
from tests.events.exports.receiving import web
from tests.reactions.test_message import raised

POLICY = """
hosts = ["localhost"]
"""


def test_who_takes_the_message_and_who_does_not_is_told(here: Here) -> None:
    with web() as (url, got), web(lambda: 500) as (broken, _):
        never = f'{{to = "{url}", step = 1, quiet = ["00:00-24:00"]}}'  # a test is told at any step and hour
        here.write("garrison.toml", POLICY + f'alerts.receivers = [{never}, {{to = "{broken}/x"}}]\n')
        ran = here.run("alerts", "test", "--format", "json", GARRISON_KEY=KEY)
    assert ran.code == 1
    assert [one["taken"] for one in ran.json] == [True, False]
    assert [one["receiver"] for one in ran.json] == ["alerts:127.0.0.1", "alerts:127.0.0.1 (2)"]
    assert "500" in ran.json[1]["error"]
    assert json.loads(got[0][1])["title"] == "Garrison: a test"


def test_a_policy_without_receivers_is_an_error(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    ran = here.run("alerts", "test")
    assert ran.code not in (0, 1)
    assert "no receiver" in ran.err


def test_who_has_an_alert_says_so_and_it_waits_for_nobody_any_more(here: Here) -> None:
    event = raised("stuffing", "203.0.113.7")
    name = str(event.details["alert"])

    async def wait() -> None:
        records = SqliteRecords(here.folder / "state" / FILE_NAME, SYSTEM, max_records=100)
        records.prepare()
        await open_alert(records, event, Ladder((0, 1), 600.0), due=event.when + 600)
        await records.close()

    (here.folder / "state").mkdir(mode=0o700)
    here.write("garrison.toml", f'{POLICY}state = "state"\nstore = "embedded"\nevents.output = "told.jsonl"\n')
    asyncio.run(wait())
    listed = here.run("alerts", "ack", GARRISON_KEY=KEY)
    assert (listed.code, name in listed.out, "203.0.113.7" in listed.out) == (0, True, True)
    taken = here.run("alerts", "ack", name, "a-nobodys", "--format", "json", GARRISON_KEY=KEY)
    assert [one["id"] for one in taken.json] == [name]
    assert taken.code not in (0, 1)
    assert "a-nobodys" in taken.err
    again = here.run("alerts", "ack", name, GARRISON_KEY=KEY)
    assert "has it already" in again.out
    assert "No alert waits" in here.run("alerts", "ack", GARRISON_KEY=KEY).err
    told = [json.loads(line) for line in (here.folder / "told.jsonl").read_text("utf-8").splitlines()]
    assert [one["details"]["alert"] for one in told if one["name"] == "alert_acknowledged"] == [name]
