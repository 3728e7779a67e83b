"""Folders that survive a kill, so that a long step goes on where it was.

Each belongs to a key: of a step its code, parameters and values. Under ``.mlops/checkpoints/KEY/``
lie slots, ``1``, ``2``…; a process that works in one holds a lock on a file in it, which the
system frees when that process dies, however it dies. So two runs at once get two slots, nobody
has to unlock anything, and the next run gets the first slot that is free.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.config import NAME
from mlops_jupyter.errors import UsageError, refused_by_disk
from mlops_jupyter.kernel import current, notebook
from mlops_jupyter.pipelines import reads
from mlops_jupyter.project import REPRODUCES, Project, here
from mlops_jupyter.store.objects import digest_of

FOLDER = "checkpoints"
"""In ``.mlops/``."""

LEASE = ".lease"

KEPT_SECONDS = 14 * 86_400.0
"""What nobody has written to for so long, `mlops gc` removes."""

LOOKED_AT = 8
"""Runs of a step that were ended: what they had read is looked at."""

_held: dict[tuple[Path, str], Path] = {}
"""The slots of this process, by project and key. Their locks are held until it ends."""


def checkpoint(name: str) -> Path:
    """Return a folder that survives a kill: see `mlops_jupyter.checkpoint`."""
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise UsageError(
            f"checkpoint: no name of a folder: {str(name)[:40]!r}",
            hint="letters, digits, '_', '.' and '-', at most 100: checkpoint(\"model\")",
        )
    with here() as project:
        key = _key(project)
        slot = _held.get((project.root, key)) or take(project, key)
        _held[project.root, key] = slot
    folder = slot / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused_by_disk(folder, error) from error
    return folder


def begin(project: Project, step_run_id: str, key: str, *, fresh: bool = False) -> None:
    """Let the kernel of a step know its key: it may have been started before that was known.

    What lies there is removed first if `fresh`, or if the step was killed after it had read a
    file or a data version that is another now: neither is part of the key.
    """
    if _folder(project, key).exists() and (fresh or _has_read_something_else(project, key)):
        end(project, key)
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE step_run SET checkpoint_key = ? WHERE id = ?", (key, step_run_id))


def end(project: Project, key: str) -> None:
    """Remove the folders of a key, those that no process works in: nobody is to go on there."""
    with project.catalog.transaction() as rows:
        # what these runs had read counts no more
        sql = "UPDATE step_run SET checkpoint_key = NULL WHERE checkpoint_key = ?"
        rows.execute(sql, (key,))
    for slot in _entries(_folder(project, key)):
        discard(slot)


def _has_read_something_else(project: Project, key: str) -> bool:
    tried = project.catalog.rows(
        "SELECT id FROM step_run WHERE checkpoint_key = ? ORDER BY started_at DESC LIMIT ?",
        (key, LOOKED_AT),
    )
    for row in tried:
        cells = project.catalog.rows(
            "SELECT execution_id FROM step_run JOIN run_cell ON run_cell.run_id ="
            " coalesce(step_run.run_id, (SELECT run.id FROM run"
            "  WHERE run.pipeline_run_id = step_run.pipeline_run_id))"
            " JOIN cell_execution AS cell ON cell.id = execution_id WHERE step_run.id = ?"
            " AND cell.started_at BETWEEN step_run.started_at AND coalesce(step_run.ended_at, '9')",
            (row["id"],),
        )
        read = reads.seen(project, row["id"], [cell[0] for cell in cells]).reads
        was, now = reads.before(read), reads.state(project, read)
        # a file that is gone may be one that the step itself has put away
        if any(now[what] not in {was[what], "gone"} for what in was):
            return True
    return False


def take(project: Project, key: str) -> Path:
    """Return the first slot of a key that no process holds; from here on this one holds it."""
    try:
        for number in itertools.count(1):
            slot = _folder(project, key) / str(number)
            if _lock(slot) is not None:
                return slot
    except OSError as error:
        raise refused_by_disk(_folder(project, key), error) from error
    raise AssertionError


def discard(slot: Path) -> None:
    """Remove a slot, unless a process works in it."""
    with contextlib.suppress(OSError):
        lock = _lock(slot)
        if lock is None:
            return
        try:
            shutil.rmtree(slot, ignore_errors=True)
            slot.parent.rmdir()  # the last one
        finally:
            os.close(lock)


def old(project: Project, seconds: float = KEPT_SECONDS) -> list[Path]:
    """Return the slots that nobody has written to for some time."""
    before = time.time() - seconds
    slots = (slot for key in _entries(project.folder / FOLDER) for slot in _entries(key))
    return [slot for slot in slots if _changed(slot) < before]


def _changed(slot: Path) -> float:
    """Return when something in a slot was written last; now, if that cannot be seen."""
    newest = 0.0
    try:
        for folder, _, files in os.walk(slot):
            for path in (folder, *(os.path.join(folder, file) for file in files)):  # noqa: PTH118
                newest = max(newest, os.lstat(path).st_mtime)
    except OSError:
        return time.time()
    return newest


def _folder(project: Project, key: str) -> Path:
    return project.folder / FOLDER / key.removeprefix("blake3:")


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _lock(slot: Path) -> int | None:
    """Lock a slot, which is made if it is not there; None: another process holds it."""
    while True:
        slot.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(slot / LEASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue  # it was removed just now
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except OSError:
            os.close(file)
            raise
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(file).st_ino == (slot / LEASE).stat().st_ino:
                os.utime(file)  # not old
                return file
        os.close(file)


def _key(project: Project) -> str:
    if REPRODUCES in os.environ:  # it is to be done again, all of it
        return secrets.token_hex(32)
    step_run_id = os.environ.get("MLOPS_STEP_RUN")
    if step_run_id:
        row = project.catalog.row(
            "SELECT checkpoint_key FROM step_run WHERE id = ?", (step_run_id,)
        )
        found = None if row is None else row["checkpoint_key"]
        # a step whose values are not known by a digest: nobody can tell that it is the same
        return str(found or digest_of(step_run_id.encode()))
    return digest_of("\0".join(_cell()).encode("utf-8", "surrogatepass"))


def _cell() -> Iterator[str]:
    """Yield what names the executing cell: its notebook, and its code."""
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    try:
        code = shell.get_parent()["content"]["code"]
    except (AttributeError, KeyError, TypeError):
        raise UsageError(
            "checkpoint: this is neither a step of a pipeline nor a cell of a notebook",
            hint="in a script, take a folder of your own",
        ) from None
    cell = current.cell
    yield (cell.notebook if cell is not None else None) or notebook.path_of(shell) or ""
    yield analyse(code).code_digest
