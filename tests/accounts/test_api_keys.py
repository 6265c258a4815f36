"""API keys: found by scanners, hashed in the store, good for as much and as long as they were made for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from garrison.accounts.api_keys import KIND, ApiKeys, TooManyKeys
from garrison.accounts.api_keys_text import PATTERN, is_key, make_key, parse_key
from garrison.accounts.authorisation_principals import Bad
from garrison.core.errors import DependencyError
from garrison.core.exchange import Principal
from garrison.core.ports import Services
from garrison.policy.model import ApiKeysSection

from .stand import Stand

pytestmark = pytest.mark.anyio
SECTION = ApiKeysSection(accept=True, prefix="notes", most=3)
DAY = 86400.0


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def keys(stand: Stand) -> ApiKeys:
    return ApiKeys(stand.services, SECTION)


async def made(keys: ApiKeys, stand: Stand, owner: str = "ann", *scopes: str, lifetime: float | None = None) -> str:
    return (await keys.create(stand.visit(), owner, "CI", scopes=frozenset(scopes), lifetime=lifetime)).text


class TestTheText:
    def test_it_says_whose_it_is_and_is_selected_by_a_double_click(self) -> None:
        key = make_key("notes")
        assert re.fullmatch(r"notes_\w{12}_\w{49}", key.whole)
        assert key.whole.replace("_", "").isalnum()

    def test_keys_and_ids_are_random(self) -> None:
        many = [make_key("notes") for _ in range(500)]
        assert len({key.whole for key in many}) == len({key.id for key in many}) == 500

    def test_a_scanner_finds_it_in_text_and_nothing_else(self) -> None:
        key = make_key("garrison").whole
        text = f'TOKEN="{key}" # or x_{"a" * 12}_{"b" * 49}, sha {"0" * 64}'
        assert [found for found in re.findall(PATTERN, text) if is_key(found)] == [key]

    def test_a_typing_error_does_not_hold(self) -> None:
        key = make_key("notes").whole
        for place in range(len("notes_"), len(key)):
            wrong = key[:place] + ("A" if key[place] != "A" else "B") + key[place + 1 :]
            assert parse_key(wrong) is None, place

    @pytest.mark.parametrize(
        "text", ["", "notes_", "notes_a_b", "a" * 5000, "notes_" + "é" * 12 + "_" + "a" * 49, "\0"]
    )
    def test_what_is_no_key_is_none(self, text: str) -> None:
        assert parse_key(text) is None

    def test_a_key_does_not_show_in_a_repr(self) -> None:
        key = make_key("notes")
        assert key.whole not in repr(key)


class TestLife:
    async def test_a_key_acts_for_its_owner_within_its_scopes(self, keys: ApiKeys, stand: Stand) -> None:
        scopes = frozenset({"notes:read", "notes:write"})
        key = await keys.create(stand.visit(), "ann", "CI", scopes=scopes)
        assert keys.claims(key.text)
        assert await keys.verify(key.text, stand.visit()) == Principal("ann", "api-key", scopes, key.info.id)

    async def test_the_store_holds_only_a_hash(self, keys: ApiKeys, stand: Stand) -> None:
        new = await keys.create(stand.visit(), "ann", "CI")
        record = await stand.records.get(KIND, new.info.id)
        assert new.text not in str(record)
        assert new.text.rpartition("_")[2] not in str(record)
        assert new.text not in repr(new)
        assert new.text not in str(stand.events)

    async def test_an_expired_key_is_nobody(self, keys: ApiKeys, stand: Stand) -> None:
        key = await made(keys, stand, lifetime=DAY)
        stand.now += DAY - 1
        assert isinstance(await keys.verify(key, stand.visit()), Principal)
        stand.now += 1
        assert isinstance(await keys.verify(key, stand.visit()), Bad)

    async def test_no_key_outlives_the_policy(self, keys: ApiKeys, stand: Stand) -> None:
        new = await keys.create(stand.visit(), "ann", "CI", lifetime=100 * SECTION.lifetime)
        assert new.info.expires == stand.now + SECTION.lifetime

    async def test_a_revoked_key_is_nobody_and_its_use_is_told(self, keys: ApiKeys, stand: Stand) -> None:
        new = await keys.create(stand.visit(), "ann", "CI")
        assert await keys.revoke(stand.visit(), "ann", new.info.id)
        assert not await keys.revoke(stand.visit(), "ann", new.info.id)
        assert await keys.verify(new.text, stand.visit()) == Bad("revoked key")
        assert stand.told("authn_token_reuse") == [{"principal": "ann", "handle": new.info.id}]
        stand.now += SECTION.lifetime - 10
        assert await keys.verify(new.text, stand.visit()) == Bad("revoked key"), "it is remembered"

    async def test_somebody_else_can_t_revoke_it(self, keys: ApiKeys, stand: Stand) -> None:
        new = await keys.create(stand.visit(), "ann", "CI")
        assert not await keys.revoke(stand.visit(), "eve", new.info.id)
        assert isinstance(await keys.verify(new.text, stand.visit()), Principal)

    async def test_all_of_an_owner_are_revoked_at_once(self, keys: ApiKeys, stand: Stand) -> None:
        mine, other = [await made(keys, stand) for _ in range(3)], await made(keys, stand, "bob")
        assert await keys.revoke_all(stand.visit(), "ann") == 3
        assert [isinstance(await keys.verify(key, stand.visit()), Bad) for key in mine] == [True] * 3
        assert isinstance(await keys.verify(other, stand.visit()), Principal)

    async def test_last_use_is_written_once_a_minute_at_most(self, keys: ApiKeys, stand: Stand) -> None:
        new = await keys.create(stand.visit(), "ann", "CI")
        stand.now += 1
        first = stand.now
        for _ in range(10):
            await keys.verify(new.text, stand.visit())
            stand.now += 5
        record = await stand.records.get(KIND, new.info.id)
        assert record is not None
        assert (record.version, record.data["used"]) == (2, first), "the first use is written, whenever it comes"
        stand.now += 10
        await keys.verify(new.text, stand.visit())
        assert [one.used for one in await keys.list("ann")] == [stand.now]

    async def test_an_owner_lists_their_own_oldest_first(self, keys: ApiKeys, stand: Stand) -> None:
        for name in ("first", "second"):
            await keys.create(stand.visit(), "ann", name)
            stand.now += 1
        await keys.create(stand.visit(), "bob", "other")
        assert [one.name for one in await keys.list("ann")] == ["first", "second"]

    async def test_an_owner_has_so_many_and_no_more(self, keys: ApiKeys, stand: Stand) -> None:
        new = [await keys.create(stand.visit(), "ann", "CI") for _ in range(3)]
        with pytest.raises(TooManyKeys):
            await keys.create(stand.visit(), "ann", "CI")
        await keys.revoke(stand.visit(), "ann", new[0].info.id)
        await keys.create(stand.visit(), "ann", "CI")

    async def test_of_those_made_at_one_moment_no_more_are_left_than_an_owner_may_have(
        self, keys: ApiKeys, stand: Stand
    ) -> None:
        one, another = await made(keys, stand), await made(keys, stand)
        find, late = stand.records.find, []

        async def overtaken(*given: Any, **more: Any) -> Any:
            """Another process makes the third key between this one's look and its write."""
            found = await find(*given, **more)
            if not late:
                late.append(None)
                await made(keys, stand)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stand.records, "find", overtaken)
            with pytest.raises(TooManyKeys):
                await keys.create(stand.visit(), "ann", "CI")
        assert len(await keys.list("ann")) == 3
        assert isinstance(await keys.verify(one, stand.visit()), Principal)
        assert isinstance(await keys.verify(another, stand.visit()), Principal)

    async def test_a_key_can_t_hide_behind_those_that_were_revoked(
        self, keys: ApiKeys, stand: Stand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stolen session makes and revokes keys, then one that its owner must not see."""
        monkeypatch.setattr("garrison.accounts.api_keys._AT_ONCE", 10)
        for _ in range(12):
            stand.now += 1
            await keys.revoke(stand.visit(), "ann", (await keys.create(stand.visit(), "ann", "noise")).info.id)
        stand.now += 1
        hidden = await keys.create(stand.visit(), "ann", "hidden")
        assert hidden.info.id not in {one.id for one in await stand.records.find(KIND, "owner", "ann", limit=10)}, (
            "control"
        )
        assert hidden.info.id in {one.id for one in await keys.list("ann")}
        assert await keys.revoke_all(stand.visit(), "ann") == 1
        assert isinstance(await keys.verify(hidden.text, stand.visit()), Bad)

    @pytest.mark.parametrize("scope", ["", "two words", "tab\t"])
    async def test_a_scope_is_a_word(self, keys: ApiKeys, stand: Stand, scope: str) -> None:
        with pytest.raises(ValueError, match="word"):
            await made(keys, stand, "ann", scope)

    async def test_a_key_of_another_prefix_is_not_ours(self, keys: ApiKeys, stand: Stand) -> None:
        other = make_key("shop").whole
        assert not keys.claims(other)
        assert isinstance(await keys.verify(other, stand.visit()), Bad)

    async def test_making_and_ending_are_events(self, keys: ApiKeys, stand: Stand) -> None:
        new = await keys.create(stand.visit(), "ann", "CI")
        await keys.revoke(stand.visit(), "ann", new.info.id)
        assert [name for name, _ in stand.events] == ["authn_token_created", "authn_token_revoked"]

    def test_without_records_there_are_none(self) -> None:
        with pytest.raises(DependencyError):
            ApiKeys(Services(), SECTION)
