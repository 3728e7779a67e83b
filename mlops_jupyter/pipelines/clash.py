"""Files that two write at the same time: nobody knows whose content is there afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from mlops_jupyter.project import Project


def clashes(project: Project, executions: Sequence[int]) -> dict[str, str]:
    """Return the files that a step wrote while something else wrote them, too.

    The other one may not have ended its cell yet: then it is told there, when it has.

    Parameters
    ----------
    project : Project
    executions : sequence of int
        Rows of the cells of the step.

    Returns
    -------
    dict of str to str
        Paths, and who else wrote each, in words.
    """
    marks = ",".join("?" * len(executions))
    rows = project.catalog.rows(
        "SELECT own.path, there.started_at, there.duration_seconds, began.at,"
        " coalesce('pipeline run ' || substr(run.pipeline_run_id, 1, 8),"
        " 'run ' || substr(run.id, 1, 8), 'another kernel') AS other"
        f" FROM (SELECT min(started_at) AS at FROM cell_execution WHERE id IN ({marks})) AS began,"
        " execution_file AS own"
        " JOIN execution_file AS theirs ON theirs.path = own.path AND theirs.access = 'write'"
        " JOIN cell_execution AS there ON there.id = theirs.execution_id"
        " LEFT JOIN run ON run.id = there.run_id"
        f" WHERE own.execution_id IN ({marks}) AND own.access = 'write'"
        f" AND theirs.execution_id NOT IN ({marks})",
        (*executions, *executions, *executions),
    )
    return {row["path"]: row["other"] for row in rows if _overlaps(row)}


def words(found: dict[str, str]) -> str:
    """Say it: ``model.pkl was written by the pipeline run 1a2b at the same time``."""
    return "; ".join(f"{path} was written by {who} at the same time" for path, who in found.items())


def _overlaps(row: sqlite3.Row) -> bool:
    ended = datetime.fromisoformat(row["started_at"]) + timedelta(seconds=row["duration_seconds"])
    return ended >= datetime.fromisoformat(row["at"])
