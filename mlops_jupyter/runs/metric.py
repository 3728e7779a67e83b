"""How the value of a metric is written for people."""

from __future__ import annotations


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
