"""An earlier pipeline run executed again: its notebooks, parameters and data as they were."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import msgspec

from mlops_jupyter.config import JoinedNotebook
from mlops_jupyter.data.versions import PINS
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines import execute, history
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import NotebookFile, declared
from mlops_jupyter.pipelines.execute import Again, Progress
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import REPRODUCES, Project
from mlops_jupyter.runs.secret import MASK

_PINS = (
    "SELECT dataset, max(number) FROM run_data"
    " JOIN dataset_version ON dataset_version.id = version_id"
    " JOIN run ON run.id = run_id WHERE created_at < started_at"
    " AND (run.id = ? OR parent_run_id = ?) GROUP BY dataset"
)


def repeat(project: Project, pipeline_run_id: str, progress: Progress | None = None) -> PipelineRun:
    """Execute all steps of a pipeline run again.

    What is known of its steps is neither looked up nor changed. Its Run is marked as one that
    re-executes the other: it is not listed, and not copied to MLflow.

    Parameters
    ----------
    project : Project
    pipeline_run_id : str
    progress : callable, optional
        See `execute.run_pipeline`.

    Raises
    ------
    NotFoundError
        There is no such run, or ``mlops.yaml`` does not declare its pipeline any more.
    UsageError
        A parameter was a credential and was not written down, it recorded no run, or this is a
        re-execution itself.
    CellFailedError, ExternalError, StoppedError
        As `execute.run_pipeline`.
    IntegrityError
        A notebook that was kept is damaged or missing.
    """
    before = history.get(project, pipeline_run_id)
    if before.run_id is None:
        raise UsageError(f"the pipeline run {before.id} recorded no run")
    if REPRODUCES in os.environ:
        raise UsageError("a re-execution does not execute runs again")
    for name, value in before.parameters.items():
        if MASK in json.dumps(value, ensure_ascii=False, default=str):
            raise UsageError(f"its parameter {name!r} was a credential, and was not written down")
    pins = project.catalog.rows(_PINS, (before.run_id, before.run_id))
    environment = {
        **os.environ,
        REPRODUCES: before.run_id,
        PINS: msgspec.json.encode({row[0]: row[1] for row in pins}).decode(),
    }
    return execute.run_pipeline(
        project,
        before.pipeline,
        before.parameters,
        progress,
        hand_over=False,
        choice=Choice(cache=False),
        again=Again(tuple(_files(project, before)), environment),
    )


def _files(project: Project, before: PipelineRun) -> Iterator[NotebookFile]:
    """Yield the notebooks as they were kept, with what ``mlops.yaml`` says of them now."""
    said = declared(project, before.pipeline)
    rows = project.catalog.rows(
        "SELECT name, notebook, digest FROM pipeline_run_notebook WHERE pipeline_run_id = ?",
        (before.id,),
    )
    joined = {row["name"]: row for row in rows}
    if joined.keys() != said.joined.keys():
        raise UsageError(f"mlops.yaml joins other notebooks into {before.pipeline!r} now")
    for name, file in said.joined.items():
        content = project.objects.read(joined[name]["digest"])
        yield NotebookFile(name, joined[name]["notebook"], content, file)
    if not joined:
        sql = "SELECT notebook_digest FROM pipeline_run WHERE id = ?"
        row = project.catalog.row(sql, (before.id,))
        assert row is not None
        content = project.objects.read(row["notebook_digest"])
        yield NotebookFile("", before.notebook, content, JoinedNotebook(before.notebook))
