"""Metrics that are smooth functions of all rows: how much each row moves them.

The influence of a row is the derivative of the metric by the row's weight. Its mean is 0 and its
standard error is that of the metric (the infinitesimal jackknife: Jaeckel 1972, Bell Labs Memo
72-1215-11; Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, ch. 6). Of the
area under the ROC curve it is DeLong's method.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mlops_jupyter.promotion.statistics.delong import placements
from mlops_jupyter.promotion.statistics.interval import Interval, mean

Influence = tuple[float, Any]
"""The value of a metric, and how much each row moves it."""


def interval(
    found: Influence,
    level: float,
    clusters: Any = None,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Return the t interval of a metric from the influence of its rows."""
    value, moved = found
    made = mean(moved, level, clusters)
    if not made.is_defined:
        return made
    return replace(
        made,
        value=value,
        lower=max(value + made.lower, limits[0]),
        upper=min(value + made.upper, limits[1]),
        method=made.method.replace("t", "t of influences", 1),
    )


def difference(first: Influence, second: Influence) -> Influence:
    """Return the influences on the difference of a metric of two models."""
    return first[0] - second[0], first[1] - second[1]


def rmse(truth: Any, predicted: Any) -> Influence:
    """Return the influences on the root of the mean squared error."""
    square = (truth - predicted) ** 2
    value = float(np.sqrt(square.mean()))
    if value == 0:
        return 0.0, np.zeros(len(square))
    return value, (square - value * value) / (2 * value)


def r2(truth: Any, predicted: Any) -> Influence:
    """Return the influences on the share of the variance that is explained."""
    square = (truth - predicted) ** 2
    spread = (truth - truth.mean()) ** 2
    error, variance = square.mean(), spread.mean()
    if variance == 0:
        raise ValueError("all true values are the same")
    moved = -(square - error) / variance + error / variance**2 * (spread - variance)
    return float(1 - error / variance), moved


def roc_auc(codes: Any, ranking: Any) -> Influence:
    """Return the influences on the area under the ROC curve, the mean over the classes.

    Parameters
    ----------
    codes : array of int
        The column of each row's class.
    ranking : array
        Rows by classes.
    """
    return _over_classes(_one_auc, codes, ranking)


def average_precision(codes: Any, ranking: Any) -> Influence:
    """Return the influences on the average precision, the mean over the columns.

    Parameters
    ----------
    codes : array of int
        The column of each row's class; of a class without one, any other number.
    ranking : array
        Rows by classes; of two classes the positive one alone.
    """
    return _over_classes(_one_precision, codes, ranking)


def _over_classes(one: Any, codes: Any, ranking: Any) -> Influence:
    if not np.isfinite(ranking).all():
        raise ValueError("the scores are not all finite numbers")
    found = []
    for column in range(ranking.shape[1]):
        positive = codes == column
        if not positive.any() or positive.all():
            raise ValueError("a class is in no row, or in all of them")
        found.append(one(positive, ranking[:, column]))
    count = len(found)
    return sum(value for value, _ in found) / count, sum(moved for _, moved in found) / count


def _one_auc(positive: Any, scores: Any) -> Influence:
    placed = placements(positive, scores)
    value = float(placed[positive].mean())
    total, hits = len(positive), np.count_nonzero(positive)
    weights = np.where(positive, total / hits, total / (total - hits))
    return value, weights * (placed - value)


def _one_precision(positive: Any, scores: Any) -> Influence:
    """Return the influences on the average precision of one class.

    It is the mean over the positive rows of the precision at the threshold of each. A row moves
    the precision at its own threshold and at all that are lower.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], positive[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    found = np.cumsum(hits)[ends].astype(float)  # positive rows down to each threshold
    reached = (ends + 1).astype(float)
    precision = found / reached
    here = np.diff(found, prepend=0.0)
    total = found[-1]
    value = float((here * precision).sum() / total)
    # a positive row adds 1 - precision to each hit below, another takes away the precision
    gains = np.cumsum((here * (1 - precision) / reached)[::-1])[::-1]
    losses = np.cumsum((here * precision / reached)[::-1])[::-1]
    sizes = np.diff(ends, prepend=-1)
    own = np.repeat(precision - value + gains, sizes)
    other = np.repeat(-losses, sizes)
    moved = np.empty(len(ordered))
    moved[order] = np.where(hits, own, other) * (len(ordered) / total)
    return value, moved
