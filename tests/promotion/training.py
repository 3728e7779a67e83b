"""A small, honest classification problem, and models of known quality for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history
from tests.models.training import keep_run

FEATURES = ["distance", "hour"]
LABEL = "late"


def flights(rows: int = 400, seed: int = 7) -> pd.DataFrame:
    """Return flights that are late the more probably the later in the day they leave."""
    random = np.random.default_rng(seed)
    hour = random.uniform(0, 24, rows)
    return pd.DataFrame(
        {
            "distance": random.uniform(100, 3000, rows),
            "hour": hour,
            "late": (hour + random.normal(0, 4, rows) > 14).astype(int),
        }
    )


def good_model() -> LogisticRegression:
    """Return a model that looks at the hour, as it should."""
    train = flights(seed=1)
    return LogisticRegression().fit(train[FEATURES], train[LABEL])


def blind_model() -> LogisticRegression:
    """Return a model that looks at the distance alone, which says nothing."""
    train = flights(seed=1)
    return LogisticRegression().fit(train[["distance"]], train[LABEL])


def upside_down_model() -> LogisticRegression:
    """Return a model that has learned the opposite of what is true."""
    train = flights(seed=1)
    return LogisticRegression().fit(train[FEATURES], 1 - train[LABEL])


def kept_version(
    project: Project, estimator: Any, version: int, model: str = "late"
) -> ModelVersion:
    """Keep an estimator as a version of a model, which MLflow is told nothing of."""
    run = history.get(project, keep_run(project, estimator, copy=False))
    assert run.model_digest is not None
    made = ModelVersion(model, version, run.id, run.model_digest, run.started_at)
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO model_version VALUES (?, ?, ?, ?, ?)",
            (made.model, made.version, made.run_id, made.model_digest, made.registered_at),
        )
    return made
