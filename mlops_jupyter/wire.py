"""What leaves the process: JSON of the nouns, and the JSON Schema of that JSON.

The TypeScript types of the panel are generated from `schema`, never typed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from .data.dataset import Dataset
from .errors import UsageError
from .pipelines.pipeline import LogPart, PipelineForm, PipelineSummary
from .promotion.decision import Decision, ModelSummary, Waiting
from .runs.notebook import NotebookCell
from .runs.run import RunDetail, RunPage
from .runs.series import RunSeries
from .runs.state import NotebookState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProjectInfo:
    """Which project the panel shows.

    `root` is the project's folder, from the server's root; None when there is no project,
    and then `hint` says what to do. `waiting` counts the runs that MLflow does not have yet,
    `mirror_error` is why the last try failed.
    """

    name: str | None
    root: str | None
    hint: str | None
    waiting: int
    mirror_error: str | None


@dataclass(frozen=True, slots=True)
class Datasets:
    """All datasets, by name."""

    datasets: tuple[Dataset, ...]


@dataclass(frozen=True, slots=True)
class Pipelines:
    """All pipelines that ``mlops.yaml`` declares, by name."""

    pipelines: tuple[PipelineSummary, ...]


@dataclass(frozen=True, slots=True)
class PipelinePicture:
    """The steps of a pipeline, and what goes from one to another, as a Mermaid flowchart."""

    pipeline: str
    mermaid: str


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """A run to begin: the parameters that differ from their defaults, as values or as text.

    `force`: steps that are known are run again, too.
    """

    parameters: dict[str, Any]
    force: bool = False


@dataclass(frozen=True, slots=True)
class Models:
    """All models, by name."""

    models: tuple[ModelSummary, ...]


@dataclass(frozen=True, slots=True)
class ApproveRequest:
    """A yes to the decision with this id: the one that the person saw."""

    decision: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class PromoteRequest:
    """The version of the decision with this id is to be champion."""

    decision: str


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """Back from the champion that the person saw to the version that was announced."""

    champion: int | None
    to: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What came of it: the alias was moved by a decision, or it waits and was not moved."""

    decision: Decision | None
    waiting: Waiting | None


@dataclass(frozen=True, slots=True)
class LiveCell:
    """A code cell as an editor holds it; `may_raise`: tagged ``raises-exception``."""

    id: str
    source: str
    may_raise: bool


@dataclass(frozen=True, slots=True)
class LiveNotebook:
    """The code cells of a notebook, in order, whether they are saved or not."""

    cells: tuple[LiveCell, ...]


ANSWERS = (
    ProjectInfo, RunPage, RunDetail, RunSeries, Datasets, Pipelines, PipelineForm,
    PipelinePicture, LogPart, Models, Promotion, NotebookState,
)  # fmt: skip

QUESTIONS = (LiveNotebook, LaunchRequest, ApproveRequest, PromoteRequest, RollbackRequest)


def encode(answer: object) -> bytes:
    """Return the JSON of an answer; NaN and infinities become null."""
    return msgspec.json.encode(answer)


def decode_notebook(content: bytes) -> tuple[NotebookCell, ...]:
    """Return the code cells that an editor sent.

    Raises
    ------
    UsageError
        It is something else.
    """
    try:
        sent = msgspec.json.decode(content, type=LiveNotebook)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not the cells of a notebook: {error}") from None
    return tuple(NotebookCell(c.id, c.source, may_raise=c.may_raise) for c in sent.cells)


def decode_launch(content: bytes) -> LaunchRequest:
    """Return which run is to begin.

    Raises
    ------
    UsageError
        It is something else.
    """
    return _decoded(content, LaunchRequest, "the parameters of a run")


def decode_approval(content: bytes) -> ApproveRequest:
    """Return what is approved.

    Raises
    ------
    UsageError
        It is something else.
    """
    return _decoded(content, ApproveRequest, "an approval")


def decode_promotion(content: bytes) -> PromoteRequest:
    """Return what is to be champion.

    Raises
    ------
    UsageError
        It is something else.
    """
    return _decoded(content, PromoteRequest, "a promotion")


def decode_rollback(content: bytes) -> RollbackRequest:
    """Return where to roll back.

    Raises
    ------
    UsageError
        It is something else.
    """
    return _decoded(content, RollbackRequest, "a rollback")


def _decoded(content: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"not {what}: {error}") from None


def schema() -> dict[str, Any]:
    """Return one JSON Schema with a definition for each answer and each noun in it."""
    _, definitions = msgspec.json.schema_components(
        ANSWERS + QUESTIONS, ref_template="#/$defs/{name}"
    )
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": definitions}
