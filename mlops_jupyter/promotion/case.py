"""What a gate judges: a challenger, and the champion if there is one, scored on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_jupyter.config import Model
from mlops_jupyter.models import estimator
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import Evaluation
from mlops_jupyter.promotion.scoring import evaluation, looks, metric, own, ranking
from mlops_jupyter.promotion.scoring.metric import METRICS, Metric, Scores
from mlops_jupyter.promotion.scoring.prediction import predict
from mlops_jupyter.promotion.scoring.rows import Rows
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
    problems : mapping of str to str
        Metrics of one's own whose function failed, and how.
    """

    version: ModelVersion
    estimator: Any
    run: Run
    scores: Scores
    evaluation: Evaluation
    problems: Mapping[str, str] = field(default_factory=dict)

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
    metrics : mapping of str to Metric
        All that a check may name.
    looks : int or None
        Candidates scored on these rows so far, the challenger included.
    """

    project: Project
    policy: Model
    rows: Rows
    challenger: Contender
    champion: Contender | None
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS)
    looks: int | None = None


def of(
    project: Project,
    policy: Model,
    rows: Rows,
    challenger: ModelVersion,
    champion: ModelVersion | None,
) -> Case:
    """Score a challenger, and the champion if there is one, on the same rows.

    Raises
    ------
    UsageError
        One cannot be loaded, or not be scored on these rows.
    CellFailedError
        An estimator's own code raised.
    IntegrityError
        What is stored of one is damaged or missing.
    """
    more = {**ranking.metrics(policy), **own.metrics(project, policy.evaluate)}
    return Case(
        project=project,
        policy=policy,
        rows=rows,
        challenger=scored(project, challenger, rows, more),
        champion=None if champion is None else scored(project, champion, rows, more, True),
        metrics={**METRICS, **more},
        looks=looks.count(project, challenger.model, rows.digest),
    )


def scored(
    project: Project,
    version: ModelVersion,
    rows: Rows,
    more: Mapping[str, Metric] | None = None,
    is_baseline: bool = False,
) -> Contender:
    """Load a version and score it, see `of`.

    Parameters
    ----------
    more : mapping of str to Metric, optional
        Metrics beside those that are always scored.
    is_baseline : bool
        It is a champion that another is compared with, and no candidate.
    """
    fitted = estimator.load(project, version)
    scores = predict(f"{version.model} v{version.version}", fitted, rows)
    values, problems = own.score(more or {}, scores)
    values = {**metric.score(scores), **values}
    kept = evaluation.keep(
        project, version.model, version.version, scores, rows, values, is_baseline=is_baseline
    )
    return Contender(version, fitted, history.get(project, version.run_id), scores, kept, problems)
