"""Sweeps and their trials, written down and read back."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from mlops_jupyter.errors import CellFailedError, NotFoundError
from mlops_jupyter.pipelines.axis import Axis
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.runs.liveness import HOST, is_alive

Status = Literal["running", "finished", "failed", "interrupted"]

LAST = 5
"""Sweeps of one pipeline that are listed."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a sweep.

    Attributes
    ----------
    number : int
        From 1, in the order in which they were begun.
    parameters : dict of str to JSON value
        Those that are varied.
    status : str
    pipeline_run_id : str
    run_id : str or None
        The Run that holds what it recorded.
    metrics : dict of str to float or None
        The last value of each; None stands for NaN.
    error : str or None
    exit_code : int
        As a run of the pipeline would have ended.
    cached : bool
        None of its steps was run: all were known.
    """

    number: int
    parameters: dict[str, Any]
    status: Status
    pipeline_run_id: str
    run_id: str | None = None
    metrics: dict[str, float | None] = field(default_factory=dict)
    error: str | None = None
    exit_code: int = 0
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pipeline run many times, with other parameters.

    Attributes
    ----------
    id, pipeline : str
    status : str
        ``failed``: one of the trials has.
    run_id : str
        The Run in which those of the trials are nested.
    varied : dict of str to str
        By parameter, over what, in words.
    metric : str or None
        By which the trials are ordered.
    minimize : bool
        The smallest value of it is the best.
    trials : tuple of Trial
        The best one first; without a metric in their order.
    started_at, ended_at : str, str or None
    """

    id: str
    pipeline: str
    status: Status
    run_id: str
    varied: dict[str, str]
    metric: str | None
    minimize: bool
    trials: tuple[Trial, ...]
    started_at: str
    ended_at: str | None

    @property
    def best(self) -> Trial | None:
        """The best of the trials that finished; None: there is none, or no metric."""
        first = next(iter(self.trials), None)
        if self.metric is None or first is None or first.status != "finished":
            return None
        return first if first.metrics.get(self.metric) is not None else None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The trials as a table: ``pandas.DataFrame(sweep.rows)``."""
        return [
            {"trial": t.number, **t.parameters, "status": t.status, **t.metrics, "run": t.run_id}
            for t in self.trials
        ]

    @property
    def exit_code(self) -> int:
        """0, or as the trials failed: 5 if a cell has, else as the first of them."""
        codes = [t.exit_code for t in sorted(self.trials, key=lambda t: t.number) if t.exit_code]
        if CellFailedError.exit_code in codes:
            return CellFailedError.exit_code
        return codes[0] if codes else 0


def begin(
    project: Project,
    pipeline: str,
    notebook: str,
    axes: Sequence[Axis],
    metric: str | None,
    *,
    minimize: bool,
    parameters: Mapping[str, Any],
) -> tuple[str, str]:
    """Write down a sweep that this process will run; return its id, and that of its Run."""
    varied = {axis.name: axis.words for axis in axes}
    run_id = recorder.open_run(
        project, f"{pipeline} sweep", notebook=notebook, parameters={**parameters, **varied}
    )
    sweep_id = secrets.token_hex(8)
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO sweep (id, pipeline, run_id, varied, metric, minimize, status, host, pid,"
            " started_at) VALUES (?, ?, ?, ?, ?, ?, 'running', ?, ?, ?)",
            (sweep_id, pipeline, run_id, json.dumps(varied), metric, minimize, HOST, os.getpid(),
             now()),
        )  # fmt: skip
    return sweep_id, run_id


def begin_trial(project: Project, sweep_id: str, number: int, parameters: Mapping[str, Any]) -> str:
    """Write down a trial that begins; return the id that its pipeline run is to have."""
    pipeline_run_id = secrets.token_hex(8)
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO sweep_trial (sweep_id, number, parameters, pipeline_run_id, status)"
            " VALUES (?, ?, ?, ?, 'running')",
            (sweep_id, number, json.dumps(dict(parameters)), pipeline_run_id),
        )
    return pipeline_run_id


def end_trial(
    project: Project, sweep_id: str, number: int, status: Status, error: str | None, code: int
) -> None:
    """Note how a trial ended."""
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE sweep_trial SET status = ?, error = ?, exit_code = ?"
            " WHERE sweep_id = ? AND number = ? AND status = 'running'",
            (status, error, code, sweep_id, number),
        )


def end(project: Project, sweep_id: str, status: Status, error: str | None = None) -> None:
    """Note that a sweep has ended, and its Run with it; an ended one stays as it is."""
    row = project.catalog.row("SELECT run_id FROM sweep WHERE id = ?", (sweep_id,))
    if row is None:
        return
    # first the Run, as of a pipeline run: a kill after it is put right by the next start
    recorder.close_run(project, row["run_id"], status, error)
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE sweep_trial SET status = 'interrupted', error = ?"
            " WHERE sweep_id = ? AND status = 'running'",
            (error, sweep_id),
        )
        rows.execute(
            "UPDATE sweep SET status = ?, ended_at = ? WHERE id = ? AND status = 'running'",
            (status, now(), sweep_id),
        )


def reconcile(project: Project) -> None:
    """End the sweeps whose process is gone."""
    for row in project.catalog.rows(
        "SELECT id, host, pid, started_at FROM sweep WHERE status = 'running'"
    ):
        if not is_alive(row["host"], row["pid"], row["started_at"]):
            end(project, row["id"], "interrupted", "its process ended before the sweep did")


def get_trial(project: Project, sweep_id: str, number: int) -> Trial:
    """Return one trial of a sweep, as it is now."""
    return _trials(project, sweep_id, number)[0]


def get(project: Project, sweep_id: str) -> Sweep:
    """Return a sweep by its id, or by the beginning of it that no other sweep shares.

    Raises
    ------
    NotFoundError
        No sweep, or more than one, begins so.
    """
    reconcile(project)
    found = project.catalog.rows(
        "SELECT * FROM sweep WHERE substr(id, 1, ?) = ? LIMIT 2", (len(sweep_id), sweep_id)
    )
    if len(found) != 1 or not sweep_id:
        hint = "more than one sweep begins so" if found else "see `mlops pipeline list`"
        raise NotFoundError("sweep", sweep_id, hint=hint)
    return _sweep(project, found[0])


def last(project: Project, pipeline: str) -> tuple[Sweep, ...]:
    """Return the last sweeps of a pipeline, newest first."""
    reconcile(project)
    rows = project.catalog.rows(
        "SELECT * FROM sweep WHERE pipeline = ? ORDER BY started_at DESC LIMIT ?", (pipeline, LAST)
    )
    return tuple(_sweep(project, row) for row in rows)


def _sweep(project: Project, row: sqlite3.Row) -> Sweep:
    return Sweep(
        id=row["id"],
        pipeline=row["pipeline"],
        status=row["status"],
        run_id=row["run_id"],
        varied=msgspec.json.decode(row["varied"]),
        metric=row["metric"],
        minimize=bool(row["minimize"]),
        trials=ordered(_trials(project, row["id"]), row["metric"], minimize=bool(row["minimize"])),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def _trials(project: Project, sweep_id: str, number: int | None = None) -> list[Trial]:
    rows = project.catalog.rows(
        "SELECT number, one.parameters, one.status, one.pipeline_run_id, one.error, exit_code,"
        " (SELECT id FROM run WHERE run.pipeline_run_id = one.pipeline_run_id"
        "  AND run.parent_run_id = sweep.run_id) AS run_id,"
        " NOT EXISTS (SELECT 1 FROM step_run WHERE step_run.status <> 'cached'"
        "  AND step_run.pipeline_run_id = one.pipeline_run_id) AS cached"
        " FROM sweep_trial AS one JOIN sweep ON sweep.id = sweep_id"
        " WHERE sweep_id = ? AND number = coalesce(?, number) ORDER BY number",
        (sweep_id, number),
    )
    return [_trial(project, row) for row in rows]


def _trial(project: Project, row: sqlite3.Row) -> Trial:
    run_id = row["run_id"]
    return Trial(
        number=row["number"],
        parameters=msgspec.json.decode(row["parameters"]),
        status=row["status"],
        pipeline_run_id=row["pipeline_run_id"],
        run_id=run_id,
        metrics={} if run_id is None else history.get(project, run_id).metrics,
        error=row["error"],
        exit_code=row["exit_code"],
        cached=row["status"] == "finished" and bool(row["cached"]),
    )


def ordered(trials: Sequence[Trial], metric: str | None, *, minimize: bool) -> tuple[Trial, ...]:
    """Return trials with the best first: those without the metric, or that failed, come last."""

    def place(trial: Trial) -> tuple[bool, bool, float, int]:
        value = None if metric is None else trial.metrics.get(metric)
        worth = 0.0 if value is None else value if minimize else -value
        return trial.status != "finished", value is None, worth, trial.number

    if metric is None:
        return tuple(sorted(trials, key=lambda trial: trial.number))
    return tuple(sorted(trials, key=place))
