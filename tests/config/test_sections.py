"""Sections that need not be there, and secrets that a schema keeps where nobody would look for them."""

from __future__ import annotations

import tomllib
from typing import Any, Literal

import pydantic
import pytest
from pydantic import model_validator

from garrison.config import Config, ConfigInvalid, SecretText, Section, SettingsConfigDict, SigningKey, load_config
from garrison.config.drift import drift
from garrison.config.live import shown
from garrison.config.written import documentation, example

from .schema import CANARY


class Crates(Section):
    """Where parcels are ordered."""

    url: str
    token: SecretText
    """Of the carrier."""
    debug: bool = True


class Depot(Config):
    """A depot, which may have a carrier."""

    model_config = SettingsConfigDict(env_prefix="DEPOT_")

    n: int = 1
    crates: Crates | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Depot:
        if self.crates and self.crates.url == "bad":
            raise ValueError(f"no carrier takes {self.crates.token.reveal()}")
        return self


WHOLE = {"DEPOT_CRATES__URL": "https://a.example", "DEPOT_CRATES__TOKEN": "env:T", "DEPOT_CRATES__DEBUG": "no"}


def wrong(environ: dict[str, str], *words: str) -> dict[str, str]:
    """What is said about each key."""
    with pytest.raises(ConfigInvalid) as caught:
        load_config(Depot, words, environ)
    assert CANARY not in str(caught.value)
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_a_section_that_is_left_out_is_none_and_neither_missing_nor_judged() -> None:
    config = load_config(Depot, (), {})
    assert config.crates is None
    assert shown(config)["crates.token"] == "None"


def test_a_reference_in_a_section_that_need_not_be_there_is_resolved() -> None:
    config = load_config(Depot, (), {**WHOLE, "T": CANARY})
    assert config.crates is not None
    assert config.crates.token.reveal() == CANARY
    assert config.reference("crates.token") == "env:T"
    assert shown(config)["crates.token"] == "***"


def test_what_is_wrong_in_it_is_found_and_told_by_its_own_key() -> None:
    assert set(wrong({**WHOLE, "T": "changeme"})) == {"crates.token"}
    assert set(wrong({**WHOLE, "DEPOT_CRATES__DEBUG": "1", "T": CANARY})) == {"crates.debug"}
    half = wrong({"DEPOT_CRATES__URL": "https://a.example", "DEPOT_CRATES__DEBUG": "no"})
    assert half == {"crates.token": "crates.token: it is missing. Set it: DEPOT_CRATES__TOKEN=…."}
    assert set(wrong(WHOLE)) == {"crates.token"}


@pytest.mark.parametrize("words", [("--crates.token", CANARY), ("--crates", f'{{"url": "a", "token": "{CANARY}"}}')])
def test_a_secret_in_it_is_refused_on_the_command_line(words: tuple[str, ...]) -> None:
    assert "everybody's" in wrong({"DEPOT_ENVIRONMENT": "development"}, *words)["crates.token"]


def test_what_a_validator_quotes_of_it_is_cut_out() -> None:
    told = wrong({**WHOLE, "DEPOT_CRATES__URL": "bad", "T": CANARY})
    assert told == {"configuration": "configuration: no carrier takes ***."}


def test_drift_masks_its_secrets() -> None:
    sides = [{**WHOLE, "DEPOT_CRATES__TOKEN": f"{CANARY}{n}"} for n in range(2)]
    (found,) = drift(Depot, ("staging", sides[0]), ("production", sides[1]))
    assert (found.key, found.left, found.right) == ("crates.token", "***", "***")


def test_the_example_and_the_documentation_say_that_it_need_not_be_there() -> None:
    text = example(Depot)
    assert tomllib.loads(text) == {}
    assert "# [crates]" in text
    page = documentation(Depot)
    assert "Optional: it holds when one of the keys of `[crates]` is set." in page
    assert "| `crates.token` | secret | **required** in its section |" in page


@pytest.mark.parametrize(
    "kind",
    [
        list[SecretText], dict[str, SecretText], tuple[SigningKey, ...], list[SecretText] | None, list[Crates],
        dict[str, list[Crates]] | None, Crates | str, pydantic.SecretStr, pydantic.SecretStr | None,
        pydantic.SecretBytes, list[pydantic.SecretStr],
    ],
)  # fmt: skip
def test_a_schema_that_keeps_secrets_where_none_are_resolved_or_masked_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"Hidden\.a: secrets in it would be taken as they stand"):
        schema(kind)


@pytest.mark.parametrize("kind", [list[str], dict[str, int] | None, SecretText | None, Literal["a"], Crates | None])
def test_any_other_is_taken(kind: Any) -> None:
    assert schema(kind).every_key()


def schema(kind: Any) -> type[Config]:
    made = {"model_config": SettingsConfigDict(env_prefix="HIDDEN_"), "a": None, "__annotations__": {"a": kind}}
    return type("Hidden", (Config,), {**made, "__module__": __name__})


@pytest.mark.parametrize("words", [("--n", "7"), ("--n=7",)])
def test_a_key_of_one_letter_is_an_option_like_any_other(words: tuple[str, ...]) -> None:
    assert load_config(Depot, words, {}).n == 7
    assert str(load_config(Depot, words, {}).source("n")) == "argument --n"
