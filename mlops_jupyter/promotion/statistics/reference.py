"""What new values of a column are compared with: a stored profile, without its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

TOP = 10
"""Values that a profile knows of a text; with fewer it leaves out only what is there once."""
FEWEST = 2
SURE = 3.0
"""Standard errors between a count and the least that a profile tells."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The distribution of one column as its profile tells it.

    Attributes
    ----------
    name, kind : str
        As in the profile. Of a kind other than number, time, boolean, category and text, and of
        what is personal, only missing values are known.
    count : int
        Rows that the shares come from.
    nulls, infinite : float
        Shares of all rows without a value, and with an infinite one.
    edges : tuple of float
        Of numbers: ascending values that are all different; of times seconds since 1970 (UTC).
    up_to : tuple of float
        The share of finite values that are no greater than each edge; the last is 1.
    categories : tuple of str
        All values, or those that are surely frequent.
    shares : tuple of float
        Of each category, among values that are not missing.
    is_complete : bool
        There are no other values than the categories.
    deviation : float
        Of numbers; NaN where it is not known.
    """

    name: str
    kind: str
    count: int
    nulls: float
    infinite: float = 0.0
    edges: tuple[float, ...] = ()
    up_to: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    is_complete: bool = False
    deviation: float = math.nan


def reference_of(column: Any) -> Reference:
    """Return what a stored profile knows of the distribution of a column.

    Parameters
    ----------
    column : ColumnProfile
        Of the reference data.
    """
    rows, missing = column.rows, column.missing
    nulls = missing / rows if rows else 0.0
    there = rows - missing
    counted = column.counted or there
    # rows of a sample stand for those without a value too
    count = round(counted * rows / there) if there else rows
    if column.kind in {"number", "time"} and column.quantiles:
        edges, up_to = _distribution(column)
        deviation = column.deviation
        return Reference(
            column.name, column.kind, count, nulls, column.infinite / rows, edges, up_to,
            deviation=math.nan if deviation is None else deviation,
        )  # fmt: skip
    if column.kind in {"boolean", "category", "text"} and column.top and counted:
        is_complete = _is_complete(column)
        chosen = column.top if is_complete else _surely_frequent(column)
        return Reference(
            column.name, column.kind, count, nulls,
            categories=tuple(text for text, _ in chosen),
            shares=tuple(n / counted for _, n in chosen),
            is_complete=is_complete,
        )  # fmt: skip
    return Reference(column.name, "other", rows, nulls)


def _is_complete(column: Any) -> bool:
    """Whether the profile knows all values, and as they are."""
    told = sum(n for _, n in column.top)
    known = told == column.counted and len(column.top) == column.distinct
    return known and not any(_is_cut(text) for text, _ in column.top)


def _surely_frequent(column: Any) -> list[tuple[str, int]]:
    """Return the values that did not come among the most frequent by chance.

    Those that did have a share that is too high, and would seem to fall in any other data.
    """
    counts = [n for _, n in column.top]
    least = min(counts) if len(counts) >= TOP else FEWEST
    sure = [(text, n) for text, n in column.top if n - SURE * math.sqrt(n) >= least]
    return [(text, n) for text, n in sure if not _is_cut(text)]


def _is_cut(text: str) -> bool:
    """Whether a value is not there as it was: shortened or masked."""
    return text.endswith("…") or "‹" in text


def _distribution(column: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the values of a number and the shares up to them."""
    few = _few_values(column)
    if few is not None:
        return few
    quantiles = np.asarray(column.quantiles)
    parts = len(quantiles) - 1
    size = max(column.counted, parts, 1)
    last = np.append(np.flatnonzero(quantiles[1:] != quantiles[:-1]), parts)
    first = np.append(0, last[:-1] + 1)
    up_to = np.ceil(last * size / max(parts, 1)) / size
    # of a value that is there again and again, the share ends somewhere before the next edge
    again = (last > first) & (last < parts) & (size > parts)
    up_to = np.where(again, (last + 0.5) / max(parts, 1), up_to)
    up_to[-1] = 1.0
    return tuple(quantiles[last].tolist()), tuple(up_to.tolist())


def _few_values(column: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the exact shares of a number that has few values, all of them counted."""
    told = sum(n for _, n in column.top)
    if column.kind != "number" or told != column.counted or len(column.top) != column.distinct:
        return None
    try:
        counts = sorted((float(text), n) for text, n in column.top)
    except ValueError:  # a duration, as text
        return None
    shares = np.cumsum([n for _, n in counts]) / told
    return tuple(value for value, _ in counts), tuple(shares.tolist())
