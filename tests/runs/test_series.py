"""The steps of metrics: read back as they were logged, and few enough to draw."""

from __future__ import annotations

import math

import pytest

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import history, recorder, series
from mlops_jupyter.runs.ranking import best_before
from mlops_jupyter.runs.recorder import Findings, RunPart

Metrics = dict[tuple[str, int], float]


def record(project: Project, metrics: Metrics, name: str = "run", notebook: str = "n") -> str:
    run_id = recorder.open_run(project, name, notebook=notebook)
    recorder.add(project, RunPart(run_id, Findings(metrics=metrics), "finished"))
    return run_id


def test_steps_come_in_order_with_their_times(project: Project) -> None:
    before = now()
    run_id = record(project, {("loss", 2): 1.0, ("loss", 0): 3.0, ("auc", 0): math.nan})
    auc, loss = series.series(project, run_id[:6]).series
    assert (loss.name, loss.steps, loss.values, loss.total) == ("loss", (0, 2), (3.0, 1.0), 2)
    assert (auc.steps, auc.values) == ((0,), (None,)), "NaN is None"
    assert all(at is not None and before <= at <= now() for at in loss.times)
    assert [s.name for s in series.series(project, run_id, "loss").series] == ["loss"]
    assert series.series(project, run_id, "nothing").series == ()
    assert series.last_steps(project, run_id) == {"auc": 0, "loss": 2}


def test_of_an_unknown_run_there_is_no_series(project: Project) -> None:
    with pytest.raises(NotFoundError):
        series.series(project, "feed")


def test_long_series_are_thinned_and_keep_their_peaks(project: Project) -> None:
    values = {("loss", step): 1 / (step + 1) for step in range(20_000)}
    values["loss", 7_777] = 50.0
    values["loss", 8_888] = math.nan
    found = series.series(project, record(project, values)).series[0]
    assert found.total == 20_000
    assert 300 < len(found.steps) <= series.MOST_POINTS
    assert (found.steps[0], found.steps[-1]) == (0, 19_999)
    assert list(found.steps) == sorted(set(found.steps))
    assert max(v for v in found.values if v is not None) == 50.0


def test_a_long_series_of_nothing_but_nan(project: Project) -> None:
    values = {("odd", step * 10**12): math.nan for step in range(2000)}
    found = series.series(project, record(project, values)).series[0]
    assert found.total == 2000
    assert 2 <= len(found.steps) <= series.MOST_POINTS
    assert set(found.values) == {None}


def test_a_run_of_many_metrics_has_the_last_value_of_each(project: Project) -> None:
    values = {(f"m{i}", step): float(step) for i in range(30) for step in range(-1, i)}
    run = history.get(project, record(project, values))
    assert run.metrics == {f"m{i}": i - 1.0 for i in range(30)}


def test_the_best_before_is_of_the_same_name_and_notebook(project: Project) -> None:
    record(project, {("auc", 0): 0.7, ("loss", 0): 9.0, ("loss", 1): 0.2})
    record(project, {("auc", 0): 0.8, ("loss", 0): 0.3, ("odd", 0): math.nan})
    record(project, {("auc", 0): 0.99}, name="another")
    record(project, {("auc", 0): 0.99}, notebook="another")
    failed = recorder.open_run(project, "run", notebook="n")
    recorder.add(project, RunPart(failed, Findings(metrics={("auc", 0): 0.99}), "failed"))
    run_id = record(project, {("auc", 0): 0.75})
    record(project, {("auc", 0): 0.99})  # later
    found = best_before(project, run_id, ["auc", "loss", "odd"])
    assert found == {"auc": 0.8, "loss": 0.2}, "larger is better, but not of a loss"
