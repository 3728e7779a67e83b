"""People in regions, and models that are worse in some of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from mlops_jupyter.config import Check, Evaluate, Model, Slices
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.promotion import gates
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.decision import CheckResult, Evaluation, GateReport
from mlops_jupyter.promotion.scoring import metric
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.scoring.rows import Rows


def people(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "region": random.choice(list("abcdefgh"), rows),
            "plan": random.choice(["basic", "gold", None], rows, p=[0.6, 0.39, 0.01]),
            "age": random.integers(18, 90, rows).astype(float),
        }
    )


def classified(
    frame: pd.DataFrame, worse: Any = False, *, by: float = 0.4, seed: int = 0
) -> Scores:
    """Return a classifier that is right on 85 % of the rows, on some by so much less."""
    random = np.random.default_rng(seed)
    truth = np.arange(len(frame)) % 2
    chance = np.where(worse, 0.85 - by, 0.85)
    is_right = random.random(len(frame)) < chance
    sure = random.uniform(0.5, 1, len(frame))
    positive = np.where(is_right == (truth == 1), sure, 1 - sure)
    return Scores(
        truth, (positive > 0.5).astype(int), np.array([0, 1]),
        np.column_stack([1 - positive, positive]),
    )  # fmt: skip


def judged(
    frame: pd.DataFrame, ours: Scores, theirs: Scores | None, clusters: Any = None, **asked: Any
) -> GateReport:
    sides = [
        None
        if scores is None
        else Contender(
            ModelVersion("late", version, "run", "blake3:0", "now"),
            None, SimpleNamespace(metrics={}), scores,
            Evaluation(
                "id", "late", version, "test@1", "late", len(frame), 0, "blake3:0",
                metric.score(scores), "blake3:0",
            ),
        )
        for version, scores in ((2, ours), (1, theirs))
    ]  # fmt: skip
    assert sides[0] is not None
    check = Slices(**{"by": ["region"], "metric": "accuracy", **asked})
    policy = Model(evaluate=Evaluate(data="test@1", label="late"), checks=[Check(slices=check)])
    rows = Rows(
        None, "late", frame, ours.truth, np.arange(len(frame)), 0, "blake3:0", clusters=clusters
    )  # fmt: skip
    return gates.judge(Case(None, policy, rows, *sides))


def lines(report: GateReport, verdict: str) -> list[CheckResult]:
    """Return the lines of single slices."""
    return [check for check in report.checks[1:] if check.verdict == verdict]
