"""Intervals of metrics that have no formula, from the rows drawn again and again.

The bounds are percentiles, farther out for few rows (Hesterberg 2015, Am. Stat. 69:371, the
expanded percentile interval). A draw on which the metric is not defined counts as the worst for
either bound. All draws are made from a seed: the same rows have the same bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mlops_jupyter.promotion.statistics import student
from mlops_jupyter.promotion.statistics.confusion import Counts
from mlops_jupyter.promotion.statistics.interval import Interval, unbounded, undefined
from mlops_jupyter.promotion.statistics.sample import check_level, groups

RESAMPLES = 10_000
"""Of a table of counts."""
FEWEST = 200
MOST = 2_000
"""Of rows: as many as the work allows."""
MORE = 2.0
"""Rows that are added to a table of counts for the draws."""
WORK = 20_000_000
"""Rows in all resamples together."""
WORK_OF_CELLS = 4_000_000
BATCH = 2_000_000

Counted = Callable[[Counts], Any]
"""A metric of tables of counts, such as those of `confusion`."""


def of_counts(
    statistic: Counted,
    truth: Any,
    predictions: Any,
    level: float = 0.05,
    against: Any = None,
    *,
    classes: Any = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the interval of a metric that depends on how often which class was taken for which.

    Rows that agree in the true class and in both predictions are alike, so the counts of these
    cells are drawn, from a multinomial distribution (Efron 1979, Ann. Stat. 7:1). That costs the
    same for any number of rows. As cells that are empty or nearly so hide how much may change,
    `MORE` rows are spread over all classes before, half of them wrong (Agresti and Coull 1998,
    Am. Stat. 52:119), and for two models half of them wrong by either (Agresti and Min 2005,
    Stat. Med. 24:729).

    Parameters
    ----------
    statistic : callable
        Gets the `Counts` of many tables, returns one value for each.
    truth, predictions : array
        Labels, one per row.
    level : float
        Of each bound.
    against : array, optional
        Predictions of another model for the same rows: the interval is of the difference.
    classes : array, optional
        The first classes, in order, whether they are in a row or not; others follow sorted.
    resamples, seed : int

    Raises
    ------
    ValueError
        Not as many labels of each, or no level.
    """
    check_level(level)
    columns = [np.asarray(truth), np.asarray(predictions)]
    columns += [] if against is None else [np.asarray(against)]
    codes, known = coded(columns, classes)
    rows = len(columns[0])
    method = f"bootstrap of {resamples:,}"
    missing = int((codes < 0).any(axis=0).sum())
    if missing:
        return undefined(f"{missing:,} of {rows:,} labels are missing", rows, method, level)
    if against is not None:
        return _mirrored(statistic, codes, known, level, resamples, seed)
    cells, counts = _cells(codes, known)
    value, draws = _drawn(statistic, cells, counts, known, resamples, seed)
    return of_draws(value, draws, rows, level)


def _mirrored(
    statistic: Counted, codes: Any, classes: int, level: float, resamples: int, seed: int
) -> Interval:
    """Draw for the two models in an order of their own, so that swapping them only mirrors."""
    cells, counts = _cells(codes, classes)
    swapped, swapped_counts = _cells(codes[[0, 2, 1]], classes)
    one, other = (
        (c.tobytes(), n.tobytes()) for c, n in ((cells, counts), (swapped, swapped_counts))
    )
    if other < one:
        cells, counts = swapped, swapped_counts
    value, draws = _drawn(statistic, cells, counts, classes, resamples, seed)
    if other == one:
        # neither model is the first: each draw is as likely the other way round
        half = draws[: (len(draws) + 1) // 2]
        draws = np.concatenate([half, -half])
    made = of_draws(value, draws, codes.shape[1], level)
    return -made if other < one else made


def coded(columns: list[Any], classes: Any = None) -> tuple[Any, int]:
    """Return labels as numbers of their classes, -1 for none, and how many classes there are.

    Raises
    ------
    ValueError
        Not one label per row, or no rows.
    """
    import pandas as pd

    shapes = {column.shape for column in columns}
    if len(shapes) > 1 or columns[0].ndim != 1:
        shown = " and ".join(str(column.shape) for column in columns)
        raise ValueError(f"labels come one per row, and not in the shapes {shown}")
    if not len(columns[0]):
        raise ValueError("labels of no rows say nothing")
    first = [] if classes is None else [np.asarray(classes)]
    every = first + columns
    if len({"n" if part.dtype.kind in "iufb" else part.dtype.kind for part in every}) > 1:
        every = [part.astype(object) for part in every]
    # in the order of coming: the classes that were given, then the others
    codes, names = pd.factorize(np.concatenate(every))
    codes = codes[len(first[0]) if first else 0 :]
    return _sorted_after(codes, names, len(first[0]) if first else 0, len(columns))


def _sorted_after(codes: Any, names: Any, given: int, columns: int) -> tuple[Any, int]:
    """Number the classes that were not given in their order, so that no row's place matters."""
    rest = names[given:]
    try:
        order = np.argsort(rest, kind="stable")
    except TypeError:
        order = np.argsort([f"{type(name)} {name}" for name in rest], kind="stable")
    ranks = np.empty(len(names) + 1, dtype=np.int64)
    ranks[:given] = np.arange(given)
    ranks[given + order] = given + np.arange(len(rest))
    ranks[-1] = -1
    return ranks[codes].reshape(columns, -1), len(names)


def _cells(codes: Any, classes: int) -> tuple[Any, Any]:
    """Return which cells there are, one row of codes per column, and their counts."""
    places = codes[0].astype(np.int64)
    for column in codes[1:]:
        places = places * classes + column
    if classes ** len(codes) <= BATCH:
        counts = np.bincount(places)
        found = np.flatnonzero(counts)
        counts = counts[found]
    else:
        found, counts = np.unique(places, return_counts=True)
    cells = np.array(np.unravel_index(found, (classes,) * len(codes)))
    return cells, counts


def _drawn(
    statistic: Counted, cells: Any, counts: Any, classes: int, resamples: int, seed: int
) -> tuple[float, Any]:
    from scipy import sparse

    cells, counts, more = _with_more(cells, counts, classes)
    size = cells.shape[1]

    def summed(chosen: Any, of: Any) -> Any:
        shape = (classes, size)
        ones = np.ones(len(chosen))
        return sparse.csr_array((ones, (of[chosen], chosen)), shape=shape)

    everything = np.arange(size)
    actual = summed(everything, cells[0])
    sides = [
        (summed(np.flatnonzero(cells[0] == side), side), summed(everything, side))
        for side in cells[1:]
    ]

    def values(table: Any) -> Any:
        column = table.T
        found = [
            statistic(Counts((hits @ column).T, (actual @ column).T, (predicted @ column).T))
            for hits, predicted in sides
        ]
        return found[0] if len(found) == 1 else found[0] - found[1]

    rows = int(counts.sum())
    chance = (counts + more) / (counts + more).sum()
    times = max(min(resamples, WORK_OF_CELLS // size), FEWEST)
    generator = np.random.default_rng(seed)
    at_once = max(BATCH // size, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(values(counts[None, :])[0])
        draws = [
            values(generator.multinomial(rows, chance, size=min(at_once, times - done)))
            for done in range(0, times, at_once)
        ]
    return value, np.concatenate(draws)


def _with_more(cells: Any, counts: Any, classes: int) -> tuple[Any, Any, Any]:
    """Return the cells with those that get a part of `MORE`, their counts, and these parts."""
    truth = np.unique(cells[0])
    wrong = (truth + 1) % classes
    if len(cells) == 2:
        added = np.hstack([[truth, truth], [truth, wrong]])
    else:
        added = np.hstack([[truth, truth, wrong], [truth, wrong, truth]])
    places, back = np.unique(np.hstack([cells, added]), axis=1, return_inverse=True)
    weights = np.repeat([0.0, MORE / added.shape[1]], [cells.shape[1], added.shape[1]])
    before = np.append(counts, np.zeros(added.shape[1]))
    size = places.shape[1]
    return (
        places,
        np.bincount(back, weights=before, minlength=size),
        np.bincount(back, weights=weights, minlength=size),
    )


def weighted_counts(
    statistic: Counted, labels: list[Any], classes: Any = None
) -> Callable[[Any], float]:
    """Return a metric of counts as a function of the weights of rows, for `of_weights`.

    Parameters
    ----------
    statistic : callable
        See `of_counts`.
    labels : list of array
        The truth and the predictions; of two models, the difference is taken.
    classes : array, optional
        The first classes, in order.

    Raises
    ------
    ValueError
        Not as many labels of each, or some are missing.
    """
    codes, known = coded([np.asarray(column) for column in labels], classes)
    if (codes < 0).any():
        raise ValueError("some labels are missing")
    truth = codes[0]
    right = [side == truth for side in codes[1:]]

    def value(weights: Any) -> float:
        def counted(places: Any, of: Any) -> Any:
            return np.bincount(places, weights=of, minlength=known)

        actual = counted(truth, weights)
        found = [
            float(statistic(Counts(counted(truth, weights * hit), actual, counted(side, weights))))
            for side, hit in zip(codes[1:], right, strict=True)
        ]
        return found[0] if len(found) == 1 else found[0] - found[1]

    return value


def of_weights(
    statistic: Callable[[Any], float],
    n: int,
    level: float = 0.05,
    clusters: Any = None,
    *,
    resamples: int | None = None,
    seed: int = 0,
) -> Interval:
    """Return the interval of a metric that takes a weight per row.

    The Poisson bootstrap: each row, or cluster, is drawn as often as a Poisson number of mean 1
    says (Hanley and MacGibbon 2006, Comput. Methods Programs Biomed. 83:57; Chamandy and others
    2012, Google Research).

    Parameters
    ----------
    statistic : callable
        Gets whole numbers, one per row, some of them 0; returns the metric or a difference.
    n : int
        Rows.
    level : float
        Of each bound.
    clusters : array, optional
        Rows of equal values are drawn together.
    resamples : int, optional
        Without it as many as `WORK` allows, from 200 to 2,000.
    seed : int

    Raises
    ------
    ValueError
        No rows, not one cluster per row, or no level.
    """
    generator = np.random.default_rng(seed)

    def draw(codes: Any, count: int) -> Any:
        times = generator.poisson(1.0, count)
        return (times if codes is None else times[codes]).astype(float)

    ones = np.ones(max(n, 0))
    return _repeated(statistic, ones, draw, n, level, clusters, resamples)


def of_rows(
    statistic: Callable[[Any], float],
    n: int,
    level: float = 0.05,
    clusters: Any = None,
    *,
    resamples: int | None = None,
    seed: int = 0,
) -> Interval:
    """Return the interval of a metric that knows rows only: one of the user's own.

    The bootstrap of Efron (1979, Ann. Stat. 7:1): as many rows, or clusters, are drawn with
    replacement as there are.

    Parameters
    ----------
    statistic : callable
        Gets positions of rows, some of them more than once; returns the metric or a difference.
    n : int
        Rows.
    level : float
        Of each bound.
    clusters : array, optional
        Rows of equal values are drawn together.
    resamples : int, optional
        Without it as many as `WORK` allows, from 200 to 2,000.
    seed : int

    Raises
    ------
    ValueError
        No rows, not one cluster per row, or no level.
    """
    generator = np.random.default_rng(seed)

    def draw(codes: Any, count: int) -> Any:
        drawn = generator.integers(0, count, count)
        if codes is None:
            return drawn
        times = np.bincount(drawn, minlength=count)
        return np.repeat(np.arange(n), times[codes])

    return _repeated(statistic, np.arange(max(n, 0)), draw, n, level, clusters, resamples)


def _repeated(
    statistic: Callable[[Any], float], whole: Any, draw: Callable[[Any, int], Any],
    n: int, level: float, clusters: Any, resamples: int | None,
) -> Interval:  # fmt: skip
    check_level(level)
    if n < 1:
        raise ValueError("a bootstrap of no rows says nothing")
    told = groups(clusters, n)
    codes, count = (None, n) if told is None else (told.codes, told.count)
    times = resamples or max(min(MOST, WORK // n), FEWEST)
    value = float(statistic(whole))
    method = _method(times, told is not None)
    if not math.isfinite(value):
        return undefined("the metric is not defined on these rows", count, method, level)
    if count < 2:
        what = "row" if codes is None else "cluster"
        return unbounded(value, f"one {what} says nothing of others", count, method, level)
    draws = np.array([float(statistic(draw(codes, count))) for _ in range(times)])
    return of_draws(value, draws, count, level, by_clusters=told is not None)


def of_draws(
    value: float, draws: Any, count: int, level: float, *, by_clusters: bool = False
) -> Interval:
    """Return the expanded percentile interval of a value from its resamples."""
    method = _method(len(draws), by_clusters)
    if not math.isfinite(value):
        return undefined("the metric is not defined on these rows", count, method, level)
    if count < 2:
        return unbounded(value, "one row says nothing of others", count, method, level)
    farther = math.sqrt(count / (count - 1)) * student.quantile(level, count - 1)
    share = student.tail(farther)
    unknown = ~np.isfinite(draws)
    place = int(share * (len(draws) - 1))
    # nothing is interpolated, so that the bounds of the negative are the same
    lower = float(np.sort(np.where(unknown, -math.inf, draws))[place])
    upper = float(np.sort(np.where(unknown, math.inf, draws))[-1 - place])
    known = draws[~unknown]
    error = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    reason = None
    if math.isinf(lower) or math.isinf(upper):
        reason = "the metric is not defined on too many of the resamples"
    return Interval(
        value, min(lower, value), max(upper, value), count, method, error, level,
        is_skewed=True, reason=reason,
    )  # fmt: skip


def _method(times: int, by_clusters: bool) -> str:
    return f"bootstrap of {times:,}" + (" by clusters" if by_clusters else "")
