"""Running a pipeline: parameters are checked, then a process of its own executes the steps."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from mlops_jupyter import errors
from mlops_jupyter.errors import (
    CellFailedError,
    MlopsError,
    StoppedError,
    refused_by_disk,
)
from mlops_jupyter.pipelines import history, parameters, process, record
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import declared, read_declared
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror

LOG = "log.txt"


@dataclass(frozen=True, slots=True)
class StepProgress:
    """Where a pipeline run is.

    Attributes
    ----------
    step : str
    number, steps : int
        Which step of how many, from 1.
    cell, cells : int
        Which cell of how many, from 1; 0 while the kernel starts and the setup runs.
    status : str
        ``running``, ``finished``, or ``cached``: it was not run.
    """

    step: str
    number: int
    steps: int
    cell: int
    cells: int
    status: Literal["running", "finished", "cached"] = "running"


Progress = Callable[[StepProgress], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What the process that executes the steps is told.

    `given` and `parameters` are as JSON and without secrets, `injected` is the source that binds
    what was given, `environment` is what the kernels get besides.
    """

    root: str
    id: str
    pipeline: str
    notebook: str
    content: bytes
    given: dict[str, Any]
    parameters: dict[str, Any]
    injected: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    choice: Choice = field(default_factory=Choice)


@dataclass(frozen=True, slots=True)
class Event:
    """What that process tells: where it is, or how it failed."""

    progress: StepProgress | None = None
    failure: dict[str, str | None] | None = None


def run_pipeline(
    project: Project,
    name: str,
    given: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    *,
    hand_over: bool = True,
    choice: Choice | None = None,
) -> PipelineRun:
    """Run a pipeline that ``mlops.yaml`` declares.

    A step that is made of the same as before is not run again, what it gave is taken. So running
    again is resuming.

    Parameters
    ----------
    project : Project
    name : str
    given : mapping of str to value, optional
        Parameters; text is read as the type of the parameter.
    progress : callable, optional
        Called when a step or a cell begins, and when a step has ended.
    hand_over : bool
        Start the mirror to MLflow at the end; False for callers that copy the run themselves
        when it has succeeded.
    choice : Choice, optional
        What is to be run in any case.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline or parameter, or the notebook cannot be cut. Nothing has run.
    CellFailedError
        A cell raised; the executed notebook so far is kept.
    ExternalError
        A kernel died, or did not start.
    StoppedError
        Somebody cancelled it.
    """
    record.reconcile(project)
    pipeline = declared(project, name)
    made = cut_source(read_declared(project, pipeline), name)
    bound = parameters.bind(made.pipeline.parameters, given or {})
    choice = choice or Choice()
    choice.check([step.name for step in made.pipeline.steps])
    request = Request(
        root=str(project.root),
        id=secrets.token_hex(8),
        pipeline=name,
        notebook=pipeline.notebook,
        content=made.source.content,
        given=bound.given,
        parameters=bound.recorded,
        injected=bound.source,
        environment=bound.environment,
        choice=choice,
    )
    has_succeeded = False
    try:
        failure = _execute(project, request, progress)
        has_succeeded = failure is None
    finally:
        if hand_over or not has_succeeded:
            mirror.start(project)
    if failure is not None:
        raise failure
    return history.get(project, request.id)


def folder_of(project: Project, pipeline: str, pipeline_run_id: str) -> Path:
    """Return where the executed notebooks of a pipeline run are kept."""
    return project.folder / "pipelines" / pipeline / pipeline_run_id


def _execute(project: Project, request: Request, progress: Progress | None) -> MlopsError | None:
    folder = folder_of(project, request.pipeline, request.id)
    try:
        folder.mkdir(parents=True)
        with (folder / LOG).open("wb") as log:
            running = process.start("mlops_jupyter.pipelines", log)
    except OSError as error:
        raise refused_by_disk(folder, error) from error
    with running:
        try:
            failure = _listen(running, request, progress)
        except BaseException:
            process.stop(running)
            record.end(project, request.id, "interrupted", "interrupted")
            raise
    if running.returncode and failure is None:
        hint = f"what it wrote: {folder / LOG}"
        failure = process.ended(running.returncode, "pipeline", hint)
        record.end(project, request.id, "interrupted", failure.message)
    reason = record.cancelled(project, request.id) if failure is not None else None
    return failure if reason is None else StoppedError(f"the pipeline was {reason}")


def _listen(
    running: subprocess.Popen[bytes], request: Request, progress: Progress | None
) -> MlopsError | None:
    """Follow the process to its end."""
    failure = None
    for line in process.events(running, msgspec.json.encode(request)):
        event = msgspec.json.decode(line, type=Event)
        if event.failure is not None:
            failure = _error_of(event.failure)
        elif event.progress is not None and progress is not None:
            progress(event.progress)
    return failure


def failure_of(error: MlopsError) -> dict[str, str | None]:
    """Return an error as text, to be raised again in another process."""
    told = {"class": type(error).__name__, "message": error.message, "hint": error.hint}
    if isinstance(error, CellFailedError):
        told |= {
            "notebook": error.notebook,
            "cell": error.cell,
            "error": error.error,
            "traceback": error.traceback,
            "executed": error.executed,
        }
    return told


def _error_of(told: dict[str, str | None]) -> MlopsError:
    if told["class"] == CellFailedError.__name__:
        return CellFailedError(
            told["notebook"] or "",
            told["cell"] or "",
            told["error"] or "",
            traceback=told["traceback"] or "",
            executed=told["executed"],
        )
    kind = getattr(errors, told["class"] or "", MlopsError)
    error: MlopsError = kind.__new__(kind)
    MlopsError.__init__(error, told["message"] or "", hint=told["hint"])
    return error
