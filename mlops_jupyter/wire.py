"""What leaves the process: JSON of the nouns, and the JSON Schema of that JSON.

The TypeScript types of the panel are generated from `schema`, never typed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from .data.dataset import Dataset
from .pipelines.pipeline import PipelineSummary
from .promotion.decision import ModelSummary
from .runs.run import RunDetail, RunPage
from .runs.series import RunSeries


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
class Models:
    """All models, by name."""

    models: tuple[ModelSummary, ...]


ANSWERS = (ProjectInfo, RunPage, RunDetail, RunSeries, Datasets, Pipelines, Models)


def encode(answer: object) -> bytes:
    """Return the JSON of an answer; NaN and infinities become null."""
    return msgspec.json.encode(answer)


def schema() -> dict[str, Any]:
    """Return one JSON Schema with a definition for each answer and each noun in it."""
    _, definitions = msgspec.json.schema_components(ANSWERS, ref_template="#/$defs/{name}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": definitions}
