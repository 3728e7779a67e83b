"""Nouns of the pipelines layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mlops_jupyter.pipelines.kind import ANY, Kind

StepStatus = Literal["queued", "running", "finished", "cached", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A name that the `parameters` cell binds, and what the cell says of it.

    Attributes
    ----------
    name : str
    default : value
    kind : Kind
        Which values it takes: from its annotation, or else from its default.
    help : str
        From the comment after it, or above it.
    """

    name: str
    default: Any
    kind: Kind = ANY
    help: str = ""


@dataclass(frozen=True, slots=True)
class PipelineForm:
    """The JSON Schema of the parameters of a pipeline, from which a form is made."""

    pipeline: str
    notebook: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A cut of the notebook.

    Attributes
    ----------
    name : str
        From the tag ``step:NAME``.
    cells : tuple of int
        Positions of its cells in the source notebook, from 0.
    receives : tuple of str
        Variables that it needs from the steps before.
    passes : tuple of str
        Variables kept for the steps after: all that are still needed, so that those which
        share an object go on sharing it.
    before : tuple of str
        The steps that it follows.
    """

    name: str
    cells: tuple[int, ...]
    receives: tuple[str, ...]
    passes: tuple[str, ...]
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A notebook, or several, cut into steps; they stand in an order in which they can be run."""

    name: str
    notebook: str
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class StepRun:
    """One execution of one step.

    Attributes
    ----------
    step : str
    status : str
        ``cached``: it was not run, what it gave before was taken.
    started_at, ended_at : str or None
    executed : str or None
        Path of the executed notebook, from the project's root.
    error : str or None
    why : str or None
        Why it was run, or not, in words.
    failures : tuple of str
        The errors of its attempts that failed, the first one first.
    cell, cells : int or None
        At which cell of how many it is, from 1, while it is running.
    """

    step: str
    status: StepStatus
    started_at: str | None
    ended_at: str | None
    executed: str | None
    error: str | None
    why: str | None = None
    failures: tuple[str, ...] = ()
    cell: int | None = None
    cells: int | None = None


@dataclass(frozen=True, slots=True)
class LogPart:
    """A part of what the cells of a step have printed.

    Attributes
    ----------
    step : StepRun
        As it stands.
    text : str
    offset, next_offset : int
        In bytes: where the part begins, and where the next one does.
    is_ended : bool
        Nothing will come after it.
    """

    step: StepRun
    text: str
    offset: int
    next_offset: int
    is_ended: bool


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One execution of a pipeline; `run_id` is the Run that holds what it recorded."""

    id: str
    pipeline: str
    notebook: str
    parameters: dict[str, Any]
    status: Literal["running", "finished", "failed", "interrupted"]
    run_id: str | None
    started_at: str
    ended_at: str | None
    steps: tuple[StepRun, ...]


@dataclass(frozen=True, slots=True)
class PipelineSummary:
    """A pipeline that ``mlops.yaml`` declares, and its last runs, newest first."""

    name: str
    notebook: str
    runs: tuple[PipelineRun, ...]
