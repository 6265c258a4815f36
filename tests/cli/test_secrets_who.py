"""`garrison secrets who`: who can read what, and no value."""

from __future__ import annotations

from tests.cli.running import Here

POLICY = """
    hosts = ["shop.example.com"]
    [secrets.named]
    "db.dsn" = "env:SHOP_DSN"
    "mail.password" = "env:SHOP_MAIL"
    [secrets.needs]
    mailer = ["mail.*"]
    report = ["mail.password"]
"""
CANARY = "canary-9911"


def test_every_secret_stands_with_its_place_and_its_readers_and_without_its_value(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    ran = here.run("secrets", "who", "--format", "json", SHOP_DSN=CANARY, SHOP_MAIL=CANARY)
    assert ran.json == [
        {"secret": "db.dsn", "reference": "env:SHOP_DSN", "readers": []},
        {"secret": "mail.password", "reference": "env:SHOP_MAIL", "readers": ["mailer", "report"]},
    ]
    text = here.run("secrets", "who", SHOP_DSN=CANARY)
    assert "mail.password env:SHOP_MAIL mailer, report" in text.flat
    assert "no component" in text.flat
    assert CANARY not in ran.out + text.out


def test_a_check_names_every_secret_that_is_missing(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    ran = here.run("check", SHOP_DSN=CANARY, GARRISON_KEY="x7Kq2vN9wLpR4tYb8cZd3fGh6jMn1sQa5uWe0iOkTyU")
    assert ran.code == 1
    assert "SHOP_MAIL" in ran.flat
    assert CANARY not in ran.out + ran.err


def test_a_policy_without_secrets_says_so(here: Here) -> None:
    here.write("garrison.toml", 'hosts = ["shop.example.com"]\n')
    assert "no secrets" in here.run("secrets", "who").out
