"""`garrison honey` shows a token once, keeps none, and knows one again."""

from __future__ import annotations

import pytest

from garrison.accounts.api_keys_text import is_key
from tests.cli.running import Here

POLICY = 'hosts = ["localhost"]\n'


@pytest.mark.parametrize(("kind", "begins"), [("key", "garrison_"), ("password", ""), ("id", "")])
def test_a_planted_token_is_known_again_by_its_line_alone(here: Here, kind: str, begins: str) -> None:
    here.write("garrison.toml", POLICY)
    planted = here.run("honey", "plant", "wiki", "--kind", kind, "--format", "json").json
    assert planted["token"].startswith(begins)
    assert planted["token"] not in planted["entry"]
    here.write("garrison.toml", f'{POLICY}[detection.honey_tokens]\nwiki = "{planted["entry"]}"\n')
    ran = here.run("honey", "which", "--format", "json", stdin=f"paste: {{'k': '{planted['token']}'}}\nmore\n")
    assert (ran.code, ran.json) == (1, [{"name": "wiki", "kind": kind}])
    other = here.run("honey", "plant", "other", "--kind", kind, "--format", "json").json["token"]
    assert here.run("honey", "which", stdin=other).code == 0


def test_a_planted_key_can_not_be_told_from_a_real_one(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    token = here.run("honey", "plant", "wiki", "--format", "json").json["token"]
    assert is_key(token)


def test_the_line_for_the_policy_is_one_that_the_policy_takes(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    ran = here.run("honey", "plant", "wiki")
    lines = ran.err[ran.err.index("[detection") :]
    here.write("garrison.toml", POLICY + lines)
    assert here.run("honey", "which", stdin=ran.out).code == 1
    taken = here.run("honey", "plant", "wiki")
    assert taken.code == 3
    assert "planted already" in taken.said


def test_a_record_of_ones_own_is_planted_by_its_id(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    ran = here.run("honey", "plant", "row", "--kind", "id", "--value", "--format", "json", stdin="ORDER-2019-000417\n")
    assert ran.json["token"] == "ORDER-2019-000417"
    short = here.run("honey", "plant", "row", "--kind", "id", "--value", stdin="417\n")
    assert short.code == 3
    assert "16 to 128" in short.said


@pytest.mark.parametrize("entry", ["key:16:zz", "cow:16:" + "0" * 32, "key:9:" + "0" * 32, "key:200:" + "0" * 32, ""])
def test_an_entry_that_could_recognise_nothing_stops_the_start(here: Here, entry: str) -> None:
    here.write("garrison.toml", f'{POLICY}[detection.honey_tokens]\nwiki = "{entry}"\n')
    assert here.run("honey", "which", stdin="").code == 3
