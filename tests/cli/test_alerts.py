"""`garrison alerts test` tells of every receiver whether it took the message."""

from __future__ import annotations

import json

from tests.cli.running import KEY, Here
from tests.events.exports.receiving import web

POLICY = """
hosts = ["localhost"]
"""


def test_who_takes_the_message_and_who_does_not_is_told(here: Here) -> None:
    with web() as (url, got), web(lambda: 500) as (broken, _):
        here.write("garrison.toml", POLICY + f'alerts.receivers = [{{to = "{url}"}}, {{to = "{broken}/x"}}]\n')
        ran = here.run("alerts", "test", "--format", "json", GARRISON_KEY=KEY)
    assert ran.code == 1
    assert [one["taken"] for one in ran.json] == [True, False]
    assert "500" in ran.json[1]["error"]
    assert json.loads(got[0][1])["title"] == "Garrison: a test"


def test_a_policy_without_receivers_is_an_error(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    ran = here.run("alerts", "test")
    assert ran.code not in (0, 1)
    assert "no receiver" in ran.err
