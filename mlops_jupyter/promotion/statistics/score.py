"""Score tests of rates and of paired rates, and the bounds where they are just significant.

All functions work on arrays as well, one element per sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CORRECTION = 0.5
"""Of rows, in Tango's test: half the step by which the difference of two counts moves."""

HALVINGS = 50
"""Of the range from -1 to 1, in the search for a bound."""


def wilson(share: Any, size: Any, limit: Any) -> Any:
    """Return the standard normal score of a share against a limit between 0 and 1."""
    spread = np.sqrt(limit * (1 - limit) / size)
    return _over(np.asarray(share - limit, dtype=float), spread)


def wilson_bounds(share: float, size: float, quantile: float) -> tuple[float, float]:
    """Return the shares at which `wilson` is plus and minus the quantile."""
    square = quantile * quantile
    centre = share + square / (2 * size)
    half = quantile * (share * (1 - share) / size + square / (4 * size * size)) ** 0.5
    whole = 1 + square / size
    # a share of 0 or 1 is its own bound, which rounding would miss
    lower = 0.0 if share == 0 else max((centre - half) / whole, 0.0)
    upper = 1.0 if share == 1 else min((centre + half) / whole, 1.0)
    return lower, upper


def tango(only_a: Any, only_b: Any, rows: Any, limit: Any, correction: float = 0.0) -> Any:
    """Return the standard normal score of a difference of paired rates against a limit.

    The restricted estimate is that of Tango (1998, Stat. Med. 17:891, eq. 3).

    Parameters
    ----------
    only_a, only_b : int or array of int
        Rows that only the first, and only the second model gets right.
    rows : int or array of int
    limit : float or array of float
        The difference ``a - b`` that is tested, above -1 and below 1.
    correction : float
        In rows, subtracted from the difference of the counts.
    """
    linear = -only_a - only_b + (2 * rows - only_a + only_b) * limit
    constant = -only_b * limit * (1 - limit)
    root = np.sqrt(np.maximum(linear * linear - 8 * rows * constant, 0))
    restricted = np.maximum((root - linear) / (4 * rows), 0)
    variance = rows * (2 * restricted + limit * (1 - limit))
    gap = np.asarray(only_a - only_b - rows * limit - correction, dtype=float)
    return _over(gap, np.sqrt(np.maximum(variance, 0)))


def tango_bounds(only_a: Any, only_b: Any, rows: Any, quantile: float) -> tuple[Any, Any]:
    """Return the bounds of a difference of paired rates, by halving the range.

    They are mirrored exactly when the models are swapped.
    """
    lower = _least(only_a, only_b, rows, quantile)
    return lower, -_least(only_b, only_a, rows, quantile)


def _least(only_a: Any, only_b: Any, rows: Any, quantile: float) -> Any:
    """Return the least difference that the counts do not speak against."""
    value = np.asarray((only_a - only_b) / rows, dtype=float)
    low, high = np.full_like(value, -1.0), value
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_too_low = tango(only_a, only_b, rows, middle, CORRECTION) > quantile
        low, high = np.where(is_too_low, middle, low), np.where(is_too_low, high, middle)
    return np.where(value == -1, -1.0, low)


def _over(gap: Any, spread: Any) -> Any:
    """Divide; what has no spread is infinitely far, or at the limit."""
    far = np.where(gap == 0, 0.0, np.copysign(np.inf, gap))
    return np.divide(gap, spread, out=far, where=np.asarray(spread) > 0)
