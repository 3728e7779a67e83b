"""Intervals of rates, means and paired differences agree with the peers, and say what they lack."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from mlops_jupyter.promotion.statistics import score
from mlops_jupyter.promotion.statistics.interval import mean, rate, rate_difference

LEVEL = 0.05


def hits(right: int, rows: int) -> np.ndarray:
    """Return as many rows, the first of them hit."""
    return np.arange(rows) < right


@pytest.mark.parametrize(
    ("right", "rows"), [(0, 1), (1, 1), (0, 30), (30, 30), (17, 20), (850, 1000)]
)
def test_a_rate_is_that_of_scipy_and_statsmodels(right: int, rows: int) -> None:
    found = rate(hits(right, rows), LEVEL)

    for side, bound in (("greater", found.lower), ("less", found.upper)):
        peer = stats.binomtest(right, rows, alternative=side).proportion_ci(0.95, "wilson")
        assert bound == pytest.approx(peer.low if side == "greater" else peer.high, abs=1e-12)
    both = proportion_confint(right, rows, alpha=2 * LEVEL, method="wilson")
    assert (found.lower, found.upper) == pytest.approx(both, abs=1e-12)
    assert (found.count, found.method, found.counts) == (rows, "Wilson", (right, rows))


def test_a_mean_is_that_of_scipy() -> None:
    half = np.random.default_rng(0).exponential(size=20)
    values = np.concatenate([5 - half, 5 + half])

    found = mean(values, 0.01)

    peer = stats.ttest_1samp(values, 0).confidence_interval(0.98)
    assert (found.lower, found.upper) == pytest.approx((peer.low, peer.high))
    assert found.standard_error == pytest.approx(stats.sem(values))


def test_the_bound_that_skewed_values_endanger_is_moved_out() -> None:
    values = np.random.default_rng(0).exponential(size=40)

    found = mean(values, 0.01)

    peer = stats.ttest_1samp(values, 0).confidence_interval(0.98)
    assert found.lower == pytest.approx(peer.low)
    assert found.upper > peer.high + 0.1 * found.standard_error
    other = mean(-values, 0.01)
    assert (other.lower, other.upper) == pytest.approx((-found.upper, -found.lower))


def test_skewed_values_are_bounded_as_often_as_is_said() -> None:
    draws = np.random.default_rng(3).lognormal(0, 0.8, (2000, 100))
    truth = np.exp(0.32)

    below = np.mean([mean(values).upper < truth for values in draws])

    by_t = draws.mean(1) + stats.t.isf(LEVEL, 99) * draws.std(1, ddof=1) / 10
    assert np.mean(by_t < truth) > 0.08
    assert below < 0.065


def test_clusters_are_those_of_statsmodels() -> None:
    draw = np.random.default_rng(1)
    clusters = draw.integers(0, 25, 300)
    values = draw.normal(size=25)[clusters] + draw.normal(size=300)

    found = mean(values, LEVEL, clusters)

    fit = sm.OLS(values, np.ones(300)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    assert found.standard_error == pytest.approx(fit.bse[0])
    low, high = fit.conf_int(2 * LEVEL)[0]
    assert found.lower <= low + 1e-12
    assert found.upper >= high - 1e-12
    assert min(low - found.lower, found.upper - high) == pytest.approx(0, abs=1e-12)
    assert (found.count, found.degrees) == (25, 24)
    assert found.standard_error > 2 * mean(values).standard_error


def test_rows_that_are_clusters_of_their_own_are_independent() -> None:
    values = np.random.default_rng(2).normal(size=30)
    names = [f"row {n}" for n in range(30)]

    alone, together = mean(values), mean(values, clusters=names)

    assert (together.lower, together.upper) == pytest.approx((alone.lower, alone.upper))


def test_a_rate_of_clusters_counts_fewer_rows() -> None:
    clusters = np.repeat(np.arange(20), 10)
    right = clusters % 4 > 0  # all rows of a cluster are alike

    found = rate(right, LEVEL, clusters)

    per_cluster = rate(right[::10], LEVEL)
    assert (found.value, found.count) == (0.75, 20)
    assert found.lower <= per_cluster.lower + 0.01
    assert rate(right, LEVEL).lower > found.lower + 0.05


def test_a_rate_of_clusters_that_are_all_right_counts_each_as_a_row() -> None:
    found = rate(np.ones(100), LEVEL, np.repeat(np.arange(10), 10))

    assert found.value == found.upper == 1
    assert 0.7 < found.lower < rate(np.ones(10)).lower


def test_the_test_of_a_paired_difference_is_mcnemars_at_0() -> None:
    peer = mcnemar([[50, 13], [6, 31]], exact=False, correction=False)

    assert score.tango(13, 6, 100, 0.0) ** 2 == pytest.approx(peer.statistic)


@pytest.mark.parametrize(("ours", "theirs"), [(13, 6), (0, 3), (0, 0), (50, 50), (100, 0)])
def test_a_bound_is_where_the_test_turns(ours: int, theirs: int) -> None:
    quantile = stats.norm.isf(LEVEL)

    lower, upper = score.tango_bounds(ours, theirs, 100, quantile)

    assert -1 <= lower <= (ours - theirs) / 100 <= upper <= 1
    at_lower = score.tango(ours, theirs, 100, lower, score.CORRECTION)
    at_upper = score.tango(theirs, ours, 100, -upper, score.CORRECTION)
    assert float(at_lower) == pytest.approx(quantile, abs=1e-6)
    assert upper == 1 or float(at_upper) == pytest.approx(quantile, abs=1e-6)


@pytest.mark.parametrize("rows", [50, 200, 500])
@pytest.mark.parametrize("apart", [0.03, 0.08, 0.2])
@pytest.mark.parametrize("truth", [0.0, -0.01, -0.02])
def test_a_paired_difference_is_wrong_no_more_often_than_its_level(
    rows: int, apart: float, truth: float
) -> None:
    most = min(rows, 120) + 1
    # every outcome with its probability, not a simulation
    ours, theirs = np.mgrid[:most, :most]
    chances = ((apart + truth) / 2, (apart - truth) / 2)
    chance = stats.binom.pmf(ours, rows, chances[0]) * stats.binom.pmf(
        theirs, np.maximum(rows - ours, 0), chances[1] / (1 - chances[0])
    )
    assert chance.sum() == pytest.approx(1, abs=1e-6)

    passed = score.tango(ours, theirs, rows, truth, score.CORRECTION) > stats.norm.isf(LEVEL)

    assert (chance * passed).sum() <= LEVEL


def test_models_that_are_right_on_the_same_rows_need_not_be_the_same() -> None:
    found = rate_difference(hits(18, 20), hits(18, 20), LEVEL)

    assert found.value == 0
    assert found.lower == -found.upper < -0.1


def test_a_paired_difference_of_clusters_counts_fewer_rows() -> None:
    draw = np.random.default_rng(4)
    a, b = draw.random(100) < 0.8, draw.random(100) < 0.7
    clusters = np.repeat(np.arange(100), 5)

    alone = rate_difference(a, b, LEVEL)
    together = rate_difference(np.repeat(a, 5), np.repeat(b, 5), LEVEL, clusters)

    assert (together.count, together.method) == (100, "Tango by clusters")
    assert together.lower == pytest.approx(alone.lower, abs=0.003)
    assert together.standard_error == pytest.approx(alone.standard_error, rel=0.03)
    never = rate_difference(np.ones(500), np.ones(500), LEVEL, clusters)
    assert never.lower == pytest.approx(rate_difference(np.ones(100), np.ones(100)).lower, abs=0.01)


def test_an_equal_challenger_differs_by_exactly_0() -> None:
    found = mean(np.zeros(50))

    assert (found.value, found.lower, found.upper, found.standard_error) == (0, 0, 0, 0)


def test_one_row_or_one_cluster_bounds_nothing() -> None:
    for found in (mean([0.3]), mean([0.3, 0.3], clusters=["a", "a"])):
        assert found.value == 0.3
        assert (found.lower, found.upper) == (-math.inf, math.inf)
        assert "says nothing of others" in str(found.reason)
    alone = rate([1, 0, 1], clusters=[7, 7, 7])
    assert (alone.lower, alone.upper) == (0, 1)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, None])
def test_a_value_that_is_no_number_leaves_nothing(wrong: float | None) -> None:
    for found in (
        mean([1.0, 2.0, wrong]),
        rate([1, 0, wrong]),
        rate_difference([1, 0, wrong], [1, 1, 1]),
    ):
        assert all(map(math.isnan, (found.value, found.lower, found.upper)))
        assert found.reason == "1 of 3 values are not finite numbers"
        assert not found.is_defined


def test_values_too_large_to_add_up_leave_nothing() -> None:
    found = mean([1e308, 1.5e308, 1e308])

    assert not found.is_defined
    assert found.reason == "the values are too large to be added up"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "no rows"),
        ([[1.0, 2.0]], "shape"),
        (["1", "2"], "numbers"),
        (np.array(["1"], dtype=object), "numbers"),
        (np.array([1 + 1j]), "numbers"),
        (5.0, "shape"),
    ],
)
def test_what_is_no_row_of_numbers_is_refused(values: object, message: str) -> None:
    for verb in (mean, rate):
        with pytest.raises(ValueError, match=message):
            verb(values)


def test_other_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        rate([0.5, 1.0])
    with pytest.raises(ValueError, match="3 rows cannot be paired with 2"):
        rate_difference([1, 0, 1], [1, 0])
    with pytest.raises(ValueError, match="one cluster each"):
        mean([1.0, 2.0], clusters=[1])
    with pytest.raises(ValueError, match="1 of 2 rows have no cluster"):
        mean([1.0, 2.0], clusters=[1.0, math.nan])
    for level in (0, 0.5, 1, -1, math.nan):
        with pytest.raises(ValueError, match="level"):
            mean([1.0, 2.0], level)


def test_types_of_rows() -> None:
    as_bool, as_number = rate(np.array([True, False, True])), rate([1.0, 0.0, 1.0])
    as_object = rate(np.array([1, 0, True], dtype=object))

    assert as_bool == as_number == as_object
