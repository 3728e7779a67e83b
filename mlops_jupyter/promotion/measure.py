"""What can be measured of models by a policy, and how sure it is: one entry for all metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mlops_jupyter.config import Model
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.promotion import metric
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.decision import CheckVerdict
from mlops_jupyter.promotion.flaw import reason
from mlops_jupyter.promotion.metric import Metric
from mlops_jupyter.promotion.statistics import comparison, power
from mlops_jupyter.promotion.statistics.interval import Interval

METRICS = metric.METRICS

FEWEST = 30
"""From fewer rows nobody can tell how many more it takes."""


def names(policy: Model) -> tuple[str, ...]:
    """Return the names of the metrics that a policy can ask for."""
    return (*metric.names(), *policy.evaluate.metrics)


def known(case: Case, name: str, whose: str) -> Metric:
    """Return a metric that was scored for the challenger.

    Raises
    ------
    NotFoundError
        There is no such metric, with the nearest name that there is.
    UsageError
        It is one of another kind of model.
    """
    if name not in METRICS:
        raise NotFoundError("metric that is scored", name, names(case.policy))
    challenger = case.challenger.evaluation
    if name not in challenger.metrics:
        raise UsageError(
            f"{whose} names the metric {name!r}, which is not scored for"
            f" {challenger.model} v{challenger.version}",
            hint=f"there is: {', '.join(challenger.metrics)}",
        )
    return METRICS[name]


def interval_of(case: Case, name: str) -> Interval:
    """Return the interval of a metric of the challenger."""
    return comparison.interval_of(
        name, case.challenger.scores, case.policy.level, case.rows.clusters
    )


def difference_of(case: Case, champion: Contender, name: str, rows: Any = None) -> Interval:
    """Return the interval of how much better the challenger is; positive when it is.

    Parameters
    ----------
    rows : numpy.ndarray of int, optional
        On which of the rows. Default: on all.
    """
    ours, theirs, clusters = case.challenger.scores, champion.scores, case.rows.clusters
    if rows is not None:
        needs = METRICS[name].needs
        ours, theirs = ours.take(rows, needs), theirs.take(rows, needs)
        clusters = None if clusters is None else clusters[rows]
    return comparison.difference_of(name, ours, theirs, case.policy.level, clusters)


def value_on(contender: Contender, name: str, rows: Any) -> float | None:
    """Return a metric on some of the rows."""
    known = METRICS[name]
    return metric.value(known, contender.scores.take(rows, known.needs))


def rows_needed(case: Case, interval: Interval, limit: float) -> int | None:
    """Return how many rows, or clusters, would settle on which side of a limit the truth is."""
    needed = power.rows_needed(interval, limit, level=case.policy.level)
    return None if needed is None else max(needed, FEWEST)


def undefined(name: str, contenders: Mapping[str, Contender]) -> tuple[CheckVerdict, str]:
    """Return the verdict on a metric that has no value for some of the contenders, and why."""
    sides = [
        side
        for side, one in contenders.items()
        if (value := one.evaluation.metrics.get(name)) is None or not math.isfinite(value)
    ]
    whom = " and the ".join(sides)
    needs = METRICS[name].needs
    reasons = {why for side in sides if (why := reason(needs, contenders[side].scores))}
    why = f": {'; '.join(sorted(reasons))}" if reasons else ""
    return "fail", f"{name} is not defined on these rows for the {whom}{why}"
