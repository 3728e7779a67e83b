"""Metrics that are smooth functions of all rows: how much each row moves them.

The influence of a row is the derivative of the metric by the row's weight. Its mean is 0 and its
standard error is that of the metric (the infinitesimal jackknife: Jaeckel 1972, Bell Labs Memo
72-1215-11; Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, ch. 6). Of the
area under the ROC curve it is DeLong's method.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from mlops_jupyter.promotion.statistics import student
from mlops_jupyter.promotion.statistics.delong import placements
from mlops_jupyter.promotion.statistics.interval import Interval, mean, of_error, rate
from mlops_jupyter.promotion.statistics.sample import groups

LARGEST = 1e75
"""Of values that are squared, and their influences squared again."""


class Influence(NamedTuple):
    """The value of a metric, and how much each row moves it.

    Attributes
    ----------
    value : float
    moved : array of float
    least : int
        Rows of the rarest class, of which alone a part of the spread is known; else all rows.
    """

    value: float
    moved: Any
    least: int


def interval(
    found: Influence,
    level: float,
    clusters: Any = None,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Return the t interval of a metric from the influence of its rows.

    Of a share that is 1 or 0 no row moves anything. It is a mean over the rows of a class, and no
    such mean is less sure than a rate of the rarest class: its bound is Wilson's.
    """
    if limits == (0.0, 1.0) and found.value in limits and not found.moved.any():
        return _perfect(found, level, clusters)
    made = mean(found.moved, level, clusters)
    if not made.is_defined:
        return made
    method = made.method.replace("t", "t of influences", 1)
    degrees = min(found.least, made.count) - 1
    if degrees < 1:
        only = of_error(found.value, math.nan, 1, method, level, limits=limits)
        return replace(only, count=made.count)
    # the correction n / (n - 1) of the variance, and the quantile, for as many rows as tell of it
    more = math.sqrt((degrees + 1) / degrees * (made.count - 1) / made.count)
    more *= student.quantile(level, degrees) / student.quantile(level, made.count - 1)
    return replace(
        made,
        value=found.value,
        lower=max(found.value + (made.lower - made.value) * more, limits[0]),
        upper=min(found.value + (made.upper - made.value) * more, limits[1]),
        method=method,
        standard_error=made.standard_error * more,
    )


def _perfect(found: Influence, level: float, clusters: Any) -> Interval:
    codes = groups(clusters, len(found.moved))
    count = len(found.moved) if codes is None else codes.count
    made = rate(np.full(min(found.least, count), found.value), level)
    return replace(made, count=count)


def difference(first: Influence, second: Influence) -> Influence:
    """Return the influences on the difference of a metric of two models."""
    return Influence(
        first.value - second.value, first.moved - second.moved, min(first.least, second.least)
    )


def rmse(truth: Any, predicted: Any) -> Influence:
    """Return the influences on the root of the mean squared error."""
    square = _squared(truth - predicted)
    value = float(np.sqrt(square.mean()))
    if value == 0:
        return Influence(0.0, np.zeros(len(square)), len(square))
    return Influence(value, (square - value * value) / (2 * value), len(square))


def _squared(values: Any) -> Any:
    largest = float(np.abs(values).max())
    if not largest < LARGEST:
        raise ValueError(f"{largest:g} is too large to be squared and added up")
    return values**2


def r2(truth: Any, predicted: Any) -> Influence:
    """Return the influences on the share of the variance that is explained."""
    square, spread = _squared(truth - predicted), _squared(truth - truth.mean())
    error, variance = square.mean(), spread.mean()
    if variance == 0:
        raise ValueError("all true values are the same")
    moved = -(square - error) / variance + error / variance**2 * (spread - variance)
    return Influence(float(1 - error / variance), moved, len(square))


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
    if ranking.ndim != 2:
        raise ValueError("there is no score of each class")
    if not np.isfinite(ranking).all():
        raise ValueError("the scores are not all finite numbers")
    found, least = [], len(codes)
    for column in range(ranking.shape[1]):
        positive = codes == column
        hits = int(np.count_nonzero(positive))
        least = min(least, hits, len(codes) - hits)
        if not least:
            raise ValueError("a class is in no row, or in all of them")
        found.append(one(positive, ranking[:, column]))
    count = len(found)
    value, moved = (sum(side) / count for side in zip(*found, strict=True))
    return Influence(float(value), moved, least)


def _one_auc(positive: Any, scores: Any) -> tuple[float, Any]:
    placed = placements(positive, scores)
    value = float(placed[positive].mean())
    total, hits = len(positive), np.count_nonzero(positive)
    weights = np.where(positive, total / hits, total / (total - hits))
    return value, weights * (placed - value)


def _one_precision(positive: Any, scores: Any) -> tuple[float, Any]:
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
