"""Each metric has its method: the value that is scored, and bounds on the right side."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.promotion.scoring import metric
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.statistics.comparison import difference_of, interval_of

REGRESSION = ("rmse", "mae", "r2")
CLASSIFICATION = tuple(name for name in metric.names() if name not in REGRESSION)
METHODS = {
    "accuracy": ("Wilson", "Tango"),
    "recall": ("Wilson", "Tango"),
    "balanced_accuracy": ("bootstrap of 10,000", "bootstrap of 10,000"),
    "f1": ("bootstrap of 10,000", "bootstrap of 10,000"),
    "precision": ("bootstrap of 10,000", "bootstrap of 10,000"),
    "roc_auc": ("DeLong", "paired DeLong"),
    "average_precision": ("t of influences", "paired t of influences"),
    "log_loss": ("t", "paired t"),
    "brier": ("t", "paired t"),
}


def classifier(noise: float, classes: tuple = ("no", "yes"), rows: int = 400) -> Scores:
    """Return the scores of a classifier of always the same rows; less noise is better."""
    draw, own = np.random.default_rng(0), np.random.default_rng(int(noise * 100))
    known, count = np.array(classes), len(classes)
    truth = draw.integers(0, count, rows)
    seen = 3 * np.eye(count)[truth] + draw.normal(size=(rows, count))
    seen = seen + noise * own.normal(size=(rows, count))
    chances = np.exp(seen) / np.exp(seen).sum(axis=1, keepdims=True)
    return Scores(known[truth], known[chances.argmax(axis=1)], known, chances)


def regressor(noise: float, rows: int = 300) -> Scores:
    """Return the scores of a regressor; less noise is better."""
    draw, own = np.random.default_rng(0), np.random.default_rng(int(noise * 100))
    truth = draw.normal(size=rows)
    return Scores(truth, truth + 0.3 * draw.normal(size=rows) + noise * own.normal(size=rows))


def scores_of(scores: Scores, rows: np.ndarray) -> Scores:
    """Return the scores of some rows, which may come more than once."""
    return Scores(
        scores.truth[rows], scores.predicted[rows], scores.classes, scores.probabilities[rows]
    )


def of_kind(name: str, noise: float) -> Scores:
    return regressor(noise) if name in REGRESSION else classifier(noise)


@pytest.mark.parametrize(
    "classes", [("no", "yes"), (0, 1), (False, True), ("a", "b", "c"), (3, 5, 9, 11)]
)
def test_values_are_those_that_are_scored(classes: tuple) -> None:
    scores = classifier(1.0, classes)

    found = {name: interval_of(name, scores).value for name in CLASSIFICATION}

    assert found == pytest.approx(metric.score(scores))


def test_values_of_regression_are_those_that_are_scored() -> None:
    scores = regressor(0.5)

    assert {n: interval_of(n, scores).value for n in REGRESSION} == pytest.approx(
        metric.score(scores)
    )


@pytest.mark.parametrize("name", metric.names())
@pytest.mark.parametrize("clusters", [None, np.arange(400) // 4])
def test_a_challenger_that_is_better_is_on_the_positive_side(name: str, clusters: object) -> None:
    if clusters is not None and name in REGRESSION:
        clusters = np.arange(300) // 3
    better, worse = of_kind(name, 0.2), of_kind(name, 2.5)

    found = difference_of(name, better, worse, clusters=clusters)

    values = [metric.score(scores)[name] for scores in (better, worse)]
    assert abs(found.value) == pytest.approx(abs(values[0] - values[1]))
    assert 0 < found.lower < found.value < found.upper
    back = difference_of(name, worse, better, clusters=clusters)
    assert (back.lower, back.upper) == pytest.approx((-found.upper, -found.lower))


@pytest.mark.parametrize("name", metric.names())
def test_the_same_model_differs_by_exactly_0(name: str) -> None:
    for count in (2, 300):
        scores = of_kind(name, 0.5)
        found = difference_of(name, scores, scores)
        assert (found.value, found.lower, found.upper, found.standard_error) == (0, 0, 0, 0), count
        assert found.method == "the same predictions"


def test_equal_labels_do_not_prove_that_models_are_the_same() -> None:
    full = classifier(0.5, rows=30)
    labels = Scores(full.truth, full.predicted, full.classes)

    found = difference_of("accuracy", labels, labels)

    assert found.value == 0
    assert found.lower == -found.upper < -0.02


@pytest.mark.parametrize("name", METHODS)
def test_the_method_is_told(name: str) -> None:
    a, b = classifier(0.5), classifier(1.0)

    assert (interval_of(name, a).method, difference_of(name, a, b).method) == METHODS[name]


def test_clusters_make_wider_bounds_of_rows_that_repeat() -> None:
    a, b = classifier(0.5, rows=100), classifier(1.0, rows=100)
    four_a, four_b = (scores_of(s, np.repeat(np.arange(100), 4)) for s in (a, b))
    clusters = np.repeat(np.arange(100), 4)

    for name in CLASSIFICATION:
        alone = difference_of(name, four_a, four_b)
        together = difference_of(name, four_a, four_b, clusters=clusters)
        assert together.count == 100
        assert together.upper - together.lower > 1.5 * (alone.upper - alone.lower), name


def test_two_perfect_models_of_few_rows_may_differ() -> None:
    truth, known = np.array([0, 1, 2] * 4), np.arange(3)
    sharp, dull = (0.05 + strength * np.eye(3)[truth] for strength in (0.85, 0.5))
    a, b = (
        Scores(truth, truth, known, chances / chances.sum(axis=1, keepdims=True))
        for chances in (sharp, dull + np.linspace(0, 0.1, 12)[:, None])
    )

    for name in ("roc_auc", "average_precision"):
        alone, apart = interval_of(name, a), difference_of(name, a, b)
        assert (alone.value, alone.upper) == (1, 1)
        assert alone.lower < 0.7, name
        assert apart.value == 0
        assert apart.lower == -apart.upper < -0.3


def test_equal_labels_of_clusters_settle_nothing() -> None:
    full = classifier(0.5, rows=30)
    labels = Scores(full.truth, full.predicted, full.classes)
    clusters = np.arange(30) // 3

    for name in ("f1", "accuracy", "recall", "balanced_accuracy"):
        found = difference_of(name, labels, labels, clusters=clusters)
        assert found.value == 0
        assert found.lower < -0.05 < 0.05 < found.upper, name


def test_recall_counts_all_rows_and_tests_the_positive_ones() -> None:
    found = interval_of("recall", classifier(0.5))

    assert found.count == 400
    assert 150 < found.counts[1] < 250


@pytest.mark.parametrize(
    "name", ["roc_auc", "average_precision", "f1", "recall", "balanced_accuracy"]
)
def test_one_class_leaves_no_value_and_a_reason(name: str) -> None:
    full = classifier(0.5)
    rows = full.truth == "no"
    a = Scores(full.truth[rows], np.full(rows.sum(), "no"), full.classes, full.probabilities[rows])

    for found in (interval_of(name, a), difference_of(name, a, a)):
        assert not found.is_defined
        assert found.reason


def test_a_model_without_probabilities_has_no_loss() -> None:
    full = classifier(0.5)
    labels = Scores(full.truth, full.predicted, full.classes)

    for name in ("log_loss", "brier", "roc_auc", "average_precision"):
        assert interval_of(name, labels).reason in {
            "the model gives no probabilities",
            "neither probabilities nor a decision function",
        }
    assert interval_of("accuracy", labels).is_defined


def test_numbers_that_are_none_are_never_silent() -> None:
    full, plain = classifier(0.5), regressor(0.5)
    chances = full.probabilities.copy()
    chances[3] = math.nan
    predicted = plain.predicted.copy()
    predicted[3] = math.inf
    bad = Scores(full.truth, full.predicted, full.classes, chances)
    worse = Scores(plain.truth, predicted)

    for name in ("log_loss", "brier", "roc_auc", "average_precision"):
        assert not interval_of(name, bad).is_defined
        assert not difference_of(name, bad, full).is_defined
        assert not difference_of(name, bad, bad).is_defined
    for name in REGRESSION:
        assert not interval_of(name, worse).is_defined
        assert not difference_of(name, plain, worse).is_defined


def test_a_decision_function_of_many_classes_that_is_no_table_ranks_nothing() -> None:
    full = classifier(0.5, ("a", "b", "c"))
    flat = Scores(full.truth, full.predicted, full.classes, decision=np.zeros(400))

    assert interval_of("average_precision", flat).reason == "there is no score of each class"


def test_a_label_that_the_model_never_saw_has_no_loss() -> None:
    full = classifier(0.5)
    truth = full.truth.astype(object)
    truth[0] = "perhaps"
    odd = Scores(truth, full.predicted, full.classes, full.probabilities)

    assert interval_of("log_loss", odd).reason == "a true label is none of the classes of the model"
    assert interval_of("accuracy", odd).value == metric.score(odd)["accuracy"]


def test_one_row() -> None:
    one = Scores(np.array([1.0]), np.array([2.0]))

    assert interval_of("mae", one).lower == -math.inf
    assert interval_of("rmse", one).lower == 0
    assert not interval_of("r2", one).is_defined


def test_errors_that_are_too_large_are_no_number() -> None:
    plain = regressor(0.5)
    huge = Scores(plain.truth, plain.predicted * 1e200)

    for name in ("rmse", "r2"):
        assert "too large" in str(interval_of(name, huge).reason)
        assert "too large" in str(difference_of(name, plain, huge).reason)
    assert interval_of("mae", huge).is_defined


def test_texts_are_no_regression() -> None:
    texts = Scores(np.array(["a", "b"]), np.array(["a", "b"]))

    for name in REGRESSION:
        assert "no numbers" in str(interval_of(name, texts).reason)


def test_mistakes_are_refused() -> None:
    a = classifier(0.5)
    with pytest.raises(NotFoundError, match="did you mean 'roc_auc'"):
        interval_of("rocauc", a)
    with pytest.raises(ValueError, match="same rows"):
        difference_of("accuracy", a, classifier(0.5, rows=300))
    with pytest.raises(ValueError, match="one cluster each"):
        interval_of("accuracy", a, clusters=[1, 2])
    with pytest.raises(ValueError, match="level"):
        difference_of("accuracy", a, a, level=0.5)
