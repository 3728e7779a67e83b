"""Running a pipeline: parameters are checked, then a process of its own executes the steps."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from mlops_jupyter import errors
from mlops_jupyter.errors import (
    CellFailedError,
    MlopsError,
    StoppedError,
    UsageError,
    refused_by_disk,
)
from mlops_jupyter.pipelines import history, parameters, process, record
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import NotebookFile, declared, graph_of, read_files
from mlops_jupyter.pipelines.graph import Node
from mlops_jupyter.pipelines.limits import Limits
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror

LOG = "log.txt"

MOST_ELSEWHERE = 64
"""Steps that wait for a cluster at once, when nothing is said: each is a thread here."""


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
    error : str or None
        Why an attempt of the step has failed: it is tried again.
    """

    step: str
    number: int
    steps: int
    cell: int
    cells: int
    status: Literal["running", "finished", "cached"] = "running"
    error: str | None = None


Progress = Callable[[StepProgress], None]


@dataclass(frozen=True, slots=True)
class Member:
    """A run that is one of several: its id, the Run it is nested in, who follows its process."""

    id: str
    parent_run_id: str
    started: Callable[[subprocess.Popen[bytes]], None]


@dataclass(frozen=True, slots=True)
class Again:
    """A run that executes an earlier one again, see `mlops_jupyter.pipelines.repeat`.

    Attributes
    ----------
    files : tuple of NotebookFile
        The notebooks as they were.
    environment : mapping of str to str
        Of the process: all of it.
    """

    files: tuple[NotebookFile, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What the process that executes the steps is told.

    Attributes
    ----------
    root, id, pipeline : str
    files : tuple of NotebookFile
    given, parameters : dict
        As JSON and without secrets.
    injected : dict of str to str
        By the name of a notebook: the source that binds what was given.
    environment : dict of str to str
        What the kernels get besides.
    choice : Choice
    workers : int
        How many steps may run side by side.
    parent_run_id : str or None
        The Run in which that of this pipeline run is nested.
    limits : Limits
        In place of what ``mlops.yaml`` says.
    cluster : str or None
        Address of the Dask scheduler on whose workers they run.
    """

    root: str
    id: str
    pipeline: str
    files: tuple[NotebookFile, ...]
    given: dict[str, Any]
    parameters: dict[str, Any]
    injected: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    choice: Choice = field(default_factory=Choice)
    workers: int = 1
    parent_run_id: str | None = None
    limits: Limits = field(default_factory=Limits)
    cluster: str | None = None


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
    workers: int | None = None,
    member: Member | None = None,
    limits: Limits | None = None,
    pipeline_run_id: str | None = None,
    cluster: str | None = None,
    again: Again | None = None,
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
    workers : int, optional
        How many steps may run side by side, from 1. Default: as many as there are cores.
    member : Member, optional
        It is one of several: see `mlops_jupyter.pipelines.sweep`.
    limits : Limits, optional
        How often a step is tried, how long it may take and how much memory it may use, in place
        of what ``mlops.yaml`` says.
    pipeline_run_id : str, optional
        A new id, of callers that look at the run before it has ended.
    cluster : str, optional
        Address of a Dask scheduler, on whose workers the steps run. Default: they run here.
    again : Again, optional
        It executes an earlier run again. Default: the notebooks as they are now.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline or parameter, or the notebook cannot be cut. Nothing has run.
    CellFailedError
        A cell raised; the executed notebook so far is kept.
    ExternalError
        A kernel died or did not start, or a step was above a limit.
    StoppedError
        Somebody cancelled it.
    """
    files = again.files if again else read_files(project, declared(project, name))
    request = _request(project, name, files, given or {}, choice or Choice(), workers, cluster)
    if member is not None:
        request = replace(request, id=member.id, parent_run_id=member.parent_run_id)
    elif pipeline_run_id is not None:
        request = replace(request, id=pipeline_run_id)
    request = replace(request, limits=limits or Limits())
    has_succeeded = False
    try:
        failure = _execute(project, request, progress, member, again)
        has_succeeded = failure is None
    finally:
        if hand_over or not has_succeeded:
            mirror.start(project)
    if failure is not None:
        raise failure
    return history.get(project, request.id)


def _request(
    project: Project,
    name: str,
    files: tuple[NotebookFile, ...],
    given: Mapping[str, Any],
    choice: Choice,
    workers: int | None,
    cluster: str | None,
) -> Request:
    """Check all that can be checked before anything runs."""
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot run anything", hint="give 1 or more")
    record.reconcile(project)
    graph = graph_of(project.root, name, files)
    bound = parameters.bind(graph.pipeline.parameters, given)
    choice.check(graph.names)
    return Request(
        root=str(project.root),
        id=secrets.token_hex(8),
        pipeline=name,
        files=files,
        given=bound.given,
        parameters=bound.recorded,
        injected={node.notebook: _injected(node, given) for node in graph.nodes},
        environment=bound.environment,
        choice=choice,
        workers=workers or (MOST_ELSEWHERE if cluster else os.cpu_count() or 1),
        cluster=cluster,
    )


def _injected(node: Node, given: Mapping[str, Any]) -> str:
    """Return the source that binds the parameters of one notebook."""
    own = node.cut.pipeline.parameters
    names = {parameter.name for parameter in own}
    return parameters.bind(own, {k: v for k, v in given.items() if k in names}).source


def path_of(request: Request, node: Node) -> str:
    """Return the notebook of a step, from the project's root."""
    return next(file.path for file in request.files if file.name == node.notebook)


def folder_of(project: Project, pipeline: str, pipeline_run_id: str) -> Path:
    """Return where the executed notebooks of a pipeline run are kept."""
    return project.folder / "pipelines" / pipeline / pipeline_run_id


def _execute(
    project: Project,
    request: Request,
    progress: Progress | None,
    member: Member | None,
    again: Again | None,
) -> MlopsError | None:
    folder = folder_of(project, request.pipeline, request.id)
    try:
        folder.mkdir(parents=True)
        with (folder / LOG).open("wb") as log:
            module = "mlops_jupyter.cluster" if request.cluster else "mlops_jupyter.pipelines"
            running = process.start(module, log, again.environment if again else None)
    except OSError as error:
        raise refused_by_disk(folder, error) from error
    with running:
        try:
            if member is not None:
                member.started(running)
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
            failure = error_of(event.failure)
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


def error_of(told: dict[str, str | None]) -> MlopsError:
    """Return the error that `failure_of` told."""
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
