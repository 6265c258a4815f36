"""The second factor: set up with a code, checked with a code, and no code twice."""

from __future__ import annotations

import anyio
import pyotp
import pytest

from garrison.accounts.second_factor import KIND, SETUP, SecondFactor
from garrison.accounts.second_factor_totp import STEP, new_secret, provisioning_uri, step_of
from garrison.core.errors import DependencyError
from garrison.core.ports import Services
from garrison.policy.model import SecondFactorSection
from garrison.policy.units import Rate

from .stand import NOW, ROOT, Stand

pytestmark = pytest.mark.anyio
SECTION = SecondFactorSection(issuer="Notes", recovery_codes=4)


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def factor(stand: Stand) -> SecondFactor:
    return SecondFactor(stand.services, SECTION)


async def turned_on(factor: SecondFactor, stand: Stand, account: str = "ann") -> tuple[pyotp.TOTP, tuple[str, ...]]:
    """The person's app, and the recovery codes. The next code that holds is of the next time step."""
    setup = await factor.set_up(account, "ann@example.com")
    app = pyotp.TOTP(setup.secret)
    codes = await factor.confirm(stand.visit(), account, app.at(int(stand.now)))
    assert codes is not None
    stand.now += STEP
    return app, codes


class TestCodes:
    def test_the_codes_are_those_of_the_standard(self) -> None:
        """RFC 6238, appendix B: the SHA-1 vectors, the last six of their eight digits."""
        secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        for moment, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
            assert step_of(secret, code, moment) == moment // STEP

    @pytest.mark.parametrize(("off", "holds"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
    def test_a_clock_may_be_half_a_minute_off_and_no_more(self, off: int, holds: bool) -> None:
        secret = new_secret()
        code = pyotp.TOTP(secret).at(int(NOW) + off)
        assert (step_of(secret, code, NOW) is not None) is holds

    @pytest.mark.parametrize(
        "typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345", "12345 678", "1" * 5000]
    )
    def test_what_is_no_code_is_of_no_step(self, typed: str) -> None:
        assert step_of(new_secret(), typed, NOW) is None

    def test_a_code_may_be_typed_in_two_groups(self) -> None:
        secret = new_secret()
        code = pyotp.TOTP(secret).at(int(NOW))
        assert step_of(secret, f" {code[:3]} {code[3:]}", NOW) is not None

    def test_the_address_names_issuer_and_account(self) -> None:
        uri = provisioning_uri("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "ann@example.com", "Our Notes")
        assert uri.startswith("otpauth://totp/Our%20Notes:ann%40example.com?")
        assert pyotp.parse_uri(uri).secret == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class TestSettingUp:
    async def test_it_is_on_only_once_a_code_was_shown(self, factor: SecondFactor, stand: Stand) -> None:
        await factor.set_up("ann", "ann@example.com")
        assert not await factor.is_on("ann")
        assert await factor.confirm(stand.visit(), "ann", "000000") is None
        assert not await factor.is_on("ann")
        await turned_on(factor, stand)
        assert await factor.is_on("ann")
        assert await factor.codes_left("ann") == 4

    async def test_the_store_holds_neither_secret_nor_codes(self, factor: SecondFactor, stand: Stand) -> None:
        setup = await factor.set_up("ann", "ann@example.com")
        pending = await stand.records.get(SETUP, "ann")
        app, codes = await turned_on(factor, stand)
        record = await stand.records.get(KIND, "ann")
        written = str(pending) + str(record)
        for told in (setup.secret, app.secret, *codes):
            assert told not in written
        assert setup.secret not in repr(setup)
        assert setup.uri not in repr(setup)

    async def test_the_first_code_is_used_up_by_the_setting_up(self, factor: SecondFactor, stand: Stand) -> None:
        app, _ = await turned_on(factor, stand)
        assert not await factor.check(stand.visit(), "ann", app.at(int(stand.now) - STEP))

    async def test_a_set_up_that_is_never_confirmed_is_forgotten(self, factor: SecondFactor, stand: Stand) -> None:
        setup = await factor.set_up("ann", "ann@example.com")
        stand.now += 901
        assert await factor.confirm(stand.visit(), "ann", pyotp.TOTP(setup.secret).at(int(stand.now))) is None

    async def test_a_new_device_takes_over_with_its_first_code_and_not_before(
        self, factor: SecondFactor, stand: Stand
    ) -> None:
        old, _ = await turned_on(factor, stand)
        setup = await factor.set_up("ann", "ann@example.com")
        assert await factor.check(stand.visit(), "ann", old.at(int(stand.now))), "the old one holds until then"
        stand.now += STEP
        new = pyotp.TOTP(setup.secret)
        assert await factor.confirm(stand.visit(), "ann", new.at(int(stand.now))) is not None
        stand.now += STEP
        assert not await factor.check(stand.visit(), "ann", old.at(int(stand.now)))
        assert await factor.check(stand.visit(), "ann", new.at(int(stand.now)))

    async def test_turned_off_it_takes_nothing(self, factor: SecondFactor, stand: Stand) -> None:
        app, codes = await turned_on(factor, stand)
        await factor.turn_off(stand.visit(), "ann")
        assert not await factor.is_on("ann")
        assert not await factor.check(stand.visit(), "ann", app.at(int(stand.now)))
        assert not await factor.check(stand.visit(), "ann", codes[0])
        assert [one["change"] for one in stand.told("second_factor_changed")] == ["on", "off"]


class TestChecking:
    async def test_a_code_passes_once(self, factor: SecondFactor, stand: Stand) -> None:
        app, _ = await turned_on(factor, stand)
        code = app.at(int(stand.now))
        assert (await factor.check(stand.visit(), "ann", code)).how == "totp"
        assert not await factor.check(stand.visit(), "ann", code)

    async def test_of_two_requests_at_once_one_passes(self, factor: SecondFactor, stand: Stand) -> None:
        app, _ = await turned_on(factor, stand)
        code, passed = app.at(int(stand.now)), list[bool]()

        async def ask() -> None:
            passed.append(bool(await factor.check(stand.visit(), "ann", code)))

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(ask)
        assert sorted(passed) == [False, False, False, True]

    async def test_a_code_of_one_account_is_none_of_another(self, factor: SecondFactor, stand: Stand) -> None:
        app, codes = await turned_on(factor, stand)
        await turned_on(factor, stand, "eve")
        assert not await factor.check(stand.visit(), "eve", app.at(int(stand.now)))
        assert not await factor.check(stand.visit(), "eve", codes[0])

    async def test_a_recovery_code_passes_once_and_is_told(self, factor: SecondFactor, stand: Stand) -> None:
        _, codes = await turned_on(factor, stand)
        used = await factor.check(stand.visit(), "ann", codes[2].lower())
        assert (used.how, used.left) == ("recovery", 3)
        assert not await factor.check(stand.visit(), "ann", codes[2])
        assert stand.told("recovery_code_used") == [{"principal": "ann", "left": 3}]

    async def test_new_recovery_codes_end_the_old_ones(self, factor: SecondFactor, stand: Stand) -> None:
        _, old = await turned_on(factor, stand)
        new = await factor.renew_codes(stand.visit(), "ann")
        assert not await factor.check(stand.visit(), "ann", old[0])
        assert await factor.check(stand.visit(), "ann", new[0])
        assert await factor.renew_codes(stand.visit(), "bob") == ()

    async def test_attempts_are_bounded_and_the_owner_is_told_how_long(
        self, factor: SecondFactor, stand: Stand
    ) -> None:
        app, codes = await turned_on(factor, stand)
        looked_at = [not (await factor.check(stand.visit(), "ann", "000000")).wait for _ in range(20)]
        assert sum(looked_at) == SECTION.attempts[0].burst
        refused = await factor.check(stand.visit(), "ann", app.at(int(stand.now)))
        assert not refused
        assert 0 < refused.wait <= 3600
        assert await factor.check(stand.visit(), "ann", codes[0]), "the owner still has the way back in"

    async def test_success_makes_the_attempts_whole_again(self, factor: SecondFactor, stand: Stand) -> None:
        app, _ = await turned_on(factor, stand)
        for _ in range(10):
            for _ in range(3):
                await factor.check(stand.visit(), "ann", "000000")
            stand.now += STEP
            assert await factor.check(stand.visit(), "ann", app.at(int(stand.now)))

    async def test_after_a_hundred_failures_only_a_recovery_code_lets_in(self, stand: Stand) -> None:
        section = SecondFactorSection(attempts=(Rate(1000, 1.0),), failures=100)
        factor = SecondFactor(stand.services, section)
        app, codes = await turned_on(factor, stand)
        for _ in range(100):
            last = await factor.check(stand.visit(), "ann", "000000")
        assert last.locked
        assert (await factor.check(stand.visit(), "ann", app.at(int(stand.now)))).locked
        assert await factor.check(stand.visit(), "ann", codes[0])
        stand.now += STEP
        assert await factor.check(stand.visit(), "ann", app.at(int(stand.now))), "and the count begins afresh"

    async def test_failures_are_events(self, factor: SecondFactor, stand: Stand) -> None:
        await turned_on(factor, stand)
        await factor.check(stand.visit(), "ann", "000000")
        assert stand.told("second_factor_failed") == [{"principal": "ann", "locked": False}]

    async def test_an_account_without_one_passes_nothing(self, factor: SecondFactor, stand: Stand) -> None:
        assert not await factor.check(stand.visit(), "nobody", "000000")


class TestKeys:
    async def test_a_rotated_root_key_keeps_second_factors_and_seals_them_anew(self) -> None:
        old, new = Stand(), Stand(roots=(bytes(range(1, 33)), ROOT))
        app, _ = await turned_on(SecondFactor(old.services, SECTION), old)
        record = await old.records.get(KIND, "ann")
        assert record is not None
        await new.records.put(KIND, "ann", record.data)
        new.now = old.now
        assert await SecondFactor(new.services, SECTION).check(new.visit(), "ann", app.at(int(new.now)))
        after = await new.records.get(KIND, "ann")
        assert after is not None
        assert after.data["secret"] != record.data["secret"]
        alone = Stand(roots=(bytes(range(1, 33)),), now=new.now + STEP)
        await alone.records.put(KIND, "ann", after.data)
        assert await SecondFactor(alone.services, SECTION).check(alone.visit(), "ann", app.at(int(alone.now)))

    async def test_without_the_key_codes_fail_loudly_and_recovery_codes_hold(self) -> None:
        old, lost = Stand(), Stand(roots=(bytes(range(1, 33)),))
        app, codes = await turned_on(SecondFactor(old.services, SECTION), old)
        record = await old.records.get(KIND, "ann")
        assert record is not None
        await lost.records.put(KIND, "ann", record.data)
        factor = SecondFactor(lost.services, SECTION)
        assert not await factor.check(lost.visit(), "ann", app.at(int(lost.now)))
        assert lost.told("crypt_decrypt_fail")
        assert await factor.check(lost.visit(), "ann", codes[0])

    def test_without_stores_it_is_not_built(self) -> None:
        with pytest.raises(DependencyError):
            SecondFactor(Services(), SECTION)
