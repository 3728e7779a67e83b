"""The files that the cells of a run read: recorded, compared with what they are now, kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.file_state import FileState, digests, folder_digest
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.kernel.files import Accesses, FileAccess
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history
from mlops_jupyter.runs.run import ReadFile

MOST_SECONDS = 10.0
"""How long one cell may keep its kernel waiting for the digests of its files: some 10 GB."""


class FileNow(msgspec.Struct, frozen=True):
    """A file that a run read, and what became of it; `state` is None where nobody can tell."""

    file: ReadFile
    state: Literal["unchanged", "changed", "gone"] | None


def read_files(
    project: Project, accesses: Accesses, seconds: float = MOST_SECONDS
) -> tuple[ReadFile, ...]:
    """Return what a cell read and wrote as it is recorded, with digests taken now.

    A file that was appended to, or changed in place, was read and written. What was read before
    the same cell changed it has no digest: nobody knows what it held.
    """
    paths = [a.path for a in accesses.accesses if a.kind == "file"]
    if not accesses.accesses:
        return ()
    states = digests(project, paths, seconds=seconds)
    changed = {a.path for a in accesses.accesses if a.kind == "file" and a.access != "read"}
    found: dict[ReadFile, None] = {}
    for access in accesses.accesses:
        for file in _recorded(project, access, states, changed):
            found[file] = None
    return tuple(found)


def _recorded(
    project: Project, access: FileAccess, states: dict[str, FileState], changed: set[str]
) -> Iterator[ReadFile]:
    path = path_written(project, access.path)
    if access.kind == "folder":
        read = {p: s for p, s in states.items() if p not in changed}
        yield ReadFile(path, "read", "folder", None, folder_digest(access.path, read))
    elif access.kind != "file":
        yield ReadFile(access.path, "read", access.kind, None, None)
    else:
        state = states[access.path]
        if access.access != "write":
            known = state if access.path not in changed else FileState()
            yield ReadFile(path, "read", "file", known.size_bytes, known.digest)
        if access.access != "read":
            yield ReadFile(path, "write", "file", state.size_bytes, state.digest)


def path_written(project: Project, path: str) -> str:
    """Return a path as the catalog writes it."""
    root = f"{project.root}/"
    inside = path.removeprefix(root) if path.startswith(root) else path
    if path == str(project.root):
        inside = "."
    return os.fsencode(inside).decode("utf-8", "backslashreplace")


def files_now(project: Project, files: Iterable[ReadFile]) -> tuple[FileNow, ...]:
    """Compare files with what they are now."""
    files = tuple(files)
    paths = {f: str(project.root / f.path) for f in files if f.kind == "file"}
    states = digests(project, paths.values())
    return tuple(FileNow(f, _state(f, states[paths[f]]) if f in paths else None) for f in files)


def _state(file: ReadFile, now: FileState) -> Literal["unchanged", "changed", "gone"] | None:
    if now.size_bytes is None:
        return "gone"
    if file.digest is None or now.digest is None:
        return None
    return "unchanged" if now.digest == file.digest else "changed"


def keep_file(project: Project, run_id: str, path: str | Path, name: str) -> DatasetVersion:
    """Keep a file that a run read as a version of the dataset `name`, and bind it to the run.

    Parameters
    ----------
    project : Project
    run_id : str
        Or the beginning of it.
    path : str or Path
        As the run shows it, or any path of the file.
    name : str
        Of the dataset.

    Raises
    ------
    NotFoundError
        There is no such run, or it did not read this file.
    ConflictError
        The file is not what the run read any more.
    UsageError
        What the file held is not known.
    """
    run = history.get(project, run_id)
    file = _find(project, run.id, str(path))
    now = digests(project, [str(project.root / file.path)])[str(project.root / file.path)]
    if file.digest is None:
        raise UsageError(
            f"{file.path}: what it held when run {run.id[:8]} read it is not known",
            hint="keep it as it is now: `mlops snapshot FILE`",
        )
    _check_same(project, file, now, run.id)
    version = snapshot(project, project.root / file.path, name, f"read by run {run.id[:8]}")
    if version.digest != file.digest:  # it changed in this moment: an unbound version stays
        _check_same(project, file, FileState(version.size_bytes, version.digest), run.id)
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT OR IGNORE INTO run_data (run_id, version_id) VALUES (?, ?)",
            (run.id, versions.row_id(project, version)),
        )
    return version


def _find(project: Project, run_id: str, path: str) -> ReadFile:
    read = {
        file.path: file
        for files in history.files_of(project, run_id).values()
        for file in files
        if file.kind == "file" and file.access == "read"
    }
    absolute = os.path.realpath(path)
    for written in (path, path_written(project, absolute)):
        if written in read:
            return read[written]
    hint = None if read else "it read no files"
    raise NotFoundError(f"file that run {run_id[:8]} read,", path, read, hint=hint)


def _check_same(project: Project, file: ReadFile, now: FileState, run_id: str) -> None:
    if now.digest == file.digest:
        return
    if now.size_bytes is None:
        what = "is gone"
    elif now.digest is None:
        what = "cannot be read, or is being written to"
    else:
        what = (
            f"has changed since run {run_id[:8]} read it: {file.size_bytes:,} then,"
            f" {now.size_bytes:,} bytes now, changed at {_changed_at(project.root / file.path)}"
        )
    raise ConflictError(
        f"{file.path} {what}",
        hint="put the old content back, or keep what is there now: `mlops snapshot FILE`",
    )


def _changed_at(path: Path) -> str:
    try:
        changed = path.stat().st_mtime
    except OSError:
        return "an unknown time"
    return datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds")
