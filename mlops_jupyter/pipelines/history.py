"""Reading pipeline runs back."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import msgspec

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.live import place_of
from mlops_jupyter.pipelines.pipeline import PipelineRun, PipelineSummary, StepRun
from mlops_jupyter.project import Project

LAST_RUNS = 5


def summaries(project: Project) -> tuple[PipelineSummary, ...]:
    """Return the pipelines that ``mlops.yaml`` declares, each with its last runs."""
    record.reconcile(project)
    return tuple(
        PipelineSummary(name, ", ".join(declared.files), _last_runs(project, name))
        for name, declared in sorted(project.settings.pipelines.items())
    )


def get(project: Project, pipeline_run_id: str) -> PipelineRun:
    """Return one pipeline run.

    Raises
    ------
    NotFoundError
        There is none with this id.
    """
    row = project.catalog.row("SELECT * FROM pipeline_run WHERE id = ?", (pipeline_run_id,))
    if row is None:
        raise NotFoundError("pipeline run", pipeline_run_id, hint="see `mlops pipeline list`")
    return _pipeline_run(project, row)


def _last_runs(project: Project, name: str) -> tuple[PipelineRun, ...]:
    rows = project.catalog.rows(
        "SELECT * FROM pipeline_run WHERE pipeline = ? AND part_of IS NULL AND id NOT IN"
        " (SELECT pipeline_run_id FROM run WHERE reproduces IS NOT NULL"
        "  AND pipeline_run_id IS NOT NULL) ORDER BY started_at DESC LIMIT ?",
        (name, LAST_RUNS),
    )
    return tuple(_pipeline_run(project, row) for row in rows)


def _pipeline_run(project: Project, row: sqlite3.Row) -> PipelineRun:
    steps = project.catalog.rows(
        "SELECT step, status, started_at, ended_at, executed, error, why, id FROM step_run"
        " WHERE pipeline_run_id = ? ORDER BY position",
        (row["id"],),
    )
    failures: dict[str, tuple[str, ...]] = {}
    for step_run_id, error in project.catalog.rows(
        "SELECT step_run_id, step_attempt.error FROM step_attempt"
        " JOIN step_run ON step_run.id = step_run_id WHERE pipeline_run_id = ? ORDER BY number",
        (row["id"],),
    ):
        failures[step_run_id] = (*failures.get(step_run_id, ()), error)
    run = project.catalog.row("SELECT id FROM run WHERE pipeline_run_id = ?", (row["id"],))
    return PipelineRun(
        id=row["id"],
        pipeline=row["pipeline"],
        notebook=row["notebook"],
        parameters=msgspec.json.decode(row["parameters"]),
        status=row["status"],
        run_id=None if run is None else run["id"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        steps=tuple(
            _step_run(project, StepRun(*step), failures.get(step_run_id, ()))
            for *step, step_run_id in steps
        ),
    )


def _step_run(project: Project, found: StepRun, failures: tuple[str, ...]) -> StepRun:
    found = replace(found, failures=failures)
    if found.status != "running" or found.executed is None:
        return found
    cell, cells = place_of(project.root / found.executed) or (None, None)
    return replace(found, cell=cell, cells=cells)
