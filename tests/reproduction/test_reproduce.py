"""A run is executed again from clean state, and the certificate says what came of it."""

from __future__ import annotations

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.reproduce import reproduce
from mlops_jupyter.runs import certificate, history
from tests.reproduction.conftest import Session

DATA = """
import numpy as np
from sklearn.linear_model import LogisticRegression
rng = np.random.default_rng(3)
X = rng.normal(size=(200, 3))
y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
"""
FIT = """%%track logistic
C = 0.5
model = LogisticRegression(C=C).fit(X, y)
accuracy = model.score(X, y)
"""


def test_a_study_out_of_order_with_dead_ends_reproduces_exactly(
    offline: Project, session: Session
) -> None:
    run_id = session(
        "scale(X)",  # a dead end: not defined yet
        DATA,
        "X_small = X[:10]",
        "def scale(X):\n    return (X - X.mean(axis=0)) / X.std(axis=0)",
        "X = scale(X)",
        "nothing = 1 / 0",
        FIT,
        fails=(1, 6),
    )
    made = reproduce(offline, run_id)
    assert (made.verdict, made.differences, made.widened_by) == ("exact", (), 0)
    assert certificate.newest(offline, run_id) == made
    recorded = history.detail(offline, run_id)
    assert made.positions == tuple(cell.position for cell in recorded.cells)
    assert made.code_digest == recorded.run.code_digest
    assert made.model_digest is not None
