"""Attacks on the second factor, each with the control that shows what it gains without the defence.

RFC 6238, section 5.2: "The verifier MUST NOT accept the second attempt of the OTP after the successful validation has
been issued for the first OTP". NIST SP 800-63B-4, section 3.2.2: no more than 100 consecutive failures.
"""

from __future__ import annotations

import pyotp
import pytest

from garrison.accounts.second_factor import SecondFactor
from garrison.accounts.second_factor_login import Owed, OwedFactors
from garrison.core.exchange import Principal
from garrison.policy.model import SecondFactorSection
from tests.accounts.stand import Stand

pytestmark = pytest.mark.anyio
STEP = 30


class Victim:
    """An account with a second factor; `app` is the victim's device."""

    def __init__(self, stand: Stand, factor: SecondFactor, app: pyotp.TOTP, codes: tuple[str, ...]) -> None:
        self.stand, self.factor, self.app, self.codes = stand, factor, app, codes

    def code(self, steps: int = 0) -> str:
        return self.app.at(int(self.stand.now) + steps * STEP)

    async def try_code(self, code: str) -> bool:
        return bool(await self.factor.check(self.stand.visit(), "victim", code))


@pytest.fixture
async def victim() -> Victim:
    stand = Stand()
    factor = SecondFactor(stand.services, SecondFactorSection())
    setup = await factor.set_up("victim", "victim@example.com")
    app = pyotp.TOTP(setup.secret)
    codes = await factor.confirm(stand.visit(), "victim", app.at(int(stand.now)))
    assert codes
    stand.now += 10 * STEP
    return Victim(stand, factor, app, codes)


async def test_a_code_seen_over_the_shoulder_is_worth_nothing_once_it_was_typed(victim: Victim) -> None:
    seen = victim.code()
    assert await victim.try_code(seen), "the victim logs in"
    assert not await victim.try_code(seen)
    assert victim.app.verify(seen, for_time=int(victim.stand.now)), "control: the library alone takes it again"


async def test_an_older_code_is_worth_nothing_after_a_newer_one(victim: Victim) -> None:
    """The window of three steps must not make room for replay."""
    before, now = victim.code(-1), victim.code()
    assert await victim.try_code(now)
    assert not await victim.try_code(before)
    assert victim.app.verify(before, for_time=int(victim.stand.now), valid_window=1), "control: the window is open"


async def test_a_next_code_that_was_used_ahead_of_time_is_not_good_in_its_time(victim: Victim) -> None:
    ahead = victim.code(1)
    assert await victim.try_code(ahead)
    victim.stand.now += STEP
    assert not await victim.try_code(ahead)


async def test_six_digits_are_not_guessed_in_a_day_of_trying(victim: Victim) -> None:
    """A thousand guesses an hour, the right code of that moment among the first two hundred."""
    looked_at = hits = naive = 0
    for _ in range(24):
        right = victim.code()
        for number in range(1000):
            guess = right if number == 200 else f"{(int(right) + number + 1) % 1_000_000:06d}"
            checked = await victim.factor.check(victim.stand.visit(), "victim", guess)
            looked_at += not checked.wait
            hits += bool(checked)
            naive += victim.app.verify(guess, for_time=int(victim.stand.now))
        victim.stand.now += 3600
    assert looked_at <= 60
    assert hits == 0
    assert naive == 24, "control: without the limit every hour's guessing succeeds"


async def test_a_guesser_does_not_take_the_way_back_from_the_owner(victim: Victim) -> None:
    for _ in range(200):
        await victim.try_code("000000")
    assert not await victim.try_code(victim.code()), "the attempts are used up"
    assert await victim.try_code(victim.codes[0]), "the owner's recovery code is looked at all the same"


async def test_guessing_recovery_codes_locks_nobody_out(victim: Victim) -> None:
    for number in range(300):
        assert not await victim.try_code(f"{number:024d}")
    assert await victim.try_code(victim.code())


async def test_a_stolen_store_makes_no_codes(victim: Victim) -> None:
    (record,) = await victim.stand.records.find("second-factor", "failures", 0)
    stolen = " ".join(str(value) for value in record.data.values())
    assert victim.app.secret not in stolen
    assert not any(code.replace("-", "") in stolen.upper() for code in victim.codes)
    assert pyotp.TOTP(victim.app.secret).at(0), "control: with the secret, codes are made at will"


async def test_the_second_step_can_t_be_skipped_or_finished_for_somebody_else(victim: Victim) -> None:
    stand = victim.stand
    owed = OwedFactors(stand.services)
    first = stand.visit()
    await owed.begin(first, Principal("victim"), "victim")
    half = await stand.again(first)
    assert half.principal is None, "after the password alone nobody is logged in"
    other = stand.visit()
    await owed.begin(other, Principal("attacker"), "attacker")
    mine = await stand.again(other)
    assert await owed.find(mine) == Owed(Principal("attacker"), "attacker"), "an own half log-in stays one's own"
    assert await owed.take(stand.visit()) is None
