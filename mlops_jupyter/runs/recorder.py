"""Writing down what happens: kernels, the cells that they execute, and runs.

Objects are written first, then one transaction holds all rows of a cell: a kill in between
leaves an object that nothing names, never a row without its object.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.errors import ConflictError
from mlops_jupyter.project import REPRODUCES, Project, now
from mlops_jupyter.runs import cell_rows, code, secret
from mlops_jupyter.runs.cell_rows import NOTEBOOK
from mlops_jupyter.runs.liveness import HOST, is_alive
from mlops_jupyter.runs.run import ReadFile, Status


class Shown(msgspec.Struct, frozen=True):
    """What a cell showed: an image, a plot as JSON, or a table as HTML and as text."""

    media_type: str
    content: bytes


Figure = Shown
"""An image that a cell showed."""


class File(msgspec.Struct, frozen=True):
    """What the user logged under a name: a figure, or any file."""

    name: str
    media_type: str
    content: bytes


class Execution(msgspec.Struct, frozen=True):
    """One execution of one cell, as the kernel saw it.

    Of the rows of data versions, `versions` has those that it took or loaded, and `made` those
    that it took. Of its `files`, those that it `keeps` are to become data versions.
    """

    session_id: str
    position: int
    cell_id: str | None
    source: str
    source_digest: str
    code_digest: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    started_at: str
    duration_seconds: float
    error: str | None
    changes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    parents: tuple[int, ...] = ()
    unsure: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    made: tuple[int, ...] = ()
    notebook: str | None = None
    outputs: tuple[Shown, ...] = ()
    files: tuple[ReadFile, ...] = ()
    keeps: tuple[ReadFile, ...] = ()


class FittedModel(msgspec.Struct, frozen=True):
    """A fitted estimator, as the bytes of a pickle that we made, and rows to try it on."""

    kind: str
    content: bytes
    example: bytes | None


class Findings(msgspec.Struct, frozen=True):
    """What a cell says about the run that it belongs to.

    Attributes
    ----------
    parameters : mapping of str to JSON value
    metrics : mapping of (name, step) to float
    figures : tuple of Figure
    model : FittedModel or None
    environment : bytes or None
        The environment, encoded.
    files : tuple of File
    logged_at : mapping of (name, step) to str
        When a metric was logged, of those that were; the others are of now.
    notes : tuple of str
        What could not be kept, and why: for people, it is not written down.
    """

    parameters: Mapping[str, Any] = msgspec.field(default_factory=dict)
    metrics: Mapping[tuple[str, int], float] = msgspec.field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    model: FittedModel | None = None
    environment: bytes | None = None
    files: tuple[File, ...] = ()
    logged_at: Mapping[tuple[str, int], str] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def has_objects(self) -> bool:
        """Whether some of it goes into the object store."""
        return bool(self.figures or self.files or self.environment or self.model)


class RunPart(msgspec.Struct, frozen=True):
    """What one executed cell adds to one run.

    Attributes
    ----------
    run_id : str
    findings : Findings
    closes : str or None
        The cell ends the run, with this status. A run that has ended before stays as it is,
        but for the cells that are now known to have made it.
    data : tuple of int
        Rows of data versions whose values it used under names, though other cells took them.
    """

    run_id: str
    findings: Findings = msgspec.field(default_factory=Findings)
    closes: Status | None = None
    data: tuple[int, ...] = ()


def open_session(project: Project, notebook: str | None, folder: str | None = None) -> str:
    """Record that a kernel begins to record, and close the runs of kernels that died.

    `folder` is the one in which it works, where that may not be the notebook's.
    """
    session_id = secrets.token_hex(8)
    with project.catalog.transaction() as rows:
        _interrupt_dead(rows)
        rows.execute(
            "INSERT INTO session (id, host, pid, notebook, folder, started_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                session_id,
                HOST,
                os.getpid(),
                notebook and secret.masked(notebook),
                folder and secret.masked(folder),
                now(),
            ),
        )
    return session_id


def close_dead(project: Project) -> None:
    """End the runs of kernels that died, as interrupted."""
    with project.catalog.transaction() as rows:
        _interrupt_dead(rows)


def open_run(
    project: Project,
    name: str,
    *,
    notebook: str | None = None,
    session_id: str | None = None,
    pipeline_run_id: str | None = None,
    parent_run_id: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    git: tuple[str | None, bool | None] | None = None,
    started_at: str | None = None,
    reproduces: str | None = None,
) -> str:
    """Begin a run and return its id; others see it at once, as running.

    `git` is what `code.git_state` said a moment ago: it costs some milliseconds.

    Where ``MLOPS_REPRODUCES`` or `reproduces` names a run, this one re-executes it: it is
    recorded like any other, but not listed, and not copied to MLflow.
    """
    run_id = secrets.token_hex(8)
    commit, dirty = git or code.git_state(project.root)
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO run (id, name, status, session_id, notebook, started_at, git_commit,"
            " git_dirty, pipeline_run_id, parent_run_id, reproduces)"
            f" VALUES (?, ?, 'running', ?, {NOTEBOOK}, ?, ?, ?, ?, ?,"
            " (SELECT id FROM run WHERE id = ?))",
            (
                run_id,
                name,
                session_id,
                notebook and secret.masked(notebook),
                session_id,
                started_at or now(),
                commit,
                dirty,
                pipeline_run_id,
                parent_run_id,
                reproduces or os.environ.get(REPRODUCES),
            ),
        )
        _put_parameters(rows, run_id, parameters or {})
    return run_id


def resume_run(project: Project, run_id: str, session_id: str | None) -> None:
    """Let an ended run go on, in this session.

    Raises
    ------
    ConflictError
        It runs, or this kernel re-executes a run.
    """
    if REPRODUCES in os.environ:
        raise ConflictError("a re-execution does not resume runs, it would change what they hold")
    with project.catalog.transaction() as rows:
        _interrupt_dead(rows)
        resumed = rows.execute(
            "UPDATE run SET status = 'running', session_id = ?, ended_at = NULL, error = NULL"
            " WHERE id = ? AND status <> 'running'",
            (session_id, run_id),
        )
        if not resumed.rowcount:
            raise ConflictError(
                f"run {run_id[:8]} cannot be resumed: it is running",
                hint="end it where it runs, or wait",
            )


def add(project: Project, part: RunPart, error: str | None = None) -> None:
    """Write what is found of a run while its cell still executes, or without any cell."""
    with _held(project, [part]):
        kept = _Kept(project, part.findings)
        with project.catalog.transaction() as rows:
            kept.put(rows, part.run_id)
            if part.closes:
                _close(rows, part.run_id, part.closes, error)


def close_run(project: Project, run_id: str, status: Status, error: str | None = None) -> None:
    """End a run that is still running, and hand it to the mirror; else change nothing."""
    with project.catalog.transaction() as rows:
        _close(rows, run_id, status, error)


def record(
    project: Project,
    execution: Execution,
    parts: Sequence[RunPart] = (),
    slice_: Sequence[int] = (),
    unsure: Sequence[str] = (),
) -> int:
    """Write one executed cell, and what it says about its runs, in one transaction.

    Parameters
    ----------
    project : Project
    execution : Execution
    parts : sequence of RunPart
        The runs that the cell belongs to, the innermost last.
    slice_ : sequence of int
        Rows of the earlier executions on which the cell, and so the runs, stand.
    unsure : sequence of str
        Why that slice may be too small, in words.

    Returns
    -------
    int
        The row of the execution.
    """
    if secret.is_private(execution.source):
        parts = [replace(part, findings=Findings()) for part in parts]
    execution = _discreet(execution)
    with _held(project, parts, execution.outputs):
        return _write(project, execution, parts, slice_, unsure)


def _held(
    project: Project, parts: Sequence[RunPart], outputs: Sequence[Shown] = ()
) -> contextlib.AbstractContextManager[None]:
    """Hold the objects, if any is about to be written: a cell that writes none pays nothing."""
    writes = outputs or any(part.findings.has_objects for part in parts)
    return project.objects.held() if writes else contextlib.nullcontext()


def _write(
    project: Project,
    execution: Execution,
    parts: Sequence[RunPart],
    slice_: Sequence[int],
    unsure: Sequence[str],
) -> int:
    kept = [_Kept(project, part.findings) for part in parts]
    outputs = _stored(project, execution.outputs)
    with project.catalog.transaction() as rows:
        execution_id = cell_rows.put_execution(rows, execution, parts[-1].run_id if parts else None)
        if outputs:
            cell_rows.put_outputs(rows, execution_id, outputs)
        for part, found in zip(parts, kept, strict=True):
            _put_code(rows, part.run_id, [*slice_, execution_id])
            rows.executemany(
                "INSERT OR IGNORE INTO run_data (run_id, version_id) VALUES (?, ?)",
                [(part.run_id, version_id) for version_id in part.data],
            )
            _put_doubts(rows, part.run_id, [*unsure, *_withheld(rows, part.run_id)])
            found.put(rows, part.run_id)
            if part.closes:
                error = None if part.closes == "finished" else execution.error
                _close(rows, part.run_id, part.closes, error)
    return execution_id


def _discreet(cell: Execution) -> Execution:
    """Return an execution as it may be written down: without credentials."""
    if secret.is_private(cell.source):
        cell = replace(
            cell,
            source=secret.PRIVATE,
            reads=(),
            error=cell.error and cell.error.partition(":")[0],
            unsure=(*cell.unsure, secret.why_private(cell.position)),
            outputs=(),
            files=(),
            keeps=(),
        )
    source = secret.masked_source(cell.source)
    if source not in (cell.source, secret.PRIVATE):
        cell = replace(cell, unsure=(*cell.unsure, secret.why_masked(cell.position)))
    shows = cell.error or cell.notebook or cell.outputs or cell.files
    if source == cell.source != secret.PRIVATE and not shows:
        return cell
    analysis = analyse(source)
    return replace(
        cell,
        source=source,
        # of what is kept: the digest of a short secret could be guessed
        source_digest=analysis.digest,
        code_digest=analysis.code_digest,
        error=cell.error and secret.masked(cell.error),
        notebook=cell.notebook and secret.masked(cell.notebook),
        outputs=tuple(_discreet_output(shown) for shown in cell.outputs),
        files=tuple(replace(file, path=secret.masked(file.path)) for file in cell.files),
        # a file that may not be named cannot be found
        keeps=tuple(file for file in cell.keeps if secret.masked(file.path) == file.path),
    )


def _discreet_output(shown: Shown) -> Shown:
    if shown.media_type.startswith("image/"):
        return shown
    return Shown(shown.media_type, secret.masked_bytes(shown.content))


def _stored(project: Project, shown: Sequence[Shown]) -> list[tuple[str, str, int]]:
    """Keep the bytes of outputs; return media type, digest and size of each."""
    return [(s.media_type, project.objects.write(s.content), len(s.content)) for s in shown]


class _Kept:
    """Findings whose bytes are in the object store, ready for the transaction."""

    def __init__(self, project: Project, findings: Findings) -> None:
        write = project.objects.write
        self.findings = findings
        self.figures = _stored(project, findings.figures)
        self.files = [(f.name, f.media_type, write(f.content), len(f.content))
                      for f in findings.files]  # fmt: skip
        self.environment = write(findings.environment) if findings.environment else None
        self.model = write(findings.model.content) if findings.model else None
        example = findings.model.example if findings.model else None
        self.example = write(example) if example else None

    def put(self, rows: sqlite3.Connection, run_id: str) -> None:
        found = self.findings
        _put_parameters(rows, run_id, found.parameters)
        at = now()
        rows.executemany(
            "INSERT OR REPLACE INTO metric (run_id, name, step, value, at) VALUES (?, ?, ?, ?, ?)",
            [
                (run_id, name, step, value, found.logged_at.get((name, step), at))
                for (name, step), value in found.metrics.items()
            ],
        )
        if self.figures or self.files:
            self._put_artifacts(rows, run_id)
        if self.environment:
            rows.execute(
                "UPDATE run SET environment_digest = ? WHERE id = ?", (self.environment, run_id)
            )
        if found.model:
            rows.execute(
                "UPDATE run SET model_digest = ?, model_kind = ?, model_example = ? WHERE id = ?",
                (self.model, found.model.kind, self.example, run_id),
            )

    def _put_artifacts(self, rows: sqlite3.Connection, run_id: str) -> None:
        sql = "SELECT name FROM artifact WHERE run_id = ?"
        taken = {row[0].partition(".")[0] for row in rows.execute(sql, (run_id,))}
        taken |= {name.partition(".")[0] for name, *_ in self.files}
        numbers = (n for n in itertools.count(1) if f"figure-{n}" not in taken)
        figures = [
            (f"figure-{n}.{media_type.partition('/')[2].partition('+')[0]}", media_type, *stored)
            for n, (media_type, *stored) in zip(numbers, self.figures, strict=False)
        ]
        rows.executemany(
            "INSERT OR REPLACE INTO artifact (run_id, name, media_type, digest, size_bytes)"
            " VALUES (?, ?, ?, ?, ?)",
            [(run_id, *artifact) for artifact in [*self.files, *figures]],
        )


def _put_code(rows: sqlite3.Connection, run_id: str, execution_ids: list[int]) -> None:
    rows.executemany(
        "INSERT OR IGNORE INTO run_cell (run_id, execution_id) VALUES (?, ?)",
        [(run_id, execution_id) for execution_id in execution_ids],
    )
    rows.execute(
        "INSERT OR IGNORE INTO run_data (run_id, version_id) SELECT run_id, version_id"
        " FROM run_cell JOIN execution_data USING (execution_id) WHERE run_id = ?",
        (run_id,),
    )


def _withheld(rows: sqlite3.Connection, run_id: str) -> list[str]:
    """Return which cells of a run cannot be re-executed from what is written down."""
    found = rows.execute(
        "SELECT cell_execution.unsure FROM run_cell JOIN cell_execution ON id = execution_id"
        " WHERE run_cell.run_id = ? AND instr(cell_execution.unsure, ?) ORDER BY position",
        (run_id, secret.AGAIN),
    )
    reasons = [reason for (text,) in found for reason in msgspec.json.decode(text)]
    return [reason for reason in reasons if reason.endswith(secret.AGAIN)]


def _put_doubts(rows: sqlite3.Connection, run_id: str, unsure: Sequence[str]) -> None:
    if unsure:
        known = rows.execute("SELECT unsure FROM run WHERE id = ?", (run_id,)).fetchone()[0]
        reasons = dict.fromkeys([*msgspec.json.decode(known), *unsure])
        rows.execute("UPDATE run SET unsure = ? WHERE id = ?", (_json([*reasons]), run_id))


def _put_parameters(rows: sqlite3.Connection, run_id: str, parameters: Mapping[str, Any]) -> None:
    rows.executemany(
        "INSERT OR REPLACE INTO parameter (run_id, name, value) VALUES (?, ?, ?)",
        [
            (run_id, name, _json(secret.masked_value(name, value)))
            for name, value in parameters.items()
        ],
    )


def _close(rows: sqlite3.Connection, run_id: str, status: Status, error: str | None) -> None:
    cells = rows.execute(
        "SELECT code_digest FROM run_cell JOIN cell_execution ON id = execution_id"
        " WHERE run_cell.run_id = ? ORDER BY coalesce(place, execution_id), execution_id",
        (run_id,),
    ).fetchall()
    digest = code.digest(c[0] for c in cells) if cells else None
    # a run of a block ends before the cell does, and only then it is known which cells made it
    changed = rows.execute(
        "UPDATE run SET code_digest = ? WHERE id = ? AND code_digest IS NOT ?",
        (digest, run_id, digest),
    ).rowcount
    closed = rows.execute(
        "UPDATE run SET status = ?, ended_at = ?, error = ? WHERE id = ? AND status = 'running'",
        (status, now(), error and secret.masked(error), run_id),
    ).rowcount
    if closed or changed:
        rows.execute(
            "INSERT INTO outbox (run_id, created_at)"
            " SELECT id, ? FROM run WHERE id = ? AND reproduces IS NULL",
            (now(), run_id),
        )


def _interrupt_dead(rows: sqlite3.Connection) -> None:
    unfinished = rows.execute(
        "SELECT run.id, host, pid, session.started_at FROM run"
        " JOIN session ON session.id = session_id WHERE status = 'running'"
    ).fetchall()
    for run_id, host, pid, since in unfinished:
        if not is_alive(host, pid, since):
            _close(rows, run_id, "interrupted", "its kernel ended before the run did")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
