"""The row of a kernel that records: what becomes known of it from outside."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_jupyter.project import Project
from mlops_jupyter.runs.liveness import is_alive


def move_notebook(project: Project, old: Path, new: Path) -> int:
    """Let living kernels know that their notebook, or a folder above it, has a new path.

    Parameters
    ----------
    project : Project
    old, new : Path
        Absolute, with links resolved.

    Returns
    -------
    int
        How many kernels it concerns.
    """
    with project.catalog.transaction() as rows:
        open_sessions = rows.execute(
            "SELECT id, host, pid, started_at, notebook FROM session"
            " WHERE notebook IS NOT NULL AND ended_at IS NULL"
        ).fetchall()
        moved = [
            (str(new / path.relative_to(old)), session_id)
            for session_id, host, pid, since, notebook in open_sessions
            if (path := Path(os.path.realpath(notebook))).is_relative_to(old)
            and is_alive(host, pid, since)
        ]
        rows.executemany("UPDATE session SET notebook = ? WHERE id = ?", moved)
    return len(moved)
