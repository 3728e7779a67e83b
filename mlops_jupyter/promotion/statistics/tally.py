"""How many values of a column fall into each part of a reference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_jupyter.promotion.statistics.reference import Reference

SAMPLE = 250_000
"""Rows that are looked at of a longer column: one from each of as many stretches."""

SHOWN = 20
"""New categories that are told."""

LONGEST = 60
"""Characters of one."""
LONGEST_READ = 1000

FEWEST = 10
"""Rows that a part of a number's range should get."""

_OBJECTS = {
    "number": {"integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"},
    "time": {"date", "datetime", "datetime64", "empty"},
}
"""What pandas calls objects that are of this kind."""

_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of new values beside the shares of the reference.

    Attributes
    ----------
    shares, counts : numpy.ndarray
        Of each part; the last two are of missing and infinite values where there are any.
    known, counted : int
        Rows of the reference, and new rows, that they come from.
    rows : int
        All new rows.
    nulls : float
        Share of them without a value.
    shift : float
    new : tuple of str
    """

    shares: Any
    counts: Any
    known: int
    counted: int
    rows: int
    nulls: float
    shift: float = math.nan
    new: tuple[str, ...] = ()


def tally(reference: Reference, values: Any, parts: int) -> Tally:
    """Count values by the parts of a reference.

    Raises
    ------
    ValueError
        They are of another kind than the reference, none, or the reference has no rows.
    """
    import pandas as pd

    column = values if isinstance(values, pd.Series) else _series(values)
    if not len(column):
        raise ValueError("there are no rows to compare")
    if not reference.count:
        raise ValueError("the reference has no rows")
    if reference.edges:
        return _numbers(reference, column, parts)
    if reference.categories:
        return _categories(reference, column)
    empty = int(column.isna().sum())
    return _with_rest(reference, (), [], [], len(column), empty, 0)


def _series(values: Any) -> Any:
    import pandas as pd

    if np.ndim(values) != 1:
        raise ValueError(f"a column has one value per row, and not the shape {np.shape(values)}")
    return pd.Series(values)


def _numbers(reference: Reference, column: Any, parts: int) -> Tally:
    numbers = as_numbers(column, reference.kind)
    rows, empty = len(numbers), int(np.count_nonzero(np.isnan(numbers)))
    nulls = empty / rows
    if rows > SAMPLE:
        numbers = numbers[_stretches(rows)]
        empty = int(np.count_nonzero(np.isnan(numbers)))
    finite = numbers[np.isfinite(numbers)]
    edges, up_to = np.array(reference.edges), np.array(reference.up_to)
    # an edge belongs to the part below it; what is above all edges, to the last part
    fine = np.bincount(np.searchsorted(edges, finite), minlength=len(edges) + 1)
    few = min(len(numbers), reference.count)
    ends = _ends(up_to, min(parts, max(few // FEWEST, 2)))
    so_far = np.cumsum(fine)
    reached = np.append(so_far[ends], len(finite))
    shares = np.diff(np.append(up_to[ends], 1.0), prepend=0.0)
    counts = np.diff(reached, prepend=0)
    shift = math.nan
    if len(finite) and reference.deviation > 0:
        apart = np.abs(up_to - so_far[:-1] / len(finite))[:-1] @ np.diff(edges)
        beyond = np.maximum(finite - edges[-1], 0).mean() + np.maximum(edges[0] - finite, 0).mean()
        shift = float((apart + beyond) / reference.deviation)
    infinite = len(numbers) - len(finite) - empty
    return _with_rest(
        reference, shares, counts, [shift], len(numbers), empty, infinite, rows, nulls
    )


def _ends(up_to: Any, parts: int) -> Any:
    """Return at which edges the parts end, as equal as ties let them be; the last is left out."""
    wanted = np.arange(1, parts) / parts
    places = np.searchsorted(up_to, wanted - 1e-12)
    before = np.maximum(places - 1, 0)
    closer = wanted - up_to[before] < up_to[places] - wanted
    chosen = np.unique(np.where(closer, before, places))
    return chosen[chosen < len(up_to) - 1]


def as_numbers(column: Any, kind: str) -> Any:
    """Return numbers, or times and durations in seconds, as floats; NaN where one is missing.

    Parameters
    ----------
    column : pandas.Series
    kind : str
        Of the reference: ``"number"`` or ``"time"``.

    Raises
    ------
    ValueError
        They are something else.
    """
    import pandas as pd

    of_values = getattr(column.dtype, "kind", "O")
    if of_values == "O" and pd.api.types.infer_dtype(column, skipna=True) in _OBJECTS[kind]:
        column = pd.to_datetime(column, utc=True) if kind == "time" else column.astype(float)
        of_values = column.dtype.kind
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert(None)
    if of_values in ("M" if kind == "time" else "m"):
        found = column.to_numpy()
        seconds = found.view(np.int64) / _UNITS[np.datetime_data(found.dtype)[0]]
        return np.where(np.isnat(found), np.nan, seconds)
    if kind == "time" or of_values not in "biuf":
        raise ValueError(f"it was a {kind}, and now is of type {column.dtype}")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _categories(reference: Reference, column: Any) -> Tally:
    import pandas as pd

    rows = len(column)
    nulls = float(column.isna().mean())
    if rows > SAMPLE and not reference.is_complete:
        column = column.iloc[_stretches(rows)]
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, names = column.cat.codes.to_numpy(), column.cat.categories
    else:
        codes, names = pd.factorize(column)
    found = np.bincount(codes[codes >= 0], minlength=len(names))
    places = {text: place for place, text in enumerate(reference.categories)}
    wanted = np.fromiter(
        (places.get(str(name), len(places)) for name in names), dtype=np.int64, count=len(names)
    )
    counts = np.bincount(wanted, weights=found, minlength=len(places) + 1)
    shares = np.append(reference.shares, 1.0 - sum(reference.shares)).clip(min=0)
    new: list[str] = []
    if reference.is_complete:
        shares[-1] = 0.0
        others = np.flatnonzero((wanted == len(places)) & (found > 0))
        others = others[np.argsort(-found[others], kind="stable")[:SHOWN]]
        new = [_shown(str(names[place])) for place in others]
    empty = len(codes) - int(found.sum())
    return _with_rest(reference, shares, counts, new, len(codes), empty, 0, rows, nulls)


def _shown(text: str) -> str:
    """Return a value as a profile would tell it: short, and without what looks personal."""
    from mlops_jupyter.data.statistics.personal import masked

    plain = masked(text[:LONGEST_READ])
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def _with_rest(
    reference: Reference, shares: Any, counts: Any, told: list[Any],
    counted: int, empty: int, infinite: int, rows: int | None = None, nulls: float | None = None,
) -> Tally:  # fmt: skip
    """Add the parts of what is missing and what is infinite."""
    finite = 1.0 - reference.nulls - reference.infinite
    if not len(shares):
        shares, counts = [1.0], [counted - empty]
    every = np.append(np.asarray(shares) * finite, [reference.nulls, reference.infinite])
    found = np.append(counts, [empty, infinite]).astype(float)
    there = (every > 0) | (found > 0)
    is_number = bool(reference.edges)
    return Tally(
        every[there],
        found[there],
        reference.count,
        counted,
        counted if rows is None else rows,
        empty / counted if nulls is None else nulls,
        shift=told[0] if is_number else math.nan,
        new=() if is_number else tuple(told),
    )


def _stretches(rows: int) -> Any:
    """Return positions, ascending: one from each of many stretches, always the same."""
    edges = np.arange(SAMPLE + 1, dtype=np.int64) * rows // SAMPLE
    draws = np.random.default_rng(0).random(SAMPLE)
    return edges[:-1] + (draws * np.diff(edges)).astype(np.int64)
