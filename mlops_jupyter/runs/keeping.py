"""Files that cells read and wrote, as data versions, without being asked (`capture.files`).

The cell that touched a file leaves a row with the digest that it saw, and replies. The process
beside the kernel that also copies runs to MLflow keeps the bytes afterwards: a thread in the
kernel would slow the user's loops, a phase after the reply would hold up the next cell, and that
process is there anyway, one to a project, and binds versions to runs before it copies them. What
the kernel left behind when it died is kept too. A file that changed in between becomes no version,
and the row says why.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from mlops_jupyter.config import FILE
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.file_state import digests
from mlops_jupyter.data.naming import dataset_of
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError, MlopsError
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs.run import ReadFile
from mlops_jupyter.store.lock import exclusive

MOST_FILES = 100
"""A cell with more files than this works on a folder: none of them becomes a dataset."""

LOCK = "keeping.lock"
WAIT_SECONDS = 600.0

_CODE = frozenset({".ipynb", ".py", ".pyc"})
_INSTALLED = frozenset({"site-packages", "dist-packages", "__pycache__"})


def chosen(project: Project, files: Sequence[ReadFile]) -> tuple[ReadFile, ...]:
    """Return those of a cell's files that are to become data versions.

    Not what is code, hidden (``.env``, ``.cache/``), installed, temporary, empty, larger than
    `capture.files_limit`, or of unknown content; and none when there are more than `MOST_FILES`.
    """
    limit = project.settings.capture.files_limit_bytes
    found = tuple(
        file
        for file in files
        if file.kind == "file"
        and file.digest is not None
        and 0 < (file.size_bytes or 0) <= limit
        and _is_data(file.path)
    )
    return found if len(found) <= MOST_FILES else ()


def _is_data(path: str) -> bool:
    parts = PurePath(path).parts
    if path == FILE or any(part.startswith(".") or part in _INSTALLED for part in parts):
        return False
    if PurePath(path).suffix in _CODE:
        return False
    temporary = {tempfile.gettempdir(), "/tmp", "/var/tmp"}  # noqa: S108 - told from data
    return not any(path.startswith(f"{os.path.realpath(folder)}/") for folder in temporary)


def is_waiting(project: Project) -> bool:
    """Return whether files are still to be kept; 20 µs."""
    sql = "SELECT 1 FROM file_keeping WHERE why IS NULL LIMIT 1"
    return project.catalog.row(sql) is not None


def keep_files(project: Project) -> int:
    """Keep the files that wait, and return how many became data versions.

    Of those that did not, their rows say why: they are not tried again, they change.
    """
    if not is_waiting(project):
        return 0
    with exclusive(project.folder / LOCK, WAIT_SECONDS, "keep files"):
        return sum(_settle(project, file) for file in _waiting(project))


class _Waiting(NamedTuple):
    execution_id: int
    path: str
    access: str
    digest: str


def _waiting(project: Project) -> list[_Waiting]:
    rows = project.catalog.rows(
        "SELECT execution_id, path, access, digest FROM file_keeping"
        " JOIN execution_file USING (execution_id, path, access)"
        " WHERE why IS NULL ORDER BY execution_id, path, access"
    )
    return [_Waiting(*row) for row in rows]


def _settle(project: Project, file: _Waiting) -> bool:
    """Keep one file, or write down why not; return whether it is a version."""
    try:
        version = _keep(project, file)
    except Exception as error:  # noqa: BLE001 - whatever a file does, runs are copied to MLflow
        _give_up(project, file, error.message if isinstance(error, MlopsError) else repr(error))
        return False
    _bind(project, file, version)
    return True


def _keep(project: Project, file: _Waiting) -> DatasetVersion:
    name = dataset_of(project, file.path)
    known = versions.find(project, name, file.digest)
    if known is not None and known.gone_at is None:
        return known
    path = str(project.root / file.path)
    state = digests(project, [path])[path]
    if state.digest != file.digest:
        what = "was gone" if state.size_bytes is None else "was changed"
        raise ConflictError(f"it {what} before it could be kept")
    return snapshot(project, path, name, digest=file.digest)


def _give_up(project: Project, file: _Waiting, why: str) -> None:
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE file_keeping SET why = ? WHERE execution_id = ? AND path = ? AND access = ?",
            (why, *file[:3]),
        )


def _bind(project: Project, file: _Waiting, version: DatasetVersion) -> None:
    """Bind a version to the cell of its file, and to the runs that stand on the cell."""
    ids = (file.execution_id, versions.row_id(project, version))
    with project.catalog.transaction() as rows:
        rows.execute("INSERT OR IGNORE INTO execution_data VALUES (?, ?)", ids)
        if file.access == "write":
            rows.execute("INSERT OR IGNORE INTO execution_made VALUES (?, ?)", ids)
        rows.execute(
            "INSERT OR IGNORE INTO run_data (run_id, version_id)"
            " SELECT run_id, ? FROM run_cell WHERE execution_id = ?",
            ids[::-1],
        )
        # a run that MLflow has already is copied again, with its version
        rows.execute(
            "INSERT INTO outbox (run_id, created_at) SELECT run_id, ? FROM run_cell"
            " JOIN run ON run.id = run_id WHERE execution_id = ? AND status <> 'running'"
            " AND reproduces IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM outbox WHERE outbox.run_id = run.id AND done_at IS NULL)",
            (now(), file.execution_id),
        )
        rows.execute(
            "DELETE FROM file_keeping WHERE execution_id = ? AND path = ? AND access = ?",
            file[:3],
        )
