"""Numbers in the sentences of a gate report."""

from __future__ import annotations

import math
from decimal import Decimal

from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.statistics.interval import Interval
from mlops_jupyter.runs.metric import metric_text


def minus(a: float, b: float) -> float:
    """Return ``a - b`` of the two as they are written, so that 0.80 - 0.79 is 0.01.

    In binary it is 0.010000000000000009, which is more than a margin of 0.01.
    """
    return float(Decimal(repr(float(a))) - Decimal(repr(float(b))))


def written(limit: float) -> str:
    """Write a limit as people wrote it: 0.8, 12."""
    return repr(float(limit)).removesuffix(".0")


def numbers(*values: float) -> list[str]:
    """Write numbers with 4 digits, or with as many as it takes to tell them apart."""
    texts: list[str] = []
    for digits in range(4, 18):
        texts = [metric_text(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def figures(spread: float, *values: float) -> list[str]:
    """Write numbers as exactly as they are known: a spread of 0.03 is worth 3 decimals.

    Parameters
    ----------
    spread : float
        Half of the width of their interval.
    *values : float
        All finite. Those that differ also look different, with up to 4 more decimals.
    """
    if not math.isfinite(spread) or spread <= 0:
        return numbers(*values)
    enough = max(1 - math.floor(math.log10(spread)), 0)
    texts: list[str] = []
    for decimals in range(enough, enough + 5):
        texts = [f"{value:,.{decimals}f}" for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def about(count: int) -> str:
    """Write a number of rows with 2 digits: 3,412 is about 3,400."""
    digits = max(len(str(count)) - 2, 0)
    return f"{round(count, -digits):,}"


def would_settle(case: Case, needed: int | None) -> str:
    """Say how many rows would settle what these do not."""
    if needed is None:
        return "no number of rows like these would"
    by = case.policy.evaluate.cluster_by or case.policy.evaluate.group
    return f"about {about(needed)} {f'different values of {by}' if by else 'rows'} would"


def is_undefined(value: float | None) -> bool:
    """Return whether a metric has no value on these rows."""
    return value is None or not math.isfinite(value)


def finite(value: float) -> float | None:
    """Return a number as it is kept: None for what is none, or has no bound."""
    return float(value) if math.isfinite(value) else None


def half_width(interval: Interval) -> float:
    """Return half of an interval's width; NaN or infinite where it has no bounds."""
    return (interval.upper - interval.lower) / 2
