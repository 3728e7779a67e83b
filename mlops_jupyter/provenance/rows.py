"""Reading the catalog for many things at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.provenance.noun import Key

RECORDED = "instr(coalesce(cell_execution.notebook, ''), '.mlops/reproductions/') = 0"
"""Of an execution: it is none of those that execute a run again."""


def select(project: Project, sql: str, given: Iterable[int | str]) -> list[sqlite3.Row]:
    """Return the rows of a query in which ``GIVEN`` stands for a list of values."""
    values = list(dict.fromkeys(given))
    if not values:
        return []
    sql = sql.replace("GIVEN", "(SELECT value FROM json_each(?1))")
    return project.catalog.rows(sql, (msgspec.json.encode(values).decode(),))


def select_of(project: Project, sql: str, keys: Iterable[Key]) -> list[sqlite3.Row]:
    """Return the rows of a query in which ``GIVEN`` stands for the names of some things."""
    return select(project, sql, (key.name for key in keys))
