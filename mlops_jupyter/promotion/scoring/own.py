"""Metrics of the project's own: ``function(truth, predicted)`` returns a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlops_jupyter.config import Evaluate
from mlops_jupyter.errors import UsageError, last_line
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import function
from mlops_jupyter.promotion.scoring import metric, ranking
from mlops_jupyter.promotion.scoring.metric import Metric, Scores
from mlops_jupyter.promotion.statistics import bootstrap
from mlops_jupyter.promotion.statistics.interval import Interval

SEED = 0
"""Of the bootstrap: the same rows have the same bounds."""


class OwnMetricError(Exception):
    """A function of the project raised, or returned what is no number."""


@dataclass(frozen=True)
class _Own:
    """A function, imported when it is called first."""

    project: Project
    written: str

    @cached_property
    def function(self) -> Callable[..., Any]:
        return function.load(self.project, self.written)

    def __call__(self, scores: Scores) -> float:
        return self.on(scores.truth.copy(), scores.predicted.copy())

    def on(self, truth: Any, predicted: Any) -> float:
        """Return the number, for arrays that the function may do with what it likes."""
        try:
            called = self.function
            with function.importable(self.project):
                found = called(truth, predicted)
        except (Exception, SystemExit) as error:
            raise OwnMetricError(f"{self.written} raised {last_line(error)}") from error
        if isinstance(found, str | bytes) or not hasattr(found, "__float__") or _is_array(found):
            raise OwnMetricError(f"{self.written} returned {_shown(found)}, and no number")
        number = float(found)
        if not math.isfinite(number):
            raise OwnMetricError(f"{self.written} returned {number}, and no number")
        return number

    def bounds(self, ours: Scores, theirs: Scores | None, level: float, clusters: Any) -> Interval:
        """Return the interval of the metric, or of a difference, by a bootstrap over rows."""

        def drawn(rows: Any) -> float:
            truth = ours.truth[rows]
            try:
                value = self.on(truth.copy(), ours.predicted[rows])
                return value if theirs is None else value - self.on(truth, theirs.predicted[rows])
            except OwnMetricError:  # not defined on this draw
                return math.nan

        return bootstrap.of_rows(drawn, len(ours.truth), level, clusters, seed=SEED)


def metrics(project: Project, evaluate: Evaluate) -> dict[str, Metric]:
    """Return the metrics that a policy defines. Their functions are imported when they are called.

    Raises
    ------
    UsageError
        One has the name of a metric that there is.
    """
    made = {}
    for name, asked in evaluate.metrics.items():
        if name in metric.METRICS or ranking.is_ranking(name):
            raise UsageError(
                f"`evaluate.metrics` defines {name!r}, and there is a metric of that name",
                hint="give it another name",
            )
        called = _Own(project, asked.function)
        made[name] = Metric(
            name, asked.greater_is_better, called, is_share=False, bounds=called.bounds
        )
    return made


def check(project: Project, evaluate: Evaluate) -> None:
    """Refuse metrics whose functions are not there, before anything is scored.

    Raises
    ------
    NotFoundError, UsageError
        The module or the function is not there, or cannot be imported.
    """
    for name in metrics(project, evaluate):
        function.load(project, evaluate.metrics[name].function)


def score(
    asked: Mapping[str, Metric], scores: Scores
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the values of metrics, and of those whose function failed, in words, how."""
    values: dict[str, float | None] = {}
    problems = {}
    for name, one in asked.items():
        try:
            values[name] = metric.value(one, scores)
        except OwnMetricError as error:
            values[name] = None
            problems[name] = str(error)
    return values, problems


def _is_array(found: Any) -> bool:
    return getattr(found, "ndim", 0) != 0


def _shown(found: Any) -> str:
    try:
        text = repr(found)
    except Exception:  # noqa: BLE001 - the project's own code
        text = f"a {type(found).__name__}"
    return " ".join(text.split())[:60]
