"""Bootstraps: the same draws every time, as wide as theory, wider where little is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mlops_jupyter.promotion.statistics import bootstrap, confusion
from mlops_jupyter.promotion.statistics.interval import mean


def drawn(rows: int, seed: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true labels, and what two models predict that are often the same."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, classes, rows)
    a = np.where(draw.random(rows) < 0.8, truth, draw.integers(0, classes, rows))
    b = np.where(draw.random(rows) < 0.9, a, draw.integers(0, classes, rows))
    return truth, a, b


def test_counts_agree_with_drawing_rows() -> None:
    truth, a, b = drawn(400, 0)

    found = bootstrap.of_counts(confusion.f1, truth, a, 0.05, b)

    def gap(rows: np.ndarray) -> float:
        hits = [np.sum(truth[rows] & side[rows]) for side in (a, b)]
        sizes = [np.sum(truth[rows]) + np.sum(side[rows]) for side in (a, b)]
        return 2 * hits[0] / sizes[0] - 2 * hits[1] / sizes[1]

    peer = bootstrap.of_rows(gap, 400, resamples=1000)
    assert found.value == pytest.approx(f1_score(truth, a) - f1_score(truth, b))
    assert found.standard_error == pytest.approx(peer.standard_error, rel=0.1)


def test_weights_and_rows_agree_with_t_on_a_mean() -> None:
    values = np.random.default_rng(1).normal(size=500)

    of_weights = bootstrap.of_weights(lambda w: float(w @ values / w.sum()), 500)
    of_rows = bootstrap.of_rows(lambda rows: values[rows].mean(), 500)

    by_t = mean(values)
    for found in (of_weights, of_rows):
        assert found.value == pytest.approx(by_t.value)
        assert found.standard_error == pytest.approx(by_t.standard_error, rel=0.1)
        assert found.lower == pytest.approx(by_t.lower, abs=0.2 * by_t.standard_error)


def test_clusters_are_drawn_whole() -> None:
    draw = np.random.default_rng(2)
    clusters = np.repeat([f"customer {n}" for n in range(50)], 8)
    values = np.repeat(draw.normal(size=50), 8)

    by_t = mean(values, clusters=clusters)
    for found in (
        bootstrap.of_weights(lambda w: float(w @ values / w.sum()), 400, clusters=clusters),
        bootstrap.of_rows(lambda rows: values[rows].mean(), 400, clusters=clusters),
    ):
        assert found.count == 50
        assert found.method == "bootstrap of 2,000 by clusters"
        assert found.standard_error == pytest.approx(by_t.standard_error, rel=0.1)


def test_the_same_rows_have_the_same_bounds_and_another_seed_has_others() -> None:
    truth, a, b = drawn(300, 3, classes=4)

    first, again = (bootstrap.of_counts(confusion.macro_f1, truth, a, 0.05, b) for _ in range(2))
    other = bootstrap.of_counts(confusion.macro_f1, truth, a, 0.05, b, seed=1)

    assert first == again
    assert first != other


def test_neither_the_order_of_rows_nor_of_models_matters() -> None:
    truth, a, b = drawn(300, 4, classes=3)
    order = np.random.default_rng(5).permutation(300)

    found = bootstrap.of_counts(confusion.macro_recall, truth, a, 0.05, b)

    assert (
        bootstrap.of_counts(confusion.macro_recall, truth[order], a[order], 0.05, b[order]) == found
    )
    assert bootstrap.of_counts(confusion.macro_recall, truth, b, 0.05, a) == -found


def test_many_rows_cost_no_more_than_few() -> None:
    truth, a, b = drawn(500, 6)
    few = bootstrap.of_counts(confusion.f1, truth, a, 0.05, b)

    again = (np.tile(column, 100) for column in (truth, a))
    many = bootstrap.of_counts(confusion.f1, *again, 0.05, np.tile(b, 100))

    assert many.standard_error == pytest.approx(few.standard_error / 10, rel=0.05)


def test_models_that_agree_on_few_rows_may_differ() -> None:
    truth, a, _ = drawn(30, 7)

    found = bootstrap.of_counts(confusion.f1, truth, a, 0.05, a)

    assert found.value == 0
    assert found.lower < -0.02 < 0.02 < found.upper


def test_a_perfect_score_of_few_rows_is_not_sure() -> None:
    found = bootstrap.of_counts(confusion.f1, [0, 1] * 10, [0, 1] * 10)

    assert (found.value, found.upper) == (1, 1)
    assert found.lower < 0.95


def test_draws_without_a_value_count_as_the_worst() -> None:
    # 1 of 30 rows is positive, so a third of the draws have none
    truth = np.arange(30) == 0

    found = bootstrap.of_counts(confusion.recall, truth, truth)

    assert (found.value, found.lower) == (1, -math.inf)
    assert found.reason == "the metric is not defined on too many of the resamples"


def test_a_metric_without_a_value_has_no_bounds() -> None:
    for found in (
        bootstrap.of_counts(confusion.recall, [0, 0, 0], [0, 1, 0], classes=[0, 1]),
        bootstrap.of_weights(lambda _: math.nan, 10),
        bootstrap.of_rows(lambda _: math.inf, 10),
    ):
        assert not found.is_defined
        assert found.reason == "the metric is not defined on these rows"


def test_one_row_bounds_nothing() -> None:
    found = bootstrap.of_rows(lambda rows: float(len(rows)), 1)

    assert (found.value, found.lower, found.upper) == (1, -math.inf, math.inf)


def test_labels_of_any_kind_are_counted() -> None:
    truth, a, b = drawn(200, 8)
    names = np.array(["no", "yes"])
    expected = bootstrap.of_counts(confusion.f1, truth, a, 0.05, b)

    for labels in (names, names.astype(object), np.array([False, True])):
        found = bootstrap.of_counts(
            confusion.f1, labels[truth], labels[a], 0.05, labels[b], classes=labels
        )
        assert found == expected
    mixed = [np.array(row, dtype=object) for row in ([1, "a", None, 1], ["a", 1, 1, 1])]
    missing = bootstrap.of_counts(confusion.macro_f1, *mixed)
    assert missing.reason == "1 of 4 labels are missing"


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="one per row"):
        bootstrap.of_counts(confusion.f1, [0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="one per row"):
        bootstrap.of_counts(confusion.f1, [[0, 1]], [[0, 1]])
    with pytest.raises(ValueError, match="no rows"):
        bootstrap.of_counts(confusion.f1, [], [])
    with pytest.raises(ValueError, match="no rows"):
        bootstrap.of_weights(np.sum, 0)
    with pytest.raises(ValueError, match="level"):
        bootstrap.of_rows(np.sum, 5, 0.9)


def test_hundred_classes_are_affordable() -> None:
    truth, a, b = drawn(5000, 9, classes=100)

    found = bootstrap.of_counts(confusion.macro_f1, truth, a, 0.05, b)

    assert found.lower < found.value < found.upper
    assert found.method.startswith("bootstrap of 2,")  # fewer than 10,000, and it says so
