"""Reading the state of notebooks: from the catalog, and from their files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.runs.liveness import is_alive
from mlops_jupyter.runs.notebook import NotebookCell, read_notebook
from mlops_jupyter.runs.replay import ExecutedRow
from mlops_jupyter.runs.saved import state_of_file
from mlops_jupyter.runs.state import NotebookState, state_of

MOST_EXECUTIONS = 20_000
"""Executions of one kernel that are read back: the newest."""

_names = msgspec.json.Decoder(frozenset[str])
_texts = msgspec.json.Decoder(tuple[str, ...])
_positions = msgspec.json.Decoder(tuple[int, ...])


def notebook_state(
    project: Project,
    notebook: Path | str,
    cells: Sequence[NotebookCell] | None = None,
    session_id: str | None = None,
) -> NotebookState:
    """Return the state of a notebook.

    Parameters
    ----------
    project : Project
    notebook : path
    cells : sequence of NotebookCell, optional
        Its code cells as an editor holds them; what counts is then the kernel that runs now.
        Default: those of its file, beside the last kernel that recorded it; of a notebook that
        none recorded, what its file alone says.
    session_id : str, optional
        The kernel. Default: the last that recorded this notebook.

    Raises
    ------
    UsageError
        There is no such notebook, or its file is none.
    """
    path = Path(os.path.realpath(notebook))
    shown = _from_root(project, path)
    is_live = cells is not None
    session_id = session_id or _last_session(project, path, is_live=is_live)
    if cells is None:
        saved = read_notebook(path)
        if session_id is None:
            return state_of_file(saved, notebook=shown)
        cells = saved.cells
    rows = executions(project, session_id) if session_id else []
    return state_of(cells, rows, notebook=shown, session_id=session_id)


def recorded_notebooks(project: Project) -> list[Path]:
    """Return the notebooks of a project that were recorded and are still there, by path."""
    rows = project.catalog.rows("SELECT DISTINCT notebook FROM session WHERE notebook IS NOT NULL")
    paths = {_absolute(project, row[0]) for row in rows}
    return sorted(p for p in paths if p.suffix == ".ipynb" and p.is_file())


def executions(project: Project, session_id: str) -> list[ExecutedRow]:
    """Return what one kernel executed, in order."""
    files: defaultdict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for position, access, path in project.catalog.rows(
        "SELECT position, access, path FROM execution_file JOIN cell_execution"
        " ON cell_execution.id = execution_id WHERE session_id = ? AND kind <> 'folder'",
        (session_id,),
    ):
        files[position][access].add(f"file:{path}")
    rows = project.catalog.rows(
        "SELECT position, cell_id, text, cell_execution.code_digest, reads, writes, changes,"
        " deletes, parents, cell_execution.unsure, cell_execution.error, run.name, run.id"
        " FROM cell_execution JOIN source ON digest = source_digest"
        " LEFT JOIN run ON run.id = run_id"
        " WHERE cell_execution.session_id = ? ORDER BY position DESC LIMIT ?",
        (session_id, MOST_EXECUTIONS),
    )
    return [
        ExecutedRow(
            position=row[0],
            cell_id=row[1],
            source=row[2],
            code_digest=row[3],
            reads=_names.decode(row[4]) | files[row[0]]["read"],
            writes=_names.decode(row[5]) | files[row[0]]["write"],
            changes=_names.decode(row[6]),
            deletes=_names.decode(row[7]),
            parents=_positions.decode(row[8]),
            unsure=_texts.decode(row[9]),
            error=row[10],
            run=f"{row[11]} ({row[12][:8]})" if row[12] else None,
        )
        for row in reversed(rows)
    ]


def _last_session(project: Project, notebook: Path, *, is_live: bool) -> str | None:
    """Return the last kernel that executed a cell of a notebook.

    With `is_live` only one that still runs: what an earlier one held is gone.
    """
    rows = project.catalog.rows(
        "SELECT id, host, pid, started_at, notebook, ended_at FROM session"
        " WHERE notebook LIKE ? ESCAPE '\\' AND EXISTS"
        " (SELECT 1 FROM cell_execution WHERE session_id = session.id)"
        " ORDER BY started_at DESC",
        ("%" + _escaped(notebook.name),),
    )
    for session_id, host, pid, since, path, ended in rows:
        if _absolute(project, path) == notebook:
            is_over = is_live and (ended is not None or not is_alive(host, pid, since))
            return None if is_over else str(session_id)
    return None


def _absolute(project: Project, notebook: str) -> Path:
    """Return where a notebook lies; kernels may know it by a path from the project's root."""
    return Path(os.path.realpath(project.root / notebook))


def _from_root(project: Project, path: Path) -> str:
    root = Path(os.path.realpath(project.root))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
