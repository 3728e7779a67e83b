"""The area under the curve: DeLong agrees with a bootstrap, and knows what it cannot say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mlops_jupyter.promotion.statistics.delong import auc, auc_difference, placements


def drawn(rows: int, seed: int, digits: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true labels, and the scores of two models that see much of the same."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 2, rows)
    seen = truth + draw.normal(size=rows)
    a, b = (seen + noise * draw.normal(size=rows) for noise in (0.5, 0.8))
    return truth, np.round(a, digits), np.round(b, digits)


@pytest.mark.parametrize("digits", [8, 1, 0])
def test_the_area_is_that_of_scikit_learn(digits: int) -> None:
    truth, a, b = drawn(300, 0, digits)

    assert auc(truth, a).value == pytest.approx(roc_auc_score(truth, a), abs=1e-12)
    gap = roc_auc_score(truth, a) - roc_auc_score(truth, b)
    assert auc_difference(truth, a, b).value == pytest.approx(gap, abs=1e-12)


def test_delong_agrees_with_a_bootstrap_of_10_000() -> None:
    truth, a, b = drawn(400, 1)
    draws = np.random.default_rng(2).multinomial(400, np.full(400, 1 / 400), size=10_000)
    ones, zeros = draws[:, truth == 1].astype(float), draws[:, truth == 0].astype(float)

    def resampled(scores: np.ndarray) -> np.ndarray:
        gap = scores[truth == 1][:, None] - scores[truth == 0][None, :]
        ranked = (np.sign(gap) + 1) / 2
        return ((ones @ ranked) * zeros).sum(1) / ones.sum(1) / zeros.sum(1)

    of_a, of_b = resampled(a), resampled(b)
    for found, draws in ((auc(truth, a), of_a), (auc_difference(truth, a, b), of_a - of_b)):
        assert found.standard_error == pytest.approx(draws.std(), rel=0.04)
        low, high = np.quantile(draws, [0.05, 0.95])
        assert found.lower == pytest.approx(low, abs=0.1 * draws.std())
        assert found.upper == pytest.approx(high, abs=0.1 * draws.std())


def test_a_paired_difference_is_surer_than_two_areas() -> None:
    truth, a, b = drawn(500, 3)

    paired = auc_difference(truth, a, b).standard_error

    assert paired < 0.7 * math.hypot(auc(truth, a).standard_error, auc(truth, b).standard_error)


def test_rows_that_are_clusters_of_their_own_are_independent() -> None:
    truth, a, b = drawn(200, 4)

    alone, together = auc_difference(truth, a, b), auc_difference(truth, a, b, clusters=range(200))

    assert together.standard_error == pytest.approx(alone.standard_error)


def test_rows_that_are_there_many_times_are_no_more_evidence() -> None:
    truth, a, b = drawn(100, 5)
    again = (np.repeat(column, 5) for column in (truth, a, b))

    found = auc_difference(*again, clusters=np.repeat(np.arange(100), 5))

    assert found.standard_error == pytest.approx(auc_difference(truth, a, b).standard_error)
    assert (found.count, found.method) == (100, "paired DeLong by clusters")


def test_a_rare_class_has_few_degrees_of_freedom() -> None:
    truth, a, _ = drawn(1000, 6)
    truth = truth & (np.cumsum(truth) <= 5)

    assert auc(truth, a).degrees < 6


def test_scores_that_order_all_rows_alike_differ_by_exactly_0() -> None:
    truth, a, _ = drawn(100, 7)

    for same in (a, 3 * a + 1):
        found = auc_difference(truth, a, same)
        assert found.value == 0
    found = auc_difference(truth, a, a)
    assert (found.lower, found.upper, found.standard_error) == (0, 0, 0)


def test_a_perfect_order_of_few_rows_is_not_sure() -> None:
    truth = np.array([0] * 5 + [1] * 5)
    scores = np.arange(10.0)

    found, reverse = auc(truth, scores), auc(truth, -scores)

    assert (found.value, found.upper) == (1, 1)
    assert 0.5 < found.lower < 0.9
    assert (reverse.lower, reverse.upper) == pytest.approx((0, 1 - found.lower))
    apart = auc_difference(truth, scores, scores[[1, 0, 2, 3, 4, 5, 6, 7, 9, 8]])
    assert apart.value == 0
    assert apart.lower < -0.1 < 0.1 < apart.upper
    thousand = np.repeat([0, 1], 500)
    assert auc(thousand, np.arange(1000.0)).lower > 0.99


def test_a_constant_score_orders_nothing() -> None:
    found = auc([0, 1, 0, 1], [0.3] * 4)

    assert (found.value, found.lower, found.upper) == (0.5, 0.5, 0.5)


def test_one_row_of_a_class_bounds_nothing() -> None:
    found = auc([0, 0, 1], [0.1, 0.9, 0.5])

    assert (found.value, found.lower, found.upper) == (0.5, 0, 1)
    assert found.reason == "one row of a class says nothing of others"
    assert auc([0, 1, 0, 1], [1, 2, 3, 4], clusters=[1, 1, 2, 3]).reason is None
    assert "cluster" in str(auc([0, 1, 0, 1], [1, 2, 3, 4], clusters=[1, 2, 1, 3]).reason)


@pytest.mark.parametrize("truth", [[1, 1, 1], [0, 0, 0]])
def test_one_class_has_no_area(truth: list) -> None:
    found = auc(truth, [1.0, 2.0, 3.0])

    assert not found.is_defined
    assert found.reason == "all rows are of one class"


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_scores_that_are_no_numbers_leave_nothing(wrong: float) -> None:
    assert not auc([0, 1, 1], [1.0, wrong, 2.0]).is_defined
    assert not auc_difference([0, 1, 1], [1.0, 2.0, 3.0], [1.0, wrong, 2.0]).is_defined


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        ([0, 2], [1, 2], "0 for the other"),
        (["no", "yes"], [1, 2], "numbers"),
        ([0, 1], [[1, 2], [3, 4]], "shape"),
        ([0, 1], [1, 2, 3], "paired"),
        ([], [], "no rows"),
    ],
)
def test_mistakes_are_refused(truth: list, scores: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        auc(truth, scores)


def test_placements_by_hand() -> None:
    # the positive 0.4 is above one of two negatives and ties with the other
    found = placements(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.4, 0.9]))

    assert found.tolist() == [1.0, 0.75, 0.75, 1.0]
