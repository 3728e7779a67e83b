"""Ending a pipeline run from outside: on record is who did it, and the run ends as on Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time

from mlops_jupyter.errors import ConflictError, ExternalError, NotFoundError, UsageError
from mlops_jupyter.pipelines import history, record
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.pipelines.process import PATIENCE_SECONDS
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs.liveness import BEAT_SECONDS, HOST, is_alive, is_here

POLL_SECONDS = 0.05


def cancel(project: Project, wanted: str | None, actor: str) -> PipelineRun:
    """End a pipeline run; returns when nothing of it runs any more.

    The running cell is interrupted. The executed notebook is kept up to that cell, what steps
    before it gave is kept too. A run on another machine that shares the folder ends when it looks
    at its row the next time, after some seconds.

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
        None is running, or more than one could be meant.
    ConflictError
        It has ended already.
    ExternalError
        It runs on another machine, and has not answered yet.
    """
    record.reconcile(project)
    row = _meant(project, wanted)
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE pipeline_run SET cancelled_by = ?, cancelled_at = ?"
            " WHERE id = ? AND status = 'running' AND cancelled_by IS NULL",
            (actor, now(), row["id"]),
        )
    if not is_here(row["host"], row["machine"]):
        return _answered(project, row["id"], row["host"])
    _end(row["pid"], row["started_at"])
    record.end(project, row["id"], "interrupted")  # where it could not say so itself
    return history.get(project, row["id"])


def _meant(project: Project, wanted: str | None) -> sqlite3.Row:
    running = project.catalog.rows(
        "SELECT pipeline_run.id, pipeline, host, pid, machine,"
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


def _answered(project: Project, pipeline_run_id: str, host: str) -> PipelineRun:
    """Wait until a run on another machine has heard of it."""
    end = time.monotonic() + BEAT_SECONDS + PATIENCE_SECONDS
    while time.monotonic() < end:
        run = history.get(project, pipeline_run_id)
        if run.status != "running":
            return run
        time.sleep(POLL_SECONDS)
    raise ExternalError(
        f"the pipeline run {pipeline_run_id[:8]} on {host} was told, and has not ended yet",
        hint="see `mlops pipeline list`",
    )


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
