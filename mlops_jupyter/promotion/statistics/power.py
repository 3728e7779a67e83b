"""Tests of an interval against a limit, and how many rows it takes to settle one."""

from __future__ import annotations

import math

from mlops_jupyter.promotion.statistics import score, student
from mlops_jupyter.promotion.statistics.interval import Interval
from mlops_jupyter.promotion.statistics.sample import check_level

MOST_ROWS = 10**15
"""More than this is no number of rows that anybody has."""


def p_below(interval: Interval, limit: float) -> float:
    """Return the p value of the test that finds the truth below a limit.

    It is small when the value is clearly below the limit, and below the interval's level just
    when its upper bound is below the limit. Of score intervals it is that of the score test; of
    others the distance to the upper bound is the scale.

    Returns
    -------
    float
        NaN where there is no value; 1 where nothing bounds it.
    """
    if not interval.is_defined or math.isnan(limit):
        return math.nan
    if interval.counts:
        return student.tail(-_score(interval, limit))
    unit = interval.standard_error
    if interval.is_skewed:
        reach = interval.upper - interval.value
        unit = reach / student.quantile(interval.level, interval.degrees)
    if math.isnan(unit) or math.isinf(unit):
        return 1.0
    if unit == 0:
        return 0.0 if interval.value < limit else 1.0
    return student.tail((limit - interval.value) / unit, interval.degrees)


def p_above(interval: Interval, limit: float) -> float:
    """Return the p value of the test that finds the truth above a limit; see `p_below`."""
    if len(interval.counts) == 2:
        return student.tail(_score(interval, limit)) if not math.isnan(limit) else math.nan
    return p_below(-interval, -limit)


def _score(interval: Interval, limit: float) -> float:
    if len(interval.counts) == 2:
        hits, rows = interval.counts
        if not 0 <= limit <= 1:
            return math.copysign(math.inf, -limit)
        return float(score.wilson(hits / rows, rows, limit))
    only_a, only_b, rows = interval.counts
    if abs(limit) >= 1:
        return math.copysign(math.inf, -limit)
    # corrected towards the limit, as for the upper bound
    return -float(score.tango(only_b, only_a, rows, -limit, score.CORRECTION))


def rows_needed(
    interval: Interval,
    limit: float,
    expected: float | None = None,
    level: float = 0.05,
    power: float = 0.8,
) -> int | None:
    """Return how many rows of the same kind would settle on which side of a limit the truth is.

    The sample size of a one-sided z test (Lachin 1981, Control. Clin. Trials 2:93), with the
    spread that was seen.

    Parameters
    ----------
    interval : Interval
    limit : float
    expected : float, optional
        The value that is supposed to be true; without it the value that was seen.
    level : float
        Of the test.
    power : float
        The chance that so many rows settle it.

    Returns
    -------
    int or None
        Rows, or clusters, in all; None where no number would: there is no spread to go by, or
        the value is at the limit.
    """
    _check(level, power)
    value = interval.value if expected is None else expected
    gap, error = abs(value - limit), interval.standard_error
    if not math.isfinite(gap) or not math.isfinite(error) or gap == 0:
        return None
    spread = error * math.sqrt(interval.count)
    needed = (_sum_of_quantiles(level, power) * spread / gap) ** 2
    return None if needed > MOST_ROWS else max(math.ceil(needed), 2)


def smallest_margin(interval: Interval, level: float = 0.05, power: float = 0.8) -> float:
    """Return the margin by which an equal challenger would pass, on rows like these.

    Parameters
    ----------
    interval : Interval
        Of a difference.
    level, power : float
        Of the test, and the chance that the challenger passes.
    """
    _check(level, power)
    return _sum_of_quantiles(level, power) * interval.standard_error


def _sum_of_quantiles(level: float, power: float) -> float:
    return student.quantile(level) + student.quantile(1 - power)


def _check(level: float, power: float) -> None:
    check_level(level)
    if not 0.5 <= power < 1:
        raise ValueError(f"a power is at least 0.5 and below 1, and not {power!r}")
