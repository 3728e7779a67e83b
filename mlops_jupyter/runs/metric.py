"""How the value of a metric is written for people, and which way it is better."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SYSTEM = "system/"
"""Metrics that we measure ourselves begin so: CPU, memory, GPU."""

_LESS_IS_BETTER = frozenset({
    "brier", "cer", "cost", "crossentropy", "deviance", "distance", "duration", "entropy", "err",
    "error", "errors", "fid", "hamming", "hinge", "huber", "l1", "l2", "latency", "logloss", "loss",
    "losses", "mae", "mape", "medae", "misclassified", "misses", "mistakes", "ms", "mse", "msle",
    "nll", "perplexity", "regret", "rmse", "rmsle", "rmspe", "seconds", "smape", "time", "wer",
})  # fmt: skip

_BLOCKS = "▁▂▃▄▅▆▇█"


def greater_is_better(name: str) -> bool:
    """Whether a larger value is the better one, judged by the words of the name.

    >>> greater_is_better("roc_auc"), greater_is_better("model.valid_0.rmse")
    (True, False)
    """
    words = re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    # scikit-learn's scorers turn losses round: neg_log_loss
    return "neg" in words or not _LESS_IS_BETTER.intersection(words)


def best(name: str, values: Iterable[float | None]) -> float | None:
    """Return the best of the values of a metric; NaN, written None, is never it."""
    numbers = [v for v in values if v is not None and v == v]
    return (max if greater_is_better(name) else min)(numbers, default=None)


def metric_text(value: float | None, digits: int = 4) -> str:
    """Write a value: ``0.6568``, ``55,769``, ``1,234.5``.

    Parameters
    ----------
    value : float or None
        None stands for NaN.
    digits : int
        Significant digits of what is not a whole number; at least one after the point.
    """
    if value is None:
        return "nan"
    if abs(value) < 1e15 and float(value).is_integer():
        return f"{value:,.0f}"
    if 1000 <= abs(value) < 1e15:
        return f"{value:,.{max(digits - 4, 1)}f}"
    return f"{value:.{digits}g}"


def delta_text(name: str, value: float, best_before: float) -> str:
    """Write how far a value is from the best one before it: ``+0.0123, the best so far``."""
    difference = value - best_before
    if not difference:
        return "as good as the best"
    if difference != difference:
        return f"best {metric_text(best_before)}"
    signed = ("−" if difference < 0 else "+") + metric_text(abs(difference), 3)
    is_better = (difference > 0) == greater_is_better(name)
    return f"{signed}, the best so far" if is_better else f"{signed} to the best"


def sparkline(values: Sequence[float | None], width: int = 16) -> str:
    """Draw values with blocks, in at most `width` characters; what is no number is a space.

    >>> sparkline([1, 2, 4, 8])
    '▁▂▄█'
    """
    chosen = _thinned(values, width)
    numbers = [v for v in chosen if v is not None and _is_number(v)]
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(
        _BLOCKS[round((v - low) * scale)] if v is not None and _is_number(v) else " "
        for v in chosen
    )


def _thinned(values: Sequence[float | None], width: int) -> list[float | None]:
    if len(values) <= width:
        return list(values)
    return [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]


def _is_number(value: float) -> bool:
    return value - value == 0
