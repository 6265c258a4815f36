"""Attacks on API keys: guesses from what may be known, stolen stores, keys that outlive their purpose, mixed
identities."""

from __future__ import annotations

import hashlib

import pytest

from garrison.accounts.api_keys import KIND, ApiKeys
from garrison.accounts.api_keys_text import checksum, make_key
from garrison.accounts.authorisation_principals import Bad, principals
from garrison.core.exchange import Principal
from garrison.policy.model import ApiKeysSection
from tests.accounts.stand import Stand

pytestmark = pytest.mark.anyio


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def keys(stand: Stand) -> ApiKeys:
    return ApiKeys(stand.services, ApiKeysSection())


async def passes(keys: ApiKeys, stand: Stand, text: str) -> bool:
    return isinstance(await keys.verify(text, stand.visit()), Principal)


def with_id(id: str) -> str:
    """A well-formed key of that id with a secret and a checksum of the attacker's own."""
    body = f"garrison_{id}_{make_key('garrison').whole.split('_')[2][:-6]}"
    return body + checksum(body)


async def test_who_knows_a_key_s_public_part_is_no_step_further(keys: ApiKeys, stand: Stand) -> None:
    """Ids stand in lists and logs. A service that finds keys by them and stops there would let each of these in."""
    new = await keys.create(stand.visit(), "victim", "CI")
    guesses = [with_id(new.info.id) for _ in range(200)]
    assert not any([await passes(keys, stand, guess) for guess in guesses])
    found = await stand.records.get(KIND, new.info.id)
    assert found is not None
    assert all(guess.split("_")[1] == found.id for guess in guesses), "control: by id alone they all fit"
    assert await passes(keys, stand, new.text)


async def test_all_of_a_key_but_its_last_characters_is_worth_nothing(keys: ApiKeys, stand: Stand) -> None:
    text = (await keys.create(stand.visit(), "victim", "CI")).text
    for short in (text[:-1], text[:-6], text[: len(text) // 2], text + "0"):
        assert not await passes(keys, stand, short)


async def test_what_the_store_holds_can_t_be_presented(keys: ApiKeys, stand: Stand) -> None:
    new = await keys.create(stand.visit(), "victim", "CI")
    record = await stand.records.get(KIND, new.info.id)
    assert record is not None
    stolen = str(record.data["hash"])
    assert stolen == hashlib.sha256(new.text.encode()).hexdigest(), "control: it is the hash of the key"
    for text in (stolen, f"garrison_{record.id}_{stolen}", f"garrison_{record.id}_{stolen[:49]}"):
        assert not await passes(keys, stand, text)


async def test_noise_never_reaches_the_store(keys: ApiKeys, stand: Stand) -> None:
    asked: list[str] = []

    class Watched(type(stand.records)):  # type: ignore[misc]  # the store itself, with an eye on it
        async def get(self, kind: str, id: str) -> None:
            asked.append(id)

    stand.services.records = Watched(stand.services.clock, max_records=10)
    watched = ApiKeys(stand.services, ApiKeysSection())
    for number in range(200):
        await watched.verify(f"garrison_{number:012d}_{number:049d}", stand.visit())
    assert asked == [], "checksums that don't hold"
    await watched.verify(make_key("garrison").whole, stand.visit())
    assert len(asked) == 1, "control: a well-formed key is looked up"


async def test_a_revoked_key_stays_revoked_when_its_use_is_written_at_the_same_moment(
    keys: ApiKeys, stand: Stand
) -> None:
    """The write of the last use must not bring back what was read before the revocation."""
    new = await keys.create(stand.visit(), "victim", "CI")
    stand.now += 120
    before = await stand.records.get(KIND, new.info.id)
    assert before is not None
    await keys.revoke(stand.visit(), "victim", new.info.id)
    late = await stand.records.put(KIND, before.id, {**before.data, "used": stand.now}, expect=before.version)
    assert late is None, "the store refuses a write over a newer version"
    assert not await passes(keys, stand, new.text)


async def test_an_attacker_s_key_in_a_victim_s_browser_acts_for_nobody(keys: ApiKeys, stand: Stand) -> None:
    """One request, two identities: whose rights, whose limits, whose log?"""
    victim = stand.visit()
    await victim.log_in(Principal("victim"))
    assert victim.cookies is not None
    cookie = (b"cookie", victim.cookies[-1].split(b";")[0])
    key = await keys.create(stand.visit(), "attacker", "mine")
    mixed = stand.visit(cookie, (b"authorization", f"Bearer {key.text}".encode()))
    who = principals(stand.sessions.resolve, keys)
    assert await who(mixed.facts, mixed) is None
    assert mixed.refusal is not None
    alone = stand.visit(cookie)
    assert await who(alone.facts, alone) == Principal("victim"), "control: without the key it is the victim"


async def test_a_guess_and_a_foreign_key_are_refused_alike(keys: ApiKeys, stand: Stand) -> None:
    """Nobody learns from the answer whether an id exists."""
    new = await keys.create(stand.visit(), "victim", "CI")
    who, told = principals(stand.sessions.resolve, keys), []
    for text in (with_id(new.info.id), make_key("garrison").whole, "garrison_nonsense"):
        exchange = stand.visit((b"authorization", f"Bearer {text}".encode()))
        await who(exchange.facts, exchange)
        assert exchange.refusal is not None
        told.append((exchange.refusal.status, exchange.refusal.headers, exchange.refusal.hint))
    assert len(set(told)) == 1
    assert isinstance(await keys.verify("garrison_nonsense", stand.visit()), Bad)
