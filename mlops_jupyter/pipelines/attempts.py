"""Attempts of a step: the failed ones are on record, and what they recorded is taken back."""

from __future__ import annotations

import sqlite3
from pathlib import Path, PurePosixPath
from typing import Any

from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import secret
from mlops_jupyter.runs.metric import SYSTEM

_TABLES = {
    "metric": f"substr(name, 1, {len(SYSTEM)}) <> '{SYSTEM}'",  # others measure on
    "parameter": "1",
    "artifact": "1",
    "run_data": "1",
    "run_cell": "1",
}
_COLUMNS = ("model_digest", "model_kind", "model_example", "environment_digest", "unsure")


class Held:
    """What a Run holds before a step, to be put back when an attempt has failed.

    The cells that a failed attempt has executed stay on record, but are none of the Run's.

    Parameters
    ----------
    project : Project
    run_id : str
        A Run to which nobody else writes meanwhile.
    """

    def __init__(self, project: Project, run_id: str) -> None:
        self._project, self._id = project, run_id
        self._rows = {
            table: [dict(row) for row in project.catalog.rows(_select(table), (run_id,))]
            for table in _TABLES
        }
        columns = f"SELECT {', '.join(_COLUMNS)} FROM run WHERE id = ?"
        self._run = project.catalog.row(columns, (run_id,))

    def put_back(self) -> None:
        """Let the Run be as it was."""
        with self._project.catalog.transaction() as rows:
            for table, where in _TABLES.items():
                rows.execute(f"DELETE FROM {table} WHERE run_id = ? AND {where}", (self._id,))
                for row in self._rows[table]:
                    _insert(rows, table, row)
            if self._run is not None:
                changes = ", ".join(f"{column} = ?" for column in _COLUMNS)
                rows.execute(f"UPDATE run SET {changes} WHERE id = ?", (*self._run, self._id))


def note(project: Project, step_run_id: str, number: int, error: str, file: str) -> None:
    """Write down that an attempt has failed.

    Parameters
    ----------
    number : int
        Of the attempt, from 1.
    file : str
        Name of the notebook as executed so far; it lies where that of the step does.
    """
    with project.catalog.transaction() as rows:
        row = rows.execute(
            "SELECT executed, started_at FROM step_run WHERE id = ?", (step_run_id,)
        ).fetchone()
        executed = PurePosixPath(row["executed"] or file).with_name(file)
        rows.execute(
            "INSERT OR REPLACE INTO step_attempt"
            " (step_run_id, number, started_at, ended_at, error, executed)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (step_run_id, number, row["started_at"] or now(), now(), secret.masked(error),
             str(executed)),
        )  # fmt: skip


def put_aside(file: Path, number: int) -> Path:
    """Move the executed notebook of an attempt away: the next one writes to the same place."""
    aside = file.with_name(f"{file.stem}.attempt-{number}{file.suffix}")
    if file.exists():
        file.replace(aside)
    return aside


def _select(table: str) -> str:
    return f"SELECT * FROM {table} WHERE run_id = ? AND {_TABLES[table]}"


def _insert(rows: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    rows.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
