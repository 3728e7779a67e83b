"""Numbers in the sentences of a gate report."""

from __future__ import annotations

import math
from decimal import Decimal

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


def is_undefined(value: float | None) -> bool:
    """Return whether a metric has no value on these rows."""
    return value is None or not math.isfinite(value)
