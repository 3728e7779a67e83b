"""What a gate judges: a challenger, and the champion if there is one, scored on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_jupyter.config import Model
from mlops_jupyter.models import estimator
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import evaluation
from mlops_jupyter.promotion.decision import Evaluation
from mlops_jupyter.promotion.metric import Scores
from mlops_jupyter.promotion.prediction import predict
from mlops_jupyter.promotion.rows import Rows
from mlops_jupyter.runs import history
from mlops_jupyter.runs.run import Run


@dataclass(frozen=True, slots=True)
class Contender:
    """A model version with what it says of the rows.

    Attributes
    ----------
    version : ModelVersion
    estimator : fitted estimator
    run : Run
        The one that made it: its metrics, its data.
    scores : Scores
        Row by row.
    evaluation : Evaluation
        The metrics, as they are kept.
    """

    version: ModelVersion
    estimator: Any
    run: Run
    scores: Scores
    evaluation: Evaluation

    def __str__(self) -> str:
        return f"{self.version.model} v{self.version.version}"


@dataclass(frozen=True, slots=True)
class Case:
    """All that the checks of a gate look at.

    Attributes
    ----------
    project : Project
    policy : config.Model
    rows : Rows
        The rows on which both were scored.
    challenger : Contender
    champion : Contender or None
    """

    project: Project
    policy: Model
    rows: Rows
    challenger: Contender
    champion: Contender | None


def scored(project: Project, version: ModelVersion, rows: Rows) -> Contender:
    """Load a version and score it, see `evaluation.evaluate`.

    Raises
    ------
    UsageError
        It cannot be loaded, or not be scored on these rows.
    CellFailedError
        The estimator's own code raised.
    IntegrityError
        What is stored of it is damaged or missing.
    """
    fitted = estimator.load(project, version)
    scores = predict(f"{version.model} v{version.version}", fitted, rows)
    kept = evaluation.keep(project, version.model, version.version, scores, rows)
    return Contender(version, fitted, history.get(project, version.run_id), scores, kept)
