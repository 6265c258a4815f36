"""The statistics of time: they find what is there, and nothing else."""

from __future__ import annotations

import random

import pytest

from tests.support.timing import Verdict, compare, holm, judge, sign_test, wilcoxon


def noise(seed: int, count: int, shift: float = 0.0) -> list[float]:
    """Differences as they are measured: heavy tails, and now and then a pause of the machine."""
    drawn = random.Random(seed)
    return [
        shift
        + drawn.gauss(0, 20e-6) * drawn.choice((1, 1, 1, 3))
        + (drawn.choice((-1, 1)) * 5e-3 if drawn.random() < 0.02 else 0.0)
        for _ in range(count)
    ]


def test_known_values_of_the_signed_rank_test() -> None:
    """Differences 1 to 20, all positive: W = 210, z = (210 - 105 - 0.5) / 26.786, p about 9.6e-5."""
    assert wilcoxon([float(n) for n in range(1, 21)]) == pytest.approx(9.56e-5, rel=0.01)
    assert wilcoxon([(-1) ** n * float(n) for n in range(1, 21)]) > 0.5
    assert wilcoxon([0.0] * 50) == 1.0


def test_known_values_of_the_sign_test() -> None:
    assert sign_test([1.0] * 60 + [-1.0] * 40) == pytest.approx(0.0574, abs=0.001)
    assert sign_test([0.0] * 10) == 1.0
    assert holm(0.01, 0.5) == 0.02


def test_a_shift_of_five_microseconds_is_found_in_four_thousand_pairs() -> None:
    found = compare(noise(1, 4000, shift=5e-6))
    assert found.differs(2e-6)
    assert judge(found, compare(noise(2, 4000)), 2e-6) is Verdict.DIFFERENT


def test_noise_is_no_difference_in_forty_runs() -> None:
    assert sum(compare(noise(seed, 500)).differs(2e-6) for seed in range(40)) <= 1


def test_a_control_that_differs_from_itself_leaves_nothing_known() -> None:
    shifted = compare(noise(3, 1000, shift=50e-6))
    assert judge(shifted, shifted, 2e-6) is Verdict.INCONCLUSIVE
