"""Quantiles and tails of Student's t and of the normal distribution."""

from __future__ import annotations

import math
from functools import lru_cache


@lru_cache(maxsize=512)
def quantile(level: float, degrees: float = math.inf) -> float:
    """Return the value above which t lies with a probability of `level`."""
    from scipy import special

    if math.isinf(degrees):
        return float(-special.ndtri(level))
    return float(-special.stdtrit(degrees, level))


def tail(value: float, degrees: float = math.inf) -> float:
    """Return the probability that t lies above a value."""
    from scipy import special

    if math.isinf(value):
        return 0.0 if value > 0 else 1.0
    if math.isinf(degrees):
        return float(special.ndtr(-value))
    return float(special.stdtr(degrees, -value))
