"""Which method bounds which metric: of one model, and of two on the same rows.

================================  =====================================================
accuracy, recall of two classes   Wilson; the difference Tango
log_loss, brier, mae              t of the losses; the difference paired
rmse, r2                          t of the influence of each row
roc_auc                           DeLong; of more than two classes t of influences
average_precision                 t of the influence of each row
precision, f1, balanced_accuracy  multinomial bootstrap of the table of counts; with
                                  clusters Poisson bootstrap
================================  =====================================================

The values are those of `scoring.metric`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlops_jupyter.promotion.scoring import metric
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.statistics import bootstrap, confusion, delong, influence, loss
from mlops_jupyter.promotion.statistics.interval import (
    Interval,
    mean,
    rate,
    rate_difference,
    unbounded,
    undefined,
)
from mlops_jupyter.promotion.statistics.sample import Groups, check_level, groups

SHARE = (0.0, 1.0)


def interval_of(
    metric_name: str, scores: Scores, level: float = 0.05, clusters: Any = None
) -> Interval:
    """Return the interval of a metric.

    Parameters
    ----------
    metric_name : str
        One of `metric.names()`.
    scores : Scores
    level : float
        Of each bound.
    clusters : array, optional
        One per row; rows of equal values are not independent of each other.

    Returns
    -------
    Interval
        Undefined, with the reason, where the metric is.

    Raises
    ------
    NotFoundError
        There is no such metric.
    ValueError
        Not one cluster per row, or no level.
    """
    check_level(level)
    metric.get(metric_name)
    told = groups(clusters, len(scores.truth))
    try:
        return _METHODS[metric_name].single(scores, level, clusters)
    except (ArithmeticError, TypeError, ValueError) as error:
        return undefined(str(error), _count(scores, told), level=level)


def difference_of(
    metric_name: str,
    challenger_scores: Scores,
    champion_scores: Scores,
    level: float = 0.05,
    clusters: Any = None,
) -> Interval:
    """Return the interval of how much better the challenger is, on the same rows.

    Models whose predictions are the same to the last bit, in probabilities too, differ by exactly
    0. Where only labels are known, equal ones do not prove that the models are.

    Parameters
    ----------
    metric_name : str
        One of `metric.names()`.
    challenger_scores, champion_scores : Scores
    level : float
        Of each bound.
    clusters : array, optional
        One per row; rows of equal values are not independent of each other.

    Returns
    -------
    Interval
        Positive where the challenger is better, whichever way the metric goes. Undefined, with
        the reason, where the metric is for either.

    Raises
    ------
    NotFoundError
        There is no such metric.
    ValueError
        The two are of different rows, not one cluster per row, or no level.
    """
    check_level(level)
    chosen = metric.get(metric_name)
    if not _equal(challenger_scores.truth, champion_scores.truth):
        raise ValueError("challenger and champion were not scored on the same rows")
    told = groups(clusters, len(challenger_scores.truth))
    try:
        made = _METHODS[metric_name].paired(challenger_scores, champion_scores, level, clusters)
    except (ArithmeticError, TypeError, ValueError) as error:
        return undefined(str(error), _count(challenger_scores, told), level=level)
    if made.is_defined and _same(challenger_scores, champion_scores):
        return Interval(0.0, 0.0, 0.0, made.count, "the same predictions", 0.0, level)
    return made if chosen.greater_is_better else -made


def _count(scores: Scores, told: Groups | None) -> int:
    return len(scores.truth) if told is None else told.count


def _equal(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return first is second
    if first is second:
        return True
    is_float = first.dtype.kind == second.dtype.kind == "f"
    return bool(np.array_equal(first, second, equal_nan=is_float))


def _same(first: Scores, second: Scores) -> bool:
    """Whether two models say the same of all rows, and say more than a label."""
    if first.classes is not None and first.probabilities is None and first.decision is None:
        return False
    names = ("classes", "predicted", "probabilities", "decision")
    return all(_equal(getattr(first, name), getattr(second, name)) for name in names)


@dataclass(frozen=True, slots=True)
class _Method:
    """How a metric is bounded; both in the direction in which the metric is written."""

    single: Callable[[Scores, float, Any], Interval]
    paired: Callable[[Scores, Scores, float, Any], Interval]


def _of_losses(losses: Callable[[Scores], Any]) -> _Method:
    def single(scores: Scores, level: float, clusters: Any) -> Interval:
        return mean(losses(scores), level, clusters)

    def paired(a: Scores, b: Scores, level: float, clusters: Any) -> Interval:
        made = mean(losses(a) - losses(b), level, clusters)
        return replace(made, method=f"paired {made.method}")

    return _Method(single, paired)


def _of_influence(
    influences: Callable[[Scores], influence.Influence], limits: tuple[float, float]
) -> _Method:
    width = limits[1] - limits[0]

    def single(scores: Scores, level: float, clusters: Any) -> Interval:
        return influence.interval(influences(scores), level, clusters, limits)

    def paired(a: Scores, b: Scores, level: float, clusters: Any) -> Interval:
        sides = influences(a), influences(b)
        made = influence.interval(influence.difference(*sides), level, clusters, (-width, width))
        if limits == SHARE and made.standard_error == 0:
            # both are perfect: what little is known of either is all that is known
            apart = (influence.interval(side, level, clusters, limits) for side in sides)
            return delong.combined(made, *apart)
        return replace(made, method=f"paired {made.method}")

    return _Method(single, paired)


def _accuracy(scores: Scores, level: float, clusters: Any) -> Interval:
    return rate(loss.hits(scores), level, clusters)


def _accuracy_difference(a: Scores, b: Scores, level: float, clusters: Any) -> Interval:
    return rate_difference(loss.hits(a), loss.hits(b), level, clusters)


def _roc_auc(scores: Scores, level: float, clusters: Any) -> Interval:
    if scores.is_binary:
        return delong.auc(loss.positive(scores), _ranking(scores), level, clusters)
    return _AREAS.single(scores, level, clusters)


def _roc_auc_difference(a: Scores, b: Scores, level: float, clusters: Any) -> Interval:
    if a.is_binary and b.is_binary:
        truth = loss.positive(a)
        return delong.auc_difference(truth, _ranking(a), _ranking(b), level, clusters)
    return _AREAS.paired(a, b, level, clusters)


def _ranking(scores: Scores) -> Any:
    return np.asarray(scores.ranking(), dtype=float)


def _areas(scores: Scores) -> influence.Influence:
    chances = loss.probabilities(scores)
    if not np.allclose(chances.sum(axis=1), 1):
        raise ValueError("the probabilities of a row do not add up to 1")
    return influence.roc_auc(loss.codes(scores), chances)


def _precisions(scores: Scores) -> influence.Influence:
    ranking = _ranking(scores)
    if scores.is_binary:
        codes = np.where(loss.positive(scores), 0, 1)
        return influence.average_precision(codes, ranking[:, None])
    return influence.average_precision(loss.codes(scores), ranking)


def _rmse(scores: Scores) -> influence.Influence:
    return influence.rmse(loss.numbers(scores.truth), loss.numbers(scores.predicted))


def _r2(scores: Scores) -> influence.Influence:
    return influence.r2(loss.numbers(scores.truth), loss.numbers(scores.predicted))


_AREAS = _of_influence(_areas, SHARE)


def _recall(scores: Scores, level: float, clusters: Any) -> Interval:
    if not scores.is_binary:
        return _MACRO_RECALL.single(scores, level, clusters)
    found = _of_positives(scores)
    made = rate(_hit_positives(scores, found), level, _some(clusters, found))
    return replace(made, count=_count(scores, groups(clusters, len(found))))


def _recall_difference(a: Scores, b: Scores, level: float, clusters: Any) -> Interval:
    if not (a.is_binary and b.is_binary):
        return _MACRO_RECALL.paired(a, b, level, clusters)
    found = _of_positives(a)
    hits = (_hit_positives(a, found), _hit_positives(b, found))
    made = rate_difference(*hits, level, _some(clusters, found))
    return replace(made, count=_count(a, groups(clusters, len(found))))


def _of_positives(scores: Scores) -> Any:
    found = scores.positive
    if not found.any():
        raise ValueError("no row is of the positive class")
    return found


def _hit_positives(scores: Scores, found: Any) -> Any:
    return (scores.predicted == scores.classes[1])[found]


def _some(clusters: Any, rows: Any) -> Any:
    return None if clusters is None else np.asarray(clusters)[rows]


def _of_counts(binary: bootstrap.Counted, many: bootstrap.Counted) -> _Method:
    def single(scores: Scores, level: float, clusters: Any) -> Interval:
        return _counted(scores, None, level, clusters)

    def paired(a: Scores, b: Scores, level: float, clusters: Any) -> Interval:
        return _counted(a, b, level, clusters)

    def _counted(a: Scores, b: Scores | None, level: float, clusters: Any) -> Interval:
        statistic = binary if a.is_binary else many
        truth, *predicted = _labels(a, b)
        classes = [False, True] if a.is_binary else None
        if clusters is None:
            return bootstrap.of_counts(statistic, truth, predicted[0], level, *predicted[1:],
                                       classes=classes)  # fmt: skip
        weighted = bootstrap.weighted_counts(statistic, [truth, *predicted], classes)
        made = bootstrap.of_weights(weighted, len(truth), level, clusters)
        if made.standard_error > 0 or not made.is_defined:
            return made
        reason = "no row is wrong" if b is None else "no row tells the models apart"
        limits = SHARE if b is None else (-1.0, 1.0)
        return unbounded(made.value, reason, made.count, made.method, level, limits)

    return _Method(single, paired)


def _labels(a: Scores, b: Scores | None) -> list[Any]:
    """Return the labels that are counted: of two classes whether they are the positive one."""
    sides = [a] if b is None else [a, b]
    if a.is_binary:
        return [a.positive, *(side.predicted == side.classes[1] for side in sides)]
    return [a.truth, *(side.predicted for side in sides)]


_MACRO_RECALL = _of_counts(confusion.recall, confusion.macro_recall)

_METHODS = {
    "accuracy": _Method(_accuracy, _accuracy_difference),
    "balanced_accuracy": _of_counts(confusion.balanced_accuracy, confusion.balanced_accuracy),
    "f1": _of_counts(confusion.f1, confusion.macro_f1),
    "precision": _of_counts(confusion.precision, confusion.macro_precision),
    "recall": _Method(_recall, _recall_difference),
    "roc_auc": _Method(_roc_auc, _roc_auc_difference),
    "average_precision": _of_influence(_precisions, SHARE),
    "log_loss": _of_losses(loss.log_loss),
    "brier": _of_losses(loss.brier),
    "rmse": _of_influence(_rmse, (0.0, math.inf)),
    "mae": _of_losses(loss.mae),
    "r2": _of_influence(_r2, (-math.inf, 1.0)),
}
