"""Between the steps of a log-in: known on the server, bound to one browser, for minutes, once."""

from __future__ import annotations

import pyotp
import pytest

from garrison.accounts.login import LoginGuard
from garrison.accounts.second_factor import Checked, SecondFactor
from garrison.accounts.second_factor_login import LIFETIME, NothingOwed, Owed, OwedFactors, SecondStep
from garrison.core.exchange import Exchange, Principal
from garrison.policy.model import LoginSection, SecondFactorSection

from .stand import Stand

pytestmark = pytest.mark.anyio
ANN = Principal("ann", scopes=frozenset({"member"}))
MAIL = "ann@example.com"


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def owed(stand: Stand) -> OwedFactors:
    return OwedFactors(stand.services)


async def test_who_owes_a_code_is_known_and_not_logged_in(owed: OwedFactors, stand: Stand) -> None:
    first = stand.visit()
    await owed.begin(first, ANN, MAIL)
    second = await stand.again(first)
    assert second.principal is None
    assert await owed.find(second) == Owed(ANN, MAIL)


async def test_it_is_taken_once(owed: OwedFactors, stand: Stand) -> None:
    first = stand.visit()
    await owed.begin(first, ANN, MAIL)
    assert await owed.take(await stand.again(first)) == Owed(ANN, MAIL)
    assert await owed.take(await stand.again(first)) is None


async def test_it_is_forgotten_after_minutes(owed: OwedFactors, stand: Stand) -> None:
    first = stand.visit()
    await owed.begin(first, ANN, MAIL)
    stand.now += LIFETIME + 1
    assert await owed.find(await stand.again(first)) is None


async def test_another_browser_owes_nothing(owed: OwedFactors, stand: Stand) -> None:
    await owed.begin(stand.visit(), ANN, MAIL)
    assert await owed.find(stand.visit()) is None
    other = stand.visit()
    stand.sessions.start_presession(other)
    assert await owed.find(await stand.again(other)) is None


async def test_a_presession_planted_before_the_password_leads_nowhere(owed: OwedFactors, stand: Stand) -> None:
    """Session fixation: the attacker knows the victim's pre-session, the victim types the password."""
    planted = stand.visit()
    stand.sessions.start_presession(planted)
    await owed.begin(await stand.again(planted), ANN, MAIL)
    assert await owed.find(await stand.again(planted)) is None


async def test_a_session_can_t_be_had_by_taking_what_was_never_begun(owed: OwedFactors, stand: Stand) -> None:
    assert await owed.take(stand.visit()) is None


async def test_an_application_with_sessions_of_its_own_is_told(owed: OwedFactors, stand: Stand) -> None:
    stand.services.start_presession = None
    with pytest.raises(RuntimeError, match="sessions"):
        await owed.begin(stand.visit(), ANN, MAIL)


class TestTheSecondStep:
    @pytest.fixture
    async def step(self, stand: Stand) -> SecondStep:
        """With a second factor on for Ann, whose device is `self.app`."""
        factor = SecondFactor(stand.services, SecondFactorSection())
        setup = await factor.set_up("ann", MAIL)
        self.app = pyotp.TOTP(setup.secret)
        codes = await factor.confirm(stand.visit(), "ann", self.app.at(int(stand.now)))
        assert codes is not None
        self.recovery = codes[0]
        stand.now += 60
        return SecondStep(stand.services, factor, LoginGuard(stand.services, LoginSection()))

    async def half(self, step: SecondStep, stand: Stand) -> Exchange:
        first = stand.visit()
        assert await step.begin(first, ANN, MAIL)
        return await stand.again(first)

    async def test_an_account_without_one_owes_nothing(self, step: SecondStep, stand: Stand) -> None:
        assert not await step.begin(stand.visit(), Principal("bob"), "bob@example.com")

    async def test_the_right_code_begins_the_session_and_trusts_the_device(
        self, step: SecondStep, stand: Stand
    ) -> None:
        second = await self.half(step, stand)
        assert await step.is_owed(second)
        assert await step.finish(second, self.app.at(int(stand.now))) == ANN
        assert any(line.startswith(b"__Host-device=") for line in second.cookies or [])
        after = await stand.again(second)
        assert after.principal == ANN
        assert not await step.is_owed(after)
        assert stand.told("authn_login_success")

    async def test_a_recovery_code_does_too(self, step: SecondStep, stand: Stand) -> None:
        assert await step.finish(await self.half(step, stand), self.recovery) == ANN

    async def test_a_wrong_code_logs_nobody_in_and_may_be_tried_again(self, step: SecondStep, stand: Stand) -> None:
        second = await self.half(step, stand)
        assert isinstance(await step.finish(second, "000000"), Checked)
        assert second.principal is None
        assert await step.finish(second, self.app.at(int(stand.now))) == ANN

    async def test_without_the_first_step_a_right_code_is_worth_nothing(self, step: SecondStep, stand: Stand) -> None:
        code = self.app.at(int(stand.now))
        assert await step.finish(stand.visit(), code) == NothingOwed()
        assert await step.finish(await self.half(step, stand), code) == ANN, "and it was not used up"
