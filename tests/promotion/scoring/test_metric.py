"""Metrics: the figures of a textbook, and None where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.promotion.scoring import metric
from mlops_jupyter.promotion.scoring.metric import Scores

CLASSIFICATION = {
    "accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc",
    "average_precision", "log_loss", "brier",
}  # fmt: skip


def binary(truth: list, probability: list[float], classes: tuple = (0, 1)) -> Scores:
    """Return the scores of a classifier that gives these probabilities to the second class."""
    chance = np.array(probability)
    known = np.array(classes)
    return Scores(
        truth=np.array(truth),
        predicted=known[(chance >= 0.5).astype(int)],
        classes=known,
        probabilities=np.column_stack([1 - chance, chance]),
    )


def test_a_binary_classifier_by_hand() -> None:
    # predicted 0 1 1 1: three of four positives found, one false alarm in four
    scores = binary([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9])

    found = metric.score(scores)

    assert found == pytest.approx(
        {
            "accuracy": 3 / 4,
            "balanced_accuracy": (1 / 2 + 1) / 2,
            "f1": 4 / 5,
            "precision": 2 / 3,
            "recall": 1.0,
            "roc_auc": 1.0,
            "average_precision": 1.0,
            "log_loss": -(np.log(0.9) + np.log(0.4) + np.log(0.7) + np.log(0.9)) / 4,
            "brier": (0.01 + 0.36 + 0.09 + 0.01) / 4,
        }
    )


def test_the_second_class_is_the_positive_one() -> None:
    as_text = binary(["no", "no", "yes", "yes"], [0.1, 0.6, 0.7, 0.9], ("no", "yes"))
    as_numbers = binary([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9])
    as_truth = binary([False, False, True, True], [0.1, 0.6, 0.7, 0.9])

    assert metric.score(as_text) == metric.score(as_numbers) == metric.score(as_truth)


def test_three_classes_are_scored_as_scikit_learn_does() -> None:
    truth = np.array(["a", "b", "c", "a", "b", "c"])
    chances = np.array(
        [[.8, .1, .1], [.2, .7, .1], [.3, .4, .3], [.5, .3, .2], [.6, .3, .1], [.1, .1, .8]]
    )  # fmt: skip
    classes = np.array(["a", "b", "c"])
    predicted = classes[chances.argmax(axis=1)]

    found = metric.score(Scores(truth, predicted, classes, chances))

    assert set(found) == CLASSIFICATION
    assert found["f1"] == reference.f1_score(truth, predicted, average="macro")
    assert found["recall"] == reference.recall_score(truth, predicted, average="macro")
    assert found["roc_auc"] == reference.roc_auc_score(truth, chances, multi_class="ovr")
    assert found["average_precision"] == reference.average_precision_score(truth, chances)
    assert found["log_loss"] == pytest.approx(reference.log_loss(truth, chances))
    assert found["brier"] == pytest.approx(reference.brier_score_loss(truth, chances))


@pytest.mark.parametrize("rounding", [1, 2, 16])
def test_two_classes_are_scored_as_scikit_learn_does(rounding: int) -> None:
    random = np.random.default_rng(rounding)
    truth = random.integers(0, 2, 300)
    chance = np.round(np.clip(truth * 0.3 + random.uniform(0, 0.7, 300), 0, 1), rounding)
    scores = binary(truth.tolist(), chance.tolist())

    found = metric.score(scores)

    said = scores.predicted
    assert found == pytest.approx(
        {
            "accuracy": reference.accuracy_score(truth, said),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, said),
            "f1": reference.f1_score(truth, said),
            "precision": reference.precision_score(truth, said),
            "recall": reference.recall_score(truth, said),
            "roc_auc": reference.roc_auc_score(truth, chance),
            "average_precision": reference.average_precision_score(truth, chance),
            "log_loss": reference.log_loss(truth, scores.probabilities),
            "brier": reference.brier_score_loss(truth, chance),
        }
    )


def test_a_regressor_by_hand() -> None:
    scores = Scores(truth=np.array([1.0, 2.0, 3.0]), predicted=np.array([1.0, 2.0, 5.0]))

    assert metric.score(scores) == pytest.approx({"rmse": (4 / 3) ** 0.5, "mae": 2 / 3, "r2": -1.0})


def test_one_class_only_leaves_what_still_has_a_meaning() -> None:
    found = metric.score(binary([0, 0, 0], [0.2, 0.3, 0.4]))

    undefined = {name for name, value in found.items() if value is None}
    assert undefined == {
        "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "average_precision",
    }  # fmt: skip
    assert found["accuracy"] == 1.0


def test_a_classifier_without_probabilities_is_ranked_by_its_decision_function() -> None:
    scores = Scores(
        truth=np.array([0, 1, 1]),
        predicted=np.array([0, 1, 1]),
        classes=np.array([0, 1]),
        decision=np.array([-3.0, 0.5, 2.0]),
    )

    found = metric.score(scores)

    assert found["roc_auc"] == found["average_precision"] == 1.0
    assert found["log_loss"] is found["brier"] is None


def test_a_classifier_that_only_predicts_has_no_ranking() -> None:
    found = metric.score(Scores(np.array([0, 1]), np.array([0, 1]), np.array([0, 1])))

    assert found["roc_auc"] is found["average_precision"] is found["log_loss"] is None
    assert found["accuracy"] == found["f1"] == 1.0


def test_a_label_that_the_model_never_saw_counts_as_wrong_and_has_no_probability() -> None:
    found = metric.score(binary([0, 1, 2, 1], [0.1, 0.8, 0.3, 0.9]))

    assert found["accuracy"] == 0.75
    for name in ("roc_auc", "average_precision", "log_loss", "brier"):
        assert found[name] is None, name


def test_a_class_that_is_never_predicted_is_not_forgotten_in_the_mean() -> None:
    truth = np.array(["a", "b", "c"])
    scores = Scores(truth, np.array(["a", "b", "b"]), truth)

    assert metric.score(scores)["precision"] == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_predictions_that_are_not_numbers_score_nothing() -> None:
    found = metric.score(Scores(np.array([1.0, 2.0]), np.array([np.nan, 2.0])))

    assert found == {"rmse": None, "mae": None, "r2": None}


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.floats(0, 1)), min_size=1, max_size=20),
    st.sampled_from([(0, 1), (0, 1, 2), (0,), (5, 6)]),
)
def test_scoring_never_raises_and_never_says_nan(rows: list, classes: tuple) -> None:
    truth = np.array([row[0] for row in rows])
    chance = np.array([row[1] for row in rows])
    known = np.array(classes)
    columns = np.column_stack([chance] * len(known)) / len(known)
    predicted = known[(chance * len(known)).astype(int).clip(max=len(known) - 1)]

    found = metric.score(Scores(truth, predicted, known, columns))

    assert set(found) == CLASSIFICATION
    assert all(value is None or np.isfinite(value) for value in found.values())


def test_which_way_is_better() -> None:
    less = {name for name in metric.names() if not metric.get(name).greater_is_better}

    assert less == {"log_loss", "brier", "rmse", "mae"}
    assert set(metric.names()) == CLASSIFICATION | {"rmse", "mae", "r2"}


def test_an_unknown_metric_has_a_near_name() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'roc_auc'"):
        metric.get("rocauc")
