"""Ending a pipeline run from outside: on record is who did it, and the run ends as on Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time

from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.pipelines import history, record
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.pipelines.process import PATIENCE_SECONDS
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs.liveness import HOST, is_alive

POLL_SECONDS = 0.05


def cancel(project: Project, wanted: str | None, actor: str) -> PipelineRun:
    """End a pipeline run of this machine; returns when nothing of it runs any more.

    The running cell is interrupted. The executed notebook is kept up to that cell, what steps
    before it gave is kept too.

    Parameters
    ----------
    project : Project
    wanted : str, optional
        Id of the pipeline run or of its Run, or the beginning of one, or the name of its
        pipeline. Default: the only one that runs.
    actor : str
        Who asks for it: that goes on record.

    Raises
    ------
    NotFoundError
        There is no such run.
    UsageError
        None is running, more than one could be meant, or it runs on another machine.
    ConflictError
        It has ended already.
    """
    record.reconcile(project)
    row = _meant(project, wanted)
    if row["host"] != HOST:
        raise UsageError(
            f"the pipeline run {row['id'][:8]} runs on {row['host']}", hint="cancel it there"
        )
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE pipeline_run SET cancelled_by = ?, cancelled_at = ?"
            " WHERE id = ? AND status = 'running' AND cancelled_by IS NULL",
            (actor, now(), row["id"]),
        )
    _end(row["pid"], row["started_at"])
    record.end(project, row["id"], "interrupted")  # where it could not say so itself
    return history.get(project, row["id"])


def _meant(project: Project, wanted: str | None) -> sqlite3.Row:
    running = project.catalog.rows(
        "SELECT pipeline_run.id, pipeline, host, pid,"
        " pipeline_run.started_at, run.id AS run_id FROM pipeline_run"
        " LEFT JOIN run ON run.pipeline_run_id = pipeline_run.id"
        " WHERE pipeline_run.status = 'running' ORDER BY pipeline_run.started_at"
    )
    found = [row for row in running if wanted is None or _is_meant(row, wanted)]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(f"{row['id'][:8]} ({row['pipeline']})" for row in found or running)
    if found:
        raise UsageError("more than one pipeline runs", hint=f"give one of: {shown}")
    if wanted is None:
        raise UsageError("no pipeline is running", hint="see `mlops pipeline list`")
    ended = project.catalog.row(
        "SELECT status FROM pipeline_run WHERE substr(id, 1, ?) = ? OR id IN"
        " (SELECT pipeline_run_id FROM run WHERE substr(id, 1, ?) = ?)",
        (len(wanted), wanted) * 2,
    )
    if ended is not None:
        raise ConflictError(f"the pipeline run {wanted} has ended: {ended['status']}")
    hint = f"there runs: {shown}" if running else "none runs; see `mlops pipeline list`"
    raise NotFoundError("running pipeline", wanted, hint=hint)


def _is_meant(row: sqlite3.Row, wanted: str) -> bool:
    ids = (row["id"], row["run_id"] or "")
    return row["pipeline"] == wanted or (bool(wanted) and any(i.startswith(wanted) for i in ids))


def _end(pid: int, since: str) -> None:
    """Let the process end itself, or kill it: its kernels end with it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        # polled: it may be a child of this process, whose end others wait for too
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if not is_alive(HOST, pid, since):
                return
            time.sleep(POLL_SECONDS)
