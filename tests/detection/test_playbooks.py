"""Every alert leads to what to do about it: a command prints it, and the page of the documentation is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.detection.playbooks import PARTS, NoSuchPlaybook, names, read
from garrison.detection.rule import Rule, shipped_rules
from garrison.reactions.message import compose
from tests.cli.conftest import here
from tests.cli.running import Here
from tests.reactions.test_message import RULES, raised

__all__ = ["here"]
PAGES = Path(__file__).resolve().parents[2] / "docs" / "detection" / "playbooks"


@pytest.mark.parametrize("rule", shipped_rules(), ids=lambda rule: rule.id)
def test_the_command_in_the_text_of_an_alert_prints_its_playbook(rule: Rule, here: Here) -> None:
    text = compose([raised(rule.id)], RULES).text
    command = text.partition("Playbook: garrison ")[2].partition("\n")[0].split()
    ran = here.run(*command)
    assert ran.code == 0, ran.err
    assert ran.out.strip() == read(rule.playbook).strip()


@pytest.mark.parametrize("name", names())
def test_a_playbook_has_the_parts_of_the_standard_in_order_and_each_says_something(name: str) -> None:
    title, *parts = read(name).split("\n## ")
    assert title.startswith("# ")
    assert tuple(part.partition("\n")[0] for part in parts) == PARTS
    assert all("\n- " in part for part in parts)


def test_every_playbook_is_named_by_a_rule_and_is_a_page() -> None:
    assert {rule.playbook for rule in shipped_rules()} == set(names())
    assert {page.stem for page in PAGES.glob("*.md")} == set(names())
    assert all((PAGES / f"{name}.md").read_text("utf-8") == read(name) for name in names())


def test_a_name_that_is_none_is_refused_with_those_there_are(here: Here) -> None:
    with pytest.raises(NoSuchPlaybook, match="No playbook"):
        read("../rules/stuffing.toml")
    assert "credentials" in here.run("incident", "playbook", "nonsense").err
