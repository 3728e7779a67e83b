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

from mlops_jupyter.pipelines import family
from mlops_jupyter.pipelines.declared import NotebookFile
from mlops_jupyter.pipelines.graph import Graph, Node
from mlops_jupyter.pipelines.values import Boundary
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.liveness import HOST, is_alive, is_here

End = Literal["finished", "failed", "interrupted"]

Given = Literal["cached", "finished"]
"""What becomes of a step that was not run here: it was known, or run elsewhere."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A pipeline run that has begun.

    Attributes
    ----------
    id : str
    run_id : str
        Of its Run.
    steps : tuple of str
        Ids of the runs of its steps.
    runs : tuple of str
        By step: the Run that holds what it records. Notebooks that are joined have one each,
        nested in that of the pipeline.
    """

    id: str
    run_id: str
    steps: tuple[str, ...]
    runs: tuple[str, ...]

    def whole(self, position: int) -> tuple[str, int] | None:
        """Return the Run of the pipeline, and the position, of a step that has another Run."""
        return (self.run_id, position) if self.runs[position] != self.run_id else None


def begin(
    project: Project,
    graph: Graph,
    files: Sequence[NotebookFile],
    *,
    pipeline_run_id: str,
    parameters: Mapping[str, Any],
    executed: Sequence[str],
    seeded: Collection[int] = (),
    parent_run_id: str | None = None,
    part_of: str | None = None,
) -> Opened:
    """Write down a pipeline run that this process will execute.

    Parameters
    ----------
    files : sequence of NotebookFile
        The source notebooks.
    parameters : mapping of str to value
        Of the run, defaults too.
    executed : sequence of str
        For each step, where its executed notebook will be, from the project's root.
    seeded : collection of int
        Positions of the steps before whose end code has seeded random numbers.
    parent_run_id : str, optional
        The Run in which that of this pipeline run is nested.
    part_of : str, optional
        The pipeline run on another machine for which this one runs a step.
    """
    name, notebook = graph.pipeline.name, ", ".join(file.path for file in files)
    steps = tuple(secrets.token_hex(8) for _ in graph.nodes)
    with contextlib.ExitStack() as stack:
        stack.enter_context(project.objects.held())
        digests = [project.objects.write(file.content) for file in files]
        rows = stack.enter_context(project.catalog.transaction())
        rows.execute(
            "INSERT INTO pipeline_run (id, pipeline, notebook, notebook_digest, parameters,"
            " status, host, pid, started_at, part_of)"
            " VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, ?)",
            (pipeline_run_id, name, notebook, digests[0], json.dumps(dict(parameters)),
             HOST, os.getpid(), now(), part_of),
        )  # fmt: skip
        if len(files) > 1:
            rows.executemany(
                "INSERT INTO pipeline_run_notebook (pipeline_run_id, name, notebook, digest)"
                " VALUES (?, ?, ?, ?)",
                [(pipeline_run_id, file.name, file.path, digest)
                 for file, digest in zip(files, digests, strict=True)],
            )  # fmt: skip
        _begin_steps(rows, graph, pipeline_run_id, steps, executed, seeded)
    run_id = recorder.open_run(
        project, name, notebook=notebook, pipeline_run_id=pipeline_run_id, parameters=parameters,
        parent_run_id=parent_run_id,
    )  # fmt: skip
    return Opened(pipeline_run_id, run_id, steps, _open_runs(project, graph, files, run_id, steps))


def _begin_steps(
    rows: sqlite3.Connection,
    graph: Graph,
    pipeline_run_id: str,
    steps: Sequence[str],
    executed: Sequence[str],
    seeded: Collection[int],
) -> None:
    rows.executemany(
        "INSERT INTO step_run (id, pipeline_run_id, step, position, status, boundary, executed)"
        " VALUES (?, ?, ?, ?, 'queued', ?, ?)",
        [
            (steps[at], pipeline_run_id, node.step.name, at,
             _json(_boundary(node, is_seeded=at in seeded)), executed[at])
            for at, node in enumerate(graph.nodes)
        ],
    )  # fmt: skip
    rows.executemany(
        "INSERT INTO step_before (pipeline_run_id, step_run_id, before_id, takes)"
        " VALUES (?, ?, ?, ?)",
        [
            (
                pipeline_run_id,
                steps[at],
                steps[before],
                _json(node.takes[before]) if before in node.takes else None,
            )
            for at, node in enumerate(graph.nodes)
            for before in node.before
        ],
    )


def _boundary(node: Node, *, is_seeded: bool) -> Boundary:
    if node.is_last:  # other notebooks have neither its code nor its random numbers
        return Boundary({}, frozenset(), is_seeded=False)
    return Boundary(dict(node.flow.definitions), frozenset(node.flow.recreated), is_seeded)


def _open_runs(
    project: Project,
    graph: Graph,
    files: Sequence[NotebookFile],
    run_id: str,
    steps: Sequence[str],
) -> tuple[str, ...]:
    """Open a Run for each of several notebooks."""
    runs = {
        file.name: recorder.open_run(project, file.name, notebook=file.path, parent_run_id=run_id)
        if file.name
        else run_id
        for file in files
    }
    found = tuple(runs[node.notebook] for node in graph.nodes)
    with project.catalog.transaction() as rows:
        rows.executemany(
            "UPDATE step_run SET run_id = ? WHERE id = ?",
            [(one, step) for one, step in zip(found, steps, strict=True) if one != run_id],
        )
    return found


def begin_step(project: Project, opened: Opened, position: int, why: str | None = None) -> str:
    """Note that a step begins, and hand it what the step before passed on; return its id."""
    step_run_id = opened.steps[position]
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE step_run SET status = 'running', started_at = ?, ended_at = NULL, why = ?,"
            " entry_id = NULL, passes = NULL, passes_digest = NULL WHERE id = ?",
            (now(), why, step_run_id),
        )
        _receive(rows, step_run_id)
    return step_run_id


def _receive(rows: sqlite3.Connection, step_run_id: str) -> None:
    """Hand a step what those before it passed on: of its own notebook all, of others a part."""
    rows.execute(
        "UPDATE step_before SET receives ="
        " (SELECT passes FROM step_run WHERE id = before_id AND takes IS NOT NULL)"
        " WHERE step_run_id = ?",
        (step_run_id,),
    )
    rows.execute(
        "UPDATE step_run SET receives = (SELECT before.passes FROM step_before"
        " JOIN step_run before ON before.id = before_id"
        " WHERE step_run_id = step_run.id AND before.run_id IS step_run.run_id)"
        " WHERE id = ?",
        (step_run_id,),
    )


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
    status: Given = "cached",
) -> None:
    """Note that a step was not run here: what it gave before, or elsewhere, was taken."""
    at = now()
    rows.execute(
        "UPDATE step_run SET status = ?, started_at = coalesce(started_at, ?), ended_at = ?,"
        " error = NULL, passes = ?,"
        " passes_digest = ?, entry_id = ?, why = ? WHERE id = ?",
        (status, at, at, passes, passes_digest, entry_id, why, opened.steps[position]),
    )
    _receive(rows, opened.steps[position])


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
        _end_notebooks(project, pipeline_run_id, status, error)
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


def _end_notebooks(project: Project, pipeline_run_id: str, status: End, error: str | None) -> None:
    """End the Runs of the notebooks: those of which all steps are done have finished."""
    for row in project.catalog.rows(
        "SELECT run_id, sum(status NOT IN ('finished', 'cached')) AS open,"
        " sum(status IN ('running', 'failed', 'interrupted')) AS broken FROM step_run"
        " WHERE pipeline_run_id = ? AND run_id IS NOT NULL GROUP BY run_id",
        (pipeline_run_id,),
    ):
        if not row["open"]:
            recorder.close_run(project, row["run_id"], "finished", None)
        else:
            ended_as = status if row["broken"] or status == "finished" else "interrupted"
            recorder.close_run(project, row["run_id"], ended_as, error)


def reconcile(project: Project) -> None:
    """End the pipeline runs whose process is gone, and what is left of it on this machine."""
    for row in project.catalog.rows(
        "SELECT id, host, pid, started_at, machine, beat_at FROM pipeline_run"
        " WHERE status = 'running'"
    ):
        beat_at = row["beat_at"] or row["started_at"]
        if not is_alive(row["host"], row["pid"], row["started_at"], row["machine"], beat_at):
            end(project, row["id"], "interrupted", "its process ended before the pipeline did")
            if is_here(row["host"], row["machine"]):
                steps = "SELECT id FROM step_run WHERE pipeline_run_id = ?"
                family.kill_left(step[0] for step in project.catalog.rows(steps, (row["id"],)))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
