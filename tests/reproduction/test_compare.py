"""What of two runs is compared, and how exactly."""

from __future__ import annotations

import math

import cloudpickle
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.compare import Comparison, compare
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.runs.recorder import Findings, FittedModel, RunPart
from tests.runs.test_recorder import executed

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0.0, 1.0, 3.0, 2.0, 5.0, 4.0])


def ridge(alpha: float, *, with_rows: bool = True) -> FittedModel:
    rows = cloudpickle.dumps(X) if with_rows else None
    return FittedModel("Ridge", cloudpickle.dumps(Ridge(alpha=alpha).fit(X, Y)), rows)


def run(
    project: Project,
    metrics: dict[tuple[str, int], float] | None = None,
    model: FittedModel | None = None,
) -> str:
    session_id = recorder.open_session(project, "study.ipynb")
    run_id = recorder.open_run(project, "run", session_id=session_id)
    part = RunPart(run_id, Findings(metrics=metrics or {}, model=model), "finished")
    recorder.record(project, executed(session_id, 1, "fit()"), [part])
    return run_id


def compared(project: Project, one: str, other: str, tolerance: float | None = None) -> Comparison:
    return compare(project, history.get(project, one), history.get(project, other), tolerance)


def test_every_step_of_every_metric(project: Project) -> None:
    one = run(project, {("loss", 0): 0.5, ("loss", 1): 0.25, ("auc", 0): 0.8, ("gone", 0): 1})
    other = run(project, {("loss", 0): 0.5, ("loss", 1): 0.26, ("auc", 0): 0.8, ("new", 0): 2})
    found = [str(difference) for difference in compared(project, one, other).differences]
    assert found == ["gone 1 → missing", "loss[1] 0.25 → 0.26 (by 0.01)", "new missing → 2"]


def test_nan_equals_nan_and_infinity_itself(project: Project) -> None:
    values = {("a", 0): math.nan, ("b", 0): math.inf}
    assert compared(project, run(project, values), run(project, values)).differences == ()
    other = run(project, {("a", 0): 1.0, ("b", 0): -math.inf})
    found = compared(project, run(project, values), other, 1e-3).differences
    assert [(d.name, d.by, d.within) for d in found] == [("a", None, False), ("b", None, False)]


def test_values_that_look_alike_are_shown_in_full(project: Project) -> None:
    one, other = run(project, {("a", 0): 0.1 + 0.2}), run(project, {("a", 0): 0.3})
    (difference,) = compared(project, one, other).differences
    assert (difference.recorded, difference.found) == ("0.30000000000000004", "0.3")


def test_models_are_compared_by_what_they_predict(project: Project) -> None:
    one = run(project, model=ridge(1.0))
    assert compared(project, one, run(project, model=ridge(1.0))).differences == ()
    other = run(project, model=ridge(2.0))
    (difference,) = compared(project, one, other).differences
    assert (difference.kind, difference.name) == ("model", "Ridge.predict")
    before, after = (Ridge(alpha=a).fit(X, Y).predict(X) for a in (1.0, 2.0))
    assert difference.by == pytest.approx(float(abs(before - after).max()))
    assert compared(project, one, other, tolerance=1.0).differences[0].within
    (gone,) = compared(project, one, run(project)).differences
    assert (gone.recorded, gone.found) == ("Ridge", "missing")


def test_a_model_without_rows_to_try_is_said_not_to_be_compared(project: Project) -> None:
    one = run(project, model=ridge(1.0, with_rows=False))
    found = compared(project, one, run(project, model=ridge(2.0)))
    assert found.differences == ()
    assert found.notes == ("the model was not compared: no rows to try it on were kept",)
