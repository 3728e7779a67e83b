"""What can be measured of models by a policy, and how sure it is: one entry for all metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mlops_jupyter.config import Model
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.decision import CheckVerdict
from mlops_jupyter.promotion.scoring import metric, own, ranking
from mlops_jupyter.promotion.scoring.flaw import reason
from mlops_jupyter.promotion.scoring.metric import Metric, Scores
from mlops_jupyter.promotion.statistics import comparison, power
from mlops_jupyter.promotion.statistics.interval import Interval
from mlops_jupyter.promotion.statistics.interval import undefined as no_interval

FEWEST = 30
"""From fewer rows nobody can tell how many more it takes."""


def names(policy: Model) -> tuple[str, ...]:
    """Return the names of the metrics that a policy can ask for."""
    more = ranking.NAMES if policy.evaluate.group is not None else ()
    return (*metric.names(), *policy.evaluate.metrics, *more)


def known(case: Case, name: str, whose: str) -> Metric:
    """Return a metric that was scored for the challenger.

    Raises
    ------
    NotFoundError
        There is no such metric, with the nearest name that there is.
    UsageError
        It is one of another kind of model.
    """
    check_name(case.policy, name)
    if name not in case.metrics:
        raise NotFoundError("metric that is scored", name, names(case.policy))
    challenger = case.challenger.evaluation
    if name not in challenger.metrics:
        raise UsageError(
            f"{whose} names the metric {name!r}, which is not scored for"
            f" {challenger.model} v{challenger.version}",
            hint=f"there is: {', '.join(challenger.metrics)}",
        )
    return case.metrics[name]


def check_name(policy: Model, name: str) -> None:
    """Refuse a metric that nothing can score.

    Raises
    ------
    NotFoundError
        With the nearest name that there is.
    UsageError
        It ranks the rows of queries, and the policy does not say what a query is.
    """
    if ranking.is_ranking(name):
        if policy.evaluate.group is None:
            raise UsageError(
                f"{name} ranks the rows of a query, and nothing says which rows belong to one",
                hint="name the column: `evaluate.group` in mlops.yaml",
            )
    elif name not in metric.METRICS and name not in policy.evaluate.metrics:
        raise NotFoundError("metric that is scored", name, names(policy))


def interval_of(case: Case, name: str) -> Interval:
    """Return the interval of a metric of the challenger."""
    return _bounded(case, name, case.challenger.scores, None, case.rows.clusters)


def difference_of(case: Case, champion: Contender, name: str, rows: Any = None) -> Interval:
    """Return the interval of how much better the challenger is; positive when it is.

    Parameters
    ----------
    rows : numpy.ndarray of int, optional
        On which of the rows. Default: on all.
    """
    ours, theirs, clusters = case.challenger.scores, champion.scores, case.rows.clusters
    if rows is not None:
        needs = case.metrics[name].needs
        ours, theirs = ours.take(rows, needs), theirs.take(rows, needs)
        clusters = None if clusters is None else clusters[rows]
    return _bounded(case, name, ours, theirs, clusters)


def _bounded(case: Case, name: str, ours: Scores, theirs: Scores | None, clusters: Any) -> Interval:
    bounds, level = case.metrics[name].bounds, case.policy.level
    if bounds is None:
        if theirs is None:
            return comparison.interval_of(name, ours, level, clusters)
        return comparison.difference_of(name, ours, theirs, level, clusters)
    try:
        made: Interval = bounds(ours, theirs, level, clusters)
    except (ArithmeticError, TypeError, ValueError) as error:
        return no_interval(str(error), len(ours.truth), level=level)
    return made if theirs is None or case.metrics[name].greater_is_better else -made


def value_on(case: Case, contender: Contender, name: str, rows: Any) -> float | None:
    """Return a metric on some of the rows."""
    known = case.metrics[name]
    return own.score({name: known}, contender.scores.take(rows, known.needs))[0][name]


def rows_needed(case: Case, interval: Interval, limit: float) -> int | None:
    """Return how many rows, or clusters, would settle on which side of a limit the truth is."""
    needed = power.rows_needed(interval, limit, level=case.policy.level)
    return None if needed is None else max(needed, FEWEST)


def undefined(
    case: Case, name: str, contenders: Mapping[str, Contender]
) -> tuple[CheckVerdict, str]:
    """Return the verdict on a metric that has no value for some of the contenders, and why."""
    sides = [
        side
        for side, one in contenders.items()
        if (value := one.evaluation.metrics.get(name)) is None or not math.isfinite(value)
    ]
    whom = " and the ".join(sides)
    failed = {one.problems[name] for one in contenders.values() if name in one.problems}
    if failed:
        return "error", "; ".join(sorted(failed))
    needs = case.metrics[name].needs
    reasons = {why for side in sides if (why := reason(needs, contenders[side].scores))}
    why = f": {'; '.join(sorted(reasons))}" if reasons else ""
    return "fail", f"{name} is not defined on these rows for the {whom}{why}"
