"""Writing pipeline runs down, so that their status is right whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from mlops_jupyter.pipelines.notebook import Cut
from mlops_jupyter.pipelines.values import Boundary
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.liveness import HOST, is_alive

End = Literal["finished", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A pipeline run that has begun: its id, that of its Run, and those of its steps."""

    id: str
    run_id: str
    steps: tuple[str, ...]


def begin(
    project: Project,
    made: Cut,
    *,
    pipeline_run_id: str,
    notebook: str,
    parameters: Mapping[str, Any],
    executed: Sequence[str],
    seeded: Collection[int] = (),
) -> Opened:
    """Write down a pipeline run that this process will execute.

    Parameters
    ----------
    notebook : str
        The source notebook's path from the project's root.
    parameters : mapping of str to value
        Of the run, defaults too.
    executed : sequence of str
        For each step, where its executed notebook will be, from the project's root.
    seeded : collection of int
        Positions of the steps before whose end code has seeded random numbers.
    """
    steps = tuple(secrets.token_hex(8) for _ in made.pipeline.steps)
    with contextlib.ExitStack() as stack:
        stack.enter_context(project.objects.held())
        digest = project.objects.write(made.source.content)
        rows = stack.enter_context(project.catalog.transaction())
        rows.execute(
            "INSERT INTO pipeline_run (id, pipeline, notebook, notebook_digest, parameters,"
            " status, host, pid, started_at) VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?)",
            (
                pipeline_run_id,
                made.pipeline.name,
                notebook,
                digest,
                json.dumps(dict(parameters)),
                HOST,
                os.getpid(),
                now(),
            ),
        )
        rows.executemany(
            "INSERT INTO step_run (id, pipeline_run_id, step, position, status, boundary, executed)"
            " VALUES (?, ?, ?, ?, 'queued', ?, ?)",
            [
                (
                    step_run_id,
                    pipeline_run_id,
                    step.name,
                    position,
                    _json(
                        Boundary(
                            dict(flow.definitions), frozenset(flow.recreated), position in seeded
                        )
                    ),
                    path,
                )
                for position, (step_run_id, step, flow, path) in enumerate(
                    zip(steps, made.pipeline.steps, made.flows, executed, strict=True)
                )
            ],
        )
    run_id = recorder.open_run(
        project,
        made.pipeline.name,
        notebook=notebook,
        pipeline_run_id=pipeline_run_id,
        parameters=parameters,
    )
    return Opened(pipeline_run_id, run_id, steps)


def begin_step(project: Project, opened: Opened, position: int, why: str | None = None) -> str:
    """Note that a step begins, and hand it what the step before passed on; return its id."""
    step_run_id = opened.steps[position]
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE step_run SET status = 'running', started_at = ?, ended_at = NULL, why = ?,"
            " entry_id = NULL, passes = NULL, passes_digest = NULL, receives ="
            " (SELECT passes FROM step_run WHERE pipeline_run_id = ? AND position = ?)"
            " WHERE id = ?",
            (now(), why, opened.id, position - 1, step_run_id),
        )
    return step_run_id


def end_step(project: Project, step_run_id: str, status: End, error: str | None = None) -> None:
    """Note that a step has ended."""
    with project.catalog.transaction() as rows:
        ended(rows, step_run_id, status, error)


def ended(
    rows: sqlite3.Connection, step_run_id: str, status: End, error: str | None = None
) -> None:
    """Note that a step has ended, in a transaction that says more of it."""
    rows.execute(
        "UPDATE step_run SET status = ?, ended_at = ?, error = ?"
        " WHERE id = ? AND status = 'running'",
        (status, now(), error, step_run_id),
    )


def taken(
    rows: sqlite3.Connection,
    opened: Opened,
    position: int,
    entry_id: str,
    passes: str | None,
    passes_digest: str | None,
    why: str,
) -> None:
    """Note that a step was not run: what it gave before was taken."""
    at = now()
    rows.execute(
        "UPDATE step_run SET status = 'cached', started_at = ?, ended_at = ?, passes = ?,"
        " passes_digest = ?, entry_id = ?, why = ?, receives ="
        " (SELECT passes FROM step_run WHERE pipeline_run_id = ? AND position = ?) WHERE id = ?",
        (at, at, passes, passes_digest, entry_id, why, opened.id, position - 1,
         opened.steps[position]),
    )  # fmt: skip


def passed(project: Project, step_run_id: str) -> tuple[str | None, str | None]:
    """Return the object with what a step passed on, and the digest of these values."""
    sql = "SELECT passes, passes_digest FROM step_run WHERE id = ?"
    row = project.catalog.row(sql, (step_run_id,))
    return (None, None) if row is None else (row["passes"], row["passes_digest"])


def note(project: Project, step_run_id: str, why: str) -> None:
    """Note why a step was run, or why what it gave is not kept."""
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE step_run SET why = ? WHERE id = ?", (why, step_run_id))


def has_passed(project: Project, step_run_id: str) -> bool:
    """Return whether a step has passed its values on."""
    row = project.catalog.row("SELECT passes FROM step_run WHERE id = ?", (step_run_id,))
    return row is not None and row["passes"] is not None


def cancelled(project: Project, pipeline_run_id: str) -> str | None:
    """Return who cancelled a run, in words; None: nobody did."""
    sql = "SELECT cancelled_by FROM pipeline_run WHERE id = ?"
    row = project.catalog.row(sql, (pipeline_run_id,))
    return f"cancelled by {row[0]}" if row is not None and row[0] else None


def end(project: Project, pipeline_run_id: str, status: End, error: str | None = None) -> None:
    """Note that a pipeline run has ended, and its Run with it; ended ones stay as they are."""
    reason = cancelled(project, pipeline_run_id)
    if reason is not None and status != "finished":
        status, error = "interrupted", reason
    query = "SELECT id, status FROM run WHERE pipeline_run_id = ?"
    run = project.catalog.row(query, (pipeline_run_id,))
    if run is not None:
        # first the Run: a kill after it leaves a pipeline run that the next start ends alike
        recorder.close_run(project, run["id"], status, error)
        run = project.catalog.row(query, (pipeline_run_id,))
    ended = status if run is None else run["status"]
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE step_run SET status = ?, ended_at = ?, error = coalesce(error, ?)"
            " WHERE pipeline_run_id = ? AND status = 'running'",
            (status, now(), error, pipeline_run_id),
        )
        rows.execute(
            "UPDATE pipeline_run SET status = ?, ended_at = ? WHERE id = ? AND status = 'running'",
            (ended, now(), pipeline_run_id),
        )


def reconcile(project: Project) -> None:
    """End the pipeline runs whose process is gone."""
    for row in project.catalog.rows(
        "SELECT id, host, pid, started_at FROM pipeline_run WHERE status = 'running'"
    ):
        if not is_alive(row["host"], row["pid"], row["started_at"]):
            end(project, row["id"], "interrupted", "its process ended before the pipeline did")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
