"""What the check `leakage` says of two tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd

from mlops_jupyter.config import Leakage
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.scoring.metric import Scores
from tests.promotion.checks.cases import (
    case_of,
    judged,
    rows_of,
    run_reading,
)

NO_ROWS = {"rows": False, "feature_auc": None}


ONLY_ROWS = {"feature_auc": None}


def check(
    project: Project,
    test: pd.DataFrame,
    train: pd.DataFrame | str | None = None,
    *,
    read: tuple[str, ...] = (),
    label: str = "late",
    identity: str | None = None,
    classes: Any = (0, 1),
    names: list[str] | None = None,
    **asked: Any,
) -> list[CheckResult]:
    """Judge rows of a dataset of their own, beside training data named `train`."""
    if isinstance(train, pd.DataFrame):
        train = snapshot(project, train, "train").ref
    asked["train"] = train
    rows = rows_of(project, test, label, dataset=f"test{len(test)}")
    run = run_reading(project, *read)
    estimator = SimpleNamespace() if names is None else SimpleNamespace(feature_names_in_=names)
    scores = Scores(rows.truth, rows.truth, classes)
    case = case_of(project, rows, scores, estimator=estimator, run=run, id=identity, label=label)
    return judged(case, leakage=Leakage(**asked))
