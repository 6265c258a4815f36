"""References: what is one, and that nothing which may be a secret is repeated."""

from __future__ import annotations

import pytest

from garrison.policy.load import load
from garrison.policy.model import Policy
from garrison.policy.needs import covers
from garrison.policy.problems import PolicyInvalid
from garrison.policy.reference import parse_reference

CANARY = "hunter2-canary"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("env:DB_PASSWORD", "env:DB_PASSWORD"),
        ("env:_x1", "env:_x1"),
        ("file:/etc/shop/db password", "file:/etc/shop/db password"),
        ("file:///etc/shop/pässwort", "file:/etc/shop/pässwort"),
    ],
)
def test_a_reference_is_read(text: str, written: str) -> None:
    assert str(parse_reference(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        "",
        f"env:{CANARY}",
        "env:",
        "env:A B",
        f"file:{CANARY}",
        "file:",
        "file:/",
        "file://host/path",
        "file:/etc/../etc/shadow",
        "file:/etc/./x",
        "file:/etc//x",
        "file:/etc/x/",
        "file:/etc/\0x",
        "file:/etc/\nx",
        f"ftp:{CANARY}",
        f"{CANARY}:/x",
        f"file:/{CANARY * 100}",
    ],
)
def test_what_is_no_reference_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"reference|env:|file:") as caught:
        parse_reference(text)
    assert CANARY not in str(caught.value)


def test_a_secret_in_the_place_of_a_reference_is_refused_with_its_key_and_never_shown() -> None:
    with pytest.raises(PolicyInvalid) as caught:
        load(None, {"GARRISON_SECRETS__NAMED": f'{{"db.password": "{CANARY}"}}'})
    assert "secrets.named.db.password" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_variable_that_a_secret_is_kept_in_is_no_policy_key_whatever_its_name() -> None:
    with pytest.raises(PolicyInvalid, match="db"):
        load(None, {"GARRISON_DB": "x"})
    loaded = load(Policy(secrets={"named": {"db": "env:GARRISON_DB"}}), {"GARRISON_DB": "x"})
    assert loaded.policy.secrets.named == {"db": "env:GARRISON_DB"}


@pytest.mark.parametrize(
    ("pattern", "name", "wanted"),
    [
        ("db.dsn", "db.dsn", True),
        ("mail.*", "mail.password", True),
        ("mail.*", "mail.relay.password", True),
        ("*", "anything", True),
        ("mail.*", "mail", False),
        ("mail.*", "mailer.key", False),
        ("db", "db.dsn", False),
        ("db.dsn", "db.dsn2", False),
    ],
)
def test_a_need_covers_its_name_or_what_stands_below_its_prefix(pattern: str, name: str, wanted: bool) -> None:
    assert covers(pattern, name) is wanted
