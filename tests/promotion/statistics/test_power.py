"""Tests against a limit agree with the bounds; rows needed do what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

from mlops_jupyter.promotion.statistics import bootstrap
from mlops_jupyter.promotion.statistics.delong import auc
from mlops_jupyter.promotion.statistics.interval import Interval, mean, rate, rate_difference
from mlops_jupyter.promotion.statistics.power import p_above, p_below, rows_needed, smallest_margin

LEVEL = 0.05
DRAW = np.random.default_rng(0)
VALUES = DRAW.exponential(size=80)


def intervals() -> dict[str, Interval]:
    """Return one of each method."""
    right = DRAW.random(200) < 0.9
    other = np.where(DRAW.random(200) < 0.1, ~right, right)
    truth = np.arange(60) % 2
    return {
        "t": mean(VALUES - VALUES[::-1], LEVEL),
        "skewed": mean(VALUES, LEVEL),
        "Wilson": rate(right, LEVEL),
        "Wilson by clusters": rate(right, LEVEL, np.arange(200) // 4),
        "Tango": rate_difference(right, other, LEVEL),
        "bootstrap": bootstrap.of_rows(lambda rows: VALUES[rows].std(), 80, LEVEL),
        "DeLong": auc(truth, truth + DRAW.normal(size=60), LEVEL),
    }


@pytest.mark.parametrize(("name", "found"), intervals().items())
def test_a_limit_is_just_significant_at_a_bound(name: str, found: Interval) -> None:
    assert p_below(found, found.upper) == pytest.approx(LEVEL, abs=1e-4), name
    assert p_above(found, found.lower) == pytest.approx(LEVEL, abs=1e-4), name
    width = found.upper - found.lower
    for step in (0.1, 1.0):
        assert p_below(found, found.upper + step * width) < LEVEL
        assert p_below(found, found.upper - step * width) > LEVEL
        assert p_above(found, found.lower - step * width) < LEVEL


def test_p_values_are_those_of_the_peers() -> None:
    found = mean(VALUES - VALUES[::-1], LEVEL)
    peer = stats.ttest_1samp(VALUES - VALUES[::-1], 0.2, alternative="less").pvalue
    assert p_below(found, 0.2) == pytest.approx(peer)

    share = rate(np.arange(100) < 70, LEVEL)
    assert p_above(share, 0.6) == pytest.approx(
        proportions_ztest(70, 100, 0.6, alternative="larger", prop_var=0.6)[1]
    )


def test_nothing_is_significant_where_nothing_is_known() -> None:
    undefined, unbounded = mean([math.nan, 1.0]), mean([5.0])

    assert math.isnan(p_below(undefined, 0))
    assert math.isnan(p_above(undefined, 0))
    assert p_below(unbounded, 100) == p_above(unbounded, -100) == 1
    assert math.isnan(p_below(mean([1.0, 2.0]), math.nan))
    assert rows_needed(undefined, 0) is None
    assert rows_needed(unbounded, 0) is None
    assert math.isnan(smallest_margin(undefined))


def test_an_exact_difference_is_on_one_side() -> None:
    equal = mean(np.zeros(100))

    assert p_above(equal, -0.01) == 0
    assert p_below(equal, -0.01) == 1
    assert p_above(equal, 0) == p_below(equal, 0) == 1
    assert smallest_margin(equal) == 0


def test_a_limit_that_no_rate_can_have() -> None:
    share = rate([1, 1, 0, 1])
    gap = rate_difference([1, 1, 0, 1], [1, 0, 0, 1])

    assert p_below(share, 1.5) == p_above(share, -0.5) == 0
    assert p_above(share, 1.5) == p_below(share, -0.5) == 1
    assert p_below(gap, 1.5) == p_above(gap, -1.5) == 0


def test_so_many_rows_would_settle_it() -> None:
    seen = mean(DRAW.normal(0.1, 1, 100), LEVEL)
    needed = rows_needed(seen, 0, expected=0.1)
    assert needed is not None

    draws = np.random.default_rng(1).normal(0.1, seen.standard_error * 10, (2000, needed))
    settled = np.mean([mean(values, LEVEL).lower > 0 for values in draws])

    assert settled == pytest.approx(0.8, abs=0.03)


def test_rows_needed_grow_as_the_value_comes_near_the_limit() -> None:
    seen = mean(VALUES)

    far, near = (rows_needed(seen, seen.value - gap) for gap in (0.2, 0.1))
    assert far is not None
    assert near == pytest.approx(4 * far, abs=4)
    assert rows_needed(seen, seen.value) is None
    assert rows_needed(seen, seen.value + 1e-12) is None
    assert rows_needed(seen, 0, expected=math.nan) is None


def test_an_equal_challenger_passes_by_the_smallest_margin() -> None:
    right = DRAW.random(2000) < 0.85
    other = np.where(DRAW.random(2000) < 0.08, ~right, right)
    margin = smallest_margin(rate_difference(right, other), LEVEL, 0.8)

    draws = np.random.default_rng(2).multinomial(2000, [0.04, 0.04, 0.92], size=2000)
    share = np.mean([p_above(_of(ours, theirs), -margin) <= LEVEL for ours, theirs, _ in draws])

    assert share == pytest.approx(0.8, abs=0.05)


def _of(ours: int, theirs: int) -> Interval:
    nan = math.nan
    return Interval(0.0, nan, nan, 2000, "Tango", nan, counts=(int(ours), int(theirs), 2000))


def test_levels_and_powers_are_checked() -> None:
    for level, power in ((0.5, 0.8), (0.05, 1.0), (0.05, 0.3)):
        with pytest.raises(ValueError, match=r"level|power"):
            rows_needed(mean(VALUES), 0, level=level, power=power)
        with pytest.raises(ValueError, match=r"level|power"):
            smallest_margin(mean(VALUES), level, power)
