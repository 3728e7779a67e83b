"""What MLflow's `validate_evaluation_results` lets through, and what this gate says of the same.

Each test gives the same figures to both. MLflow answers by an exception or by silence: silence
means that the candidate may be promoted.
"""

from __future__ import annotations

import decimal
import math

import numpy as np
import pandas as pd
import pytest
from mlflow import validate_evaluation_results
from mlflow.exceptions import MlflowException
from mlflow.models import MetricThreshold
from mlflow.models.evaluation import EvaluationResult
from mlflow.models.evaluation.validation import ModelValidationFailedException

from mlops_jupyter.config import Compare, Floor
from mlops_jupyter.errors import UsageError
from mlops_jupyter.promotion.scoring.metric import Scores
from tests.promotion import contenders
from tests.promotion.checks import sliced
from tests.promotion.contenders import labels


def mlflow_promotes(candidate: float, baseline: float, **threshold: float) -> bool:
    """Ask MLflow whether a candidate of this accuracy is good enough."""
    asked = {"accuracy": MetricThreshold(greater_is_better=True, **threshold)}
    sides = (EvaluationResult({"accuracy": value}, {}) for value in (candidate, baseline))
    try:
        validate_evaluation_results(asked, *sides)
    except ModelValidationFailedException:
        return False
    return True


def test_other_rows() -> None:
    """20 rows against 50,000 others."""
    few, many = labels(18, 20), labels(44_000, 50_000)

    assert mlflow_promotes(18 / 20, 44_000 / 50_000, min_absolute_change=0.001)

    asked = contenders.policy(Compare("accuracy"))
    of_few = contenders.scored(2, "blake3:few", accuracy=18 / 20)
    of_many = contenders.scored(1, "blake3:many", accuracy=44_000 / 50_000)
    with pytest.raises(UsageError, match="were not scored on the same rows"):
        contenders.report_of(asked, of_few, of_many, {})
    on_the_same = Scores(few.truth, many.predicted[:20], few.classes)
    assert contenders.judged(few, on_the_same, Compare("accuracy", "better")).verdict == "hold"


def not_a_number(rows: int = 100) -> Scores:
    """Return a regressor that says what is no number, for one row."""
    truth = np.arange(float(rows))
    return Scores(truth, np.where(truth == 7, math.nan, truth + 1))


def test_a_candidate_that_is_not_a_number() -> None:
    assert mlflow_promotes(math.nan, 0.88, min_relative_change=0.1)

    ours, theirs = not_a_number(), Scores(np.arange(100.0), np.arange(100.0) + 2)
    (line,) = contenders.judged(ours, theirs, Compare("mae", margin="10%")).checks
    assert (line.verdict, line.why) == (
        "fail",
        "mae is not defined on these rows for the challenger: 1 of 100 predictions are not numbers",
    )


def test_a_baseline_that_is_not_a_number() -> None:
    assert mlflow_promotes(0.5, math.nan, min_relative_change=0.1)

    ours, theirs = Scores(np.arange(100.0), np.arange(100.0) + 2), not_a_number()
    (line,) = contenders.judged(ours, theirs, Compare("mae", margin="10%")).checks
    assert (line.verdict, line.why) == (
        "fail",
        "mae is not defined on these rows for the champion: 1 of 100 predictions are not numbers",
    )


def test_what_is_not_a_number_is_no_crash_either() -> None:
    with pytest.raises(decimal.InvalidOperation):
        mlflow_promotes(math.nan, 0.88, min_absolute_change=0.01)

    theirs = Scores(np.arange(100.0), np.arange(100.0) + 2)
    for check in (Compare("mae", "better", 0.01), Floor("mae", at_most=5)):
        assert contenders.judged(not_a_number(), theirs, check).verdict == "fail"


@pytest.mark.parametrize("change", [-0.01, 0.0])
def test_not_worse_by_more_than(change: float) -> None:
    """The rule of most retrainings: at most a point worse."""
    with pytest.raises(MlflowException, match="must be a positive"):
        MetricThreshold(greater_is_better=True, min_absolute_change=change)

    report = contenders.judged(
        labels(43_900, 50_000), labels(44_000, 50_000), Compare("accuracy", margin=0.01)
    )
    assert report.verdict == "pass"


def test_an_equal_model_is_no_better() -> None:
    """Of 60 candidates that are just as good as the champion, on 500 rows."""
    random = np.random.default_rng(0)
    truth = np.zeros(500, dtype=int)
    mlflows = ours = 0
    for _ in range(60):
        wrong = random.random((2, 500)) < 0.15
        one, other = (Scores(truth, side.astype(int), np.array([0, 1])) for side in wrong)
        means = [(scores.predicted == truth).mean() for scores in (one, other)]
        mlflows += mlflow_promotes(*means, min_absolute_change=1e-9)
        ours += contenders.judged(one, other, Compare("accuracy", "better")).verdict == "pass"

    assert 20 <= mlflows <= 40
    assert ours <= 6


def test_a_broken_slice() -> None:
    """Better on the whole, and of no use at all in one region."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"region": random.choice(list("abcdefghij"), 10_000)})
    theirs = sliced.classified(frame, seed=1)
    ours = sliced.classified(frame, frame["region"] == "d", seed=2)
    better = (frame["region"] != "d").to_numpy() & (random.random(10_000) < 0.7)
    ours.predicted[better] = ours.truth[better]
    means = [(scores.predicted == scores.truth).mean() for scores in (ours, theirs)]

    assert mlflow_promotes(*means, min_absolute_change=0.01)

    report = sliced.judged(frame, ours, theirs)
    assert report.verdict == "fail"
    assert report.checks[0].why.startswith("on region=d it is worse by 0.4")
