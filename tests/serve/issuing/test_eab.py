"""The key of an external account binding is a secret like any other: by reference, from any source, never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from garrison.policy.load import load
from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.secrets import SecretMissing
from garrison.serve.issuing.run import build_sources
from tests.support.sealed import machine

CANARY = "canary-eab-5d0c"


def contacts(policy: Policy, folder: Path, environ: dict[str, str]) -> list[Any]:
    sources = build_sources(policy, folder / "acme", environ)
    return [vars(one)["_contact"] for one in (sources.authority, sources.staging) if one]


@pytest.mark.parametrize("reference", ["env:EAB", "sealed:eab"])
def test_the_key_is_read_from_the_source_that_is_named_and_never_shown(tmp_path: Path, reference: str) -> None:
    made = machine(tmp_path)
    made.work.set({"eab": CANARY})
    policy = Policy(**{**made.policy.given, "acme": {"eab_id": "kid-1", "eab_key": reference}})
    found = contacts(policy, tmp_path, {"EAB": f"{CANARY}\n"})
    assert [contact.binding.key for contact in found] == [CANARY, CANARY]
    assert CANARY not in repr(found)


def test_a_key_that_is_missing_is_told_with_its_place(tmp_path: Path) -> None:
    policy = Policy(acme={"eab_id": "kid-1", "eab_key": "env:EAB"})
    with pytest.raises(SecretMissing, match="EAB"):
        contacts(policy, tmp_path, {})


def test_the_key_itself_in_the_policy_is_refused_and_not_repeated() -> None:
    with pytest.raises(PolicyInvalid, match=r"acme\.eab_key") as caught:
        load(None, {"GARRISON_ACME__EAB_KEY": CANARY})
    assert CANARY not in str(caught.value)
