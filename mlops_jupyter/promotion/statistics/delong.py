"""The area under the ROC curve: its interval, and that of a paired difference.

DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44:837), from one sort of the scores as in
Sun and Xu (2014, IEEE Signal Process. Lett. 21:1389), with the degrees of freedom of Brunner and
Munzel (2000, Biom. J. 42:17), which matter where one class is rare, and the bounds moved out where
the placements are skewed (Hall 1992, J. R. Stat. Soc. B 54:221). Clusters as in Obuchowski (1997,
Biometrics 53:567).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlops_jupyter.promotion.statistics import student
from mlops_jupyter.promotion.statistics.interval import (
    Interval,
    check_pair,
    of_error,
    unbounded,
    undefined,
)
from mlops_jupyter.promotion.statistics.sample import (
    Groups,
    bad_values,
    check_level,
    groups,
    vector,
)

SEARCH = 60
"""Halvings in the search for Newcombe's bound."""


def auc(truth: Any, scores: Any, level: float = 0.05, clusters: Any = None) -> Interval:
    """Return the interval of the area under the ROC curve.

    Where the scores separate the classes perfectly there is no spread to see, and the bound is
    that of Newcombe (2006, Stat. Med. 25:559, method 5).

    Parameters
    ----------
    truth : array of bool, or of 0 and 1
    scores : array of float
        Higher for rows that are rather positive.
    level : float
        Of each bound.
    clusters : array, optional
        Rows of equal values are not independent of each other.

    Returns
    -------
    Interval
        Undefined with one class only, or scores that are not finite numbers.

    Raises
    ------
    ValueError
        Not one value of both per row, labels that are neither 0 nor 1, or no level.
    """
    check_level(level)
    positive, values, codes, found = _prepared(truth, (scores,), level, clusters, "DeLong")
    if found is not None:
        return found
    placed = placements(positive, values[0])
    value = float(placed[positive].mean())
    made = _of_placements(value, positive, placed, codes, level, (0.0, 1.0))
    if made.standard_error == 0 and value in {0.0, 1.0}:
        return _perfect(made, positive, codes)
    return made


def auc_difference(
    truth: Any, a: Any, b: Any, level: float = 0.05, clusters: Any = None
) -> Interval:
    """Return the interval of the difference of two areas on the same rows, ``a - b``.

    Scores that order all rows alike differ by exactly 0. Where both separate the classes
    perfectly though differently, the bounds are put together from those of the two areas as if
    these were independent (Zou and Donner 2008, Stat. Med. 27:1693).

    Parameters
    ----------
    truth, a, b : array
        One value per row, in the same order; see `auc`.
    level : float
        Of each bound.
    clusters : array, optional
        Rows of equal values are not independent of each other.

    Raises
    ------
    ValueError
        Not one value of each per row, labels that are neither 0 nor 1, or no level.
    """
    check_level(level)
    method = "paired DeLong"
    positive, values, codes, found = _prepared(truth, (a, b), level, clusters, method)
    if found is not None:
        return found
    first = placements(positive, values[0])
    second = placements(positive, values[1])
    gap = first - second
    value = float(first[positive].mean()) - float(second[positive].mean())
    made = _of_placements(value, positive, gap, codes, level, (-1.0, 1.0), method)
    if made.standard_error == 0 and not _same_order(*values):
        apart = (auc(truth, a, level, clusters), auc(truth, b, level, clusters))
        return combined(made, *apart)
    return made


def _same_order(first: Any, second: Any) -> bool:
    ranks = [np.unique(side, return_inverse=True)[1] for side in (first, second)]
    return bool(np.array_equal(ranks[0], ranks[1]))


def placements(positive: Any, scores: Any) -> Any:
    """Return for each row the share of rows of the other class that it is on the right side of.

    Ties count half. The mean over either class is the area under the ROC curve.

    Parameters
    ----------
    positive : array of bool
    scores : array of float
        All finite.
    """
    order = np.argsort(scores)
    ordered, hits = scores[order], positive[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    up_to = np.cumsum(hits, dtype=np.int64)
    ends = np.append(starts[1:], len(ordered))
    positives_to, all_to = up_to[ends - 1], ends
    positives_in = np.diff(positives_to, prepend=0)
    negatives_in = (ends - starts) - positives_in
    total = int(up_to[-1])
    below = (all_to - positives_to - negatives_in / 2) / (len(ordered) - total)
    above = (total - positives_to + positives_in / 2) / total
    if len(starts) < len(ordered):
        below, above = (np.repeat(side, ends - starts) for side in (below, above))
    placed = np.empty(len(ordered))
    placed[order] = np.where(hits, below, above)
    return placed


def _prepared(
    truth: Any, scores: tuple[Any, ...], level: float, clusters: Any, method: str
) -> tuple[Any, tuple[Any, ...], Groups | None, Interval | None]:
    labels = vector(truth, "labels")
    values = tuple(vector(column, "scores") for column in scores)
    for column in values:
        check_pair(labels, column)
    codes = groups(clusters, len(labels))
    count = len(labels) if codes is None else codes.count
    positive = labels == 1
    for column in (labels, *values):
        wrong = bad_values(column)
        if wrong is not None:
            return positive, values, codes, undefined(wrong, count, method, level)
    if not bool((positive | (labels == 0)).all()):
        raise ValueError("labels are 1 for the positive class and 0 for the other")
    if positive.all() or not positive.any():
        only = undefined("all rows are of one class", count, method, level)
        return positive, values, codes, only
    return positive, values, codes, None


def _of_placements(
    value: float, positive: Any, placed: Any, codes: Groups | None,
    level: float, limits: tuple[float, float], method: str = "DeLong",
) -> Interval:  # fmt: skip
    """Return the interval of a mean placement, or of a difference of them."""
    centred = placed - value
    if codes is not None:
        method += " by clusters"
        return _by_clusters(value, positive, centred, codes, level, limits, method)
    parts, sizes, cubes = [], [], 0.0
    for side in (centred[positive], centred[~positive]):
        if len(side) < 2:
            reason = "one row of a class says nothing of others"
            return unbounded(value, reason, len(placed), method, level, limits)
        parts.append(float(np.var(side, ddof=1)) / len(side))
        sizes.append(len(side) - 1)
        cubes += float((side * side) @ side) / len(side) ** 3
    variance = sum(parts)
    degrees = math.inf
    if variance > 0:
        degrees = variance**2 / sum(part**2 / size for part, size in zip(parts, sizes, strict=True))
    return of_error(
        value, math.sqrt(variance), len(placed), method, level, degrees, limits,
        _lean(cubes, variance),
    )  # fmt: skip


def _by_clusters(
    value: float, positive: Any, centred: Any, codes: Groups,
    level: float, limits: tuple[float, float], method: str,
) -> Interval:  # fmt: skip
    """Add up the placements of each cluster, of both classes and between them (Obuchowski)."""
    sums, held = [], []
    for side in (positive, ~positive):
        rows = side.astype(float)
        sums.append(codes.sums(centred * rows) / rows.sum())
        held.append(int(np.count_nonzero(codes.sums(rows))))
    if min(held) < 2:
        reason = "one cluster of a class says nothing of others"
        return unbounded(value, reason, codes.count, method, level, limits)
    factors = [size / (size - 1) for size in (*held, codes.count)]
    pairs = (sums[0] @ sums[0], sums[1] @ sums[1], 2 * sums[0] @ sums[1])
    variance = sum(float(pair) * by for pair, by in zip(pairs, factors, strict=True))
    error = math.sqrt(max(variance, 0.0))
    units = sums[0] + sums[1]
    lean = _lean(float((units * units) @ units), error**2)
    return of_error(value, error, codes.count, method, level, min(held) - 1, limits, lean)


def _lean(cubes: float, variance: float) -> float:
    """Return the skewness of a value from the sum of its parts' cubes."""
    return cubes / variance**1.5 if variance > 0 else 0.0


def _perfect(made: Interval, positive: Any, codes: Groups | None) -> Interval:
    """Return the interval of an area of 1 or 0."""
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if codes is not None:
        # each cluster counts as one row of each class that it holds
        ones, zeros = (int(np.count_nonzero(codes.sums(s))) for s in (positive, ~positive))
    quantile = student.quantile(made.level, made.degrees)
    bound = _newcombe(ones, zeros, quantile)
    lower, upper = (bound, 1.0) if made.value == 1 else (0.0, 1 - bound)
    return Interval(
        made.value, lower, upper, made.count, "Newcombe", (1 - bound) / quantile, made.level,
        made.degrees, is_skewed=True,
    )  # fmt: skip


def _newcombe(ones: int, zeros: int, quantile: float) -> float:
    """Return the area from which one of 1 is just as far as the quantile."""
    half = (ones + zeros) / 2 - 1
    low, high = 0.0, 1.0
    for _ in range(SEARCH):
        area = (low + high) / 2
        more = 1 + half * (1 - area) / (2 - area) + half * area / (1 + area)
        spread = math.sqrt(area * (1 - area) * more / (ones * zeros))
        low, high = (area, high) if 1 - area > quantile * spread else (low, area)
    return low


def combined(made: Interval, first: Interval, second: Interval) -> Interval:
    """Return a difference that shows no spread with bounds from those of its two sides."""
    lower = made.value - math.hypot(first.value - first.lower, second.upper - second.value)
    upper = made.value + math.hypot(first.upper - first.value, second.value - second.lower)
    if lower == upper:
        return made
    error = (upper - lower) / (2 * student.quantile(made.level, made.degrees))
    return Interval(
        made.value, max(lower, -1.0), min(upper, 1.0), made.count, first.method, error, made.level,
        made.degrees, is_skewed=True,
    )  # fmt: skip
