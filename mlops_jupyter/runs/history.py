"""Reading runs back."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import certificate
from mlops_jupyter.runs.run import Artifact, CodeCell, ReadFile, Run, RunDetail, RunPage

MOST_FILES = 10_000
"""Files of one run that are read back."""

_COLUMNS = (
    "id, name, status, notebook, started_at, ended_at, error, git_commit, git_dirty,"
    " code_digest, environment_digest, model_digest, model_kind, pipeline_run_id, parent_run_id,"
    " mlflow_run_id"
)

# from one metric of a run to its next, so that a run of a million steps costs what one of ten does
_LAST_VALUES = (
    "WITH RECURSIVE last (run_id, name) AS ("
    "  SELECT id, (SELECT min(name) FROM metric WHERE run_id = id) FROM run WHERE id IN ({marks})"
    "  UNION ALL SELECT run_id, (SELECT min(m.name) FROM metric AS m"
    "    WHERE m.run_id = last.run_id AND m.name > last.name) FROM last WHERE name IS NOT NULL)"
    " SELECT run_id, name, (SELECT value FROM metric AS m WHERE m.run_id = last.run_id"
    "   AND m.name = last.name ORDER BY step DESC LIMIT 1) FROM last WHERE name IS NOT NULL"
)

_HAS_METRIC = "EXISTS (SELECT 1 FROM metric WHERE run_id = run.id AND metric.name = ?)"
_LAST_VALUE = (
    "(SELECT value FROM metric WHERE run_id = run.id AND metric.name = ?"
    " ORDER BY step DESC LIMIT 1)"
)


_PARTS = "SELECT id FROM pipeline_run WHERE part_of IS NOT NULL"
_IS_LISTED = (
    "reproduces IS NULL"
    f" AND (pipeline_run_id IS NULL OR pipeline_run_id NOT IN ({_PARTS}))"
    " AND (parent_run_id IS NULL OR parent_run_id NOT IN"
    f" (SELECT id FROM run WHERE pipeline_run_id IN ({_PARTS})))"
)
"""A run is listed unless it re-executes another, or holds what a worker did for another."""


def page(
    project: Project,
    limit: int = 50,
    offset: int = 0,
    *,
    sort_by_metric: str | None = None,
    descending: bool = True,
) -> RunPage:
    """Return a page of runs; re-executions of runs are left out, and parts of others.

    Parameters
    ----------
    project : Project
    limit : int
        Runs in the page, 1 to 10,000.
    offset : int
        Runs to leave out before it.
    sort_by_metric : str, optional
        Order by the last value of this metric; runs without it are left out. Default: the
        newest runs first.
    descending : bool
        With `sort_by_metric`: the largest value first. NaN comes last either way.
    """
    if not (1 <= limit <= 10_000 and offset >= 0):
        raise UsageError("a page has 1 to 10,000 runs, and begins at 0 or later")
    rows = project.catalog.rows
    if sort_by_metric is None:
        total = rows(f"SELECT count(*) FROM run WHERE {_IS_LISTED}")[0][0]
        found = rows(
            f"SELECT {_COLUMNS} FROM run WHERE {_IS_LISTED}"
            " ORDER BY started_at DESC, id LIMIT ? OFFSET ?",
            (limit, offset),
        )
    else:
        total = rows(
            f"SELECT count(*) FROM run WHERE {_IS_LISTED} AND {_HAS_METRIC}",
            (sort_by_metric,),
        )[0][0]
        order = "DESC" if descending else "ASC"
        found = rows(
            f"SELECT {_COLUMNS} FROM (SELECT run.*, {_LAST_VALUE} AS value FROM run"
            f"   WHERE {_IS_LISTED} AND {_HAS_METRIC})"
            f" ORDER BY value IS NULL, value {order}, started_at DESC LIMIT ? OFFSET ?",
            (sort_by_metric, sort_by_metric, limit, offset),
        )
    return RunPage(runs=_complete(project, found), total=total)


def get(project: Project, run_id: str) -> Run:
    """Return one run by its id, or by the beginning of it that no other run shares.

    Raises
    ------
    NotFoundError
        No run, or more than one, begins so.
    """
    sql = f"SELECT {_COLUMNS} FROM run WHERE substr(id, 1, ?) = ? LIMIT 2"
    # what a shell passes on need not be text that a database takes
    found = project.catalog.rows(sql, (len(run_id), run_id)) if run_id.isascii() else []
    if len(found) != 1 or not run_id:
        hint = "more than one run begins so" if found else "see `mlops runs`"
        raise NotFoundError("run", run_id, hint=hint)
    return _complete(project, found)[0]


def is_of_pipeline(project: Project, run: Run) -> bool:
    """Tell whether a run, or one in which it is nested, records a pipeline run."""
    while run.pipeline_run_id is None and run.parent_run_id is not None:
        run = get(project, run.parent_run_id)
    return run.pipeline_run_id is not None


def detail(project: Project, run_id: str) -> RunDetail:
    """Return a run and what stands behind it."""
    run = get(project, run_id)
    doubts = project.catalog.row("SELECT unsure FROM run WHERE id = ?", (run.id,))
    assert doubts is not None
    cells = project.catalog.rows(
        "SELECT execution_id, position, cell_id, text, duration_seconds, error FROM run_cell"
        " JOIN cell_execution ON cell_execution.id = execution_id"
        " JOIN source ON digest = source_digest WHERE run_cell.run_id = ?"
        " ORDER BY coalesce(place, execution_id), execution_id",
        (run.id,),
    )
    files = files_of(project, run.id)
    return RunDetail(
        run=run,
        cells=tuple(
            CodeCell(position, cell_id, text, seconds, error, files.get(execution_id, ()))
            for execution_id, position, cell_id, text, seconds, error in cells
        ),
        certificate=certificate.newest(project, run.id),
        unsure=tuple(msgspec.json.decode(doubts["unsure"])),
        made=_made(project, run.id),
    )


def _made(project: Project, run_id: str) -> tuple[str, ...]:
    """Return the data versions that the cells of a run took."""
    rows = project.catalog.rows(
        "SELECT DISTINCT dataset, number FROM run_cell JOIN execution_made USING (execution_id)"
        " JOIN dataset_version ON dataset_version.id = version_id WHERE run_id = ?"
        " AND passed_by IS NULL ORDER BY dataset, number",
        (run_id,),
    )
    return tuple(f"{dataset}@{number}" for dataset, number in rows)


def files_of(project: Project, run_id: str) -> dict[int, tuple[ReadFile, ...]]:
    """Return what the cells of a run read and wrote, by the row of the execution."""
    found: dict[int, list[ReadFile]] = defaultdict(list)
    rows = project.catalog.rows(
        "SELECT execution_id, path, access, kind, size_bytes, digest, why FROM run_cell"
        " JOIN execution_file USING (execution_id)"
        " LEFT JOIN file_keeping USING (execution_id, path, access) WHERE run_id = ?"
        " ORDER BY execution_id, access, path LIMIT ?",
        (run_id, MOST_FILES),
    )
    for execution_id, *file in rows:
        found[execution_id].append(ReadFile(*file))
    return {execution_id: tuple(files) for execution_id, files in found.items()}


def waiting(project: Project) -> tuple[int, str | None]:
    """Return how many runs MLflow does not have yet, and why the last try failed."""
    count, last = project.catalog.rows(
        "SELECT count(DISTINCT run_id), max(CASE WHEN error IS NULL THEN 0 ELSE id END)"
        " FROM outbox WHERE done_at IS NULL"
    )[0]
    if not last:
        return int(count), None
    row = project.catalog.row("SELECT error FROM outbox WHERE id = ?", (last,))
    return int(count), row["error"] if row else None


def _complete(project: Project, found: Sequence[sqlite3.Row]) -> tuple[Run, ...]:
    ids = [row["id"] for row in found]
    if not ids:
        return ()
    marks = ",".join("?" * len(ids))
    rows = project.catalog.rows
    parameters: dict[str, dict[str, Any]] = defaultdict(dict)
    sql = f"SELECT run_id, name, value FROM parameter WHERE run_id IN ({marks})"
    for run_id, name, value in rows(sql, ids):
        parameters[run_id][name] = msgspec.json.decode(value)
    metrics: dict[str, dict[str, float | None]] = defaultdict(dict)
    for run_id, name, value in rows(_LAST_VALUES.format(marks=marks), ids):
        metrics[run_id][name] = value
    data: dict[str, list[str]] = defaultdict(list)
    sql = (
        "SELECT run_id, dataset || '@' || number FROM run_data JOIN dataset_version"
        f" ON dataset_version.id = version_id WHERE run_id IN ({marks}) AND passed_by IS NULL"
        " ORDER BY dataset, number"
    )
    for run_id, ref in rows(sql, ids):
        data[run_id].append(ref)
    artifacts: dict[str, list[Artifact]] = defaultdict(list)
    sql = (
        "SELECT run_id, name, media_type, digest, size_bytes FROM artifact"
        f" WHERE run_id IN ({marks})"
    )
    for run_id, *artifact in rows(sql, ids):
        artifacts[run_id].append(Artifact(*artifact))
    return tuple(
        _run(row, parameters[i], metrics[i], tuple(data[i]), tuple(artifacts[i]))
        for row, i in zip(found, ids, strict=True)
    )


def _run(
    row: sqlite3.Row,
    parameters: dict[str, Any],
    metrics: dict[str, float | None],
    data: tuple[str, ...],
    artifacts: tuple[Artifact, ...],
) -> Run:
    values = dict(row)
    dirty = values.pop("git_dirty")
    return Run(
        **values,
        git_dirty=None if dirty is None else bool(dirty),
        parameters=parameters,
        metrics=metrics,
        data=data,
        artifacts=artifacts,
    )
