"""Slices of rows: by the values of a column, by bins of a number, by a condition."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops_jupyter.config import Model
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.promotion.scoring import condition
from mlops_jupyter.promotion.scoring.condition import Condition
from mlops_jupyter.promotion.scoring.rows import Rows
from mlops_jupyter.runs.metric import metric_text

MOST_VALUES = 1_000
"""Of a column that is sliced by."""
LONGEST = 80
"""Characters of a slice's name."""

_NO_NUMBERS = frozenset({"str", "string", "object", "category"})
_BINS = re.compile(r"(?P<column>.+)/(?P<count>[0-9]{1,4})", re.DOTALL)
_IS_CONDITION = re.compile(r"[<>=!&|~()@'\"`]|\s(?:in|and|or|not)\s")


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the rows.

    Attributes
    ----------
    name : str
        ``region=north``, ``age 18 to 27``, or a condition as it was written.
    rows : numpy.ndarray of int
        Which of the rows, from 0, in order.
    """

    name: str
    rows: Any


@dataclass(frozen=True, slots=True)
class _Column:
    name: str


@dataclass(frozen=True, slots=True)
class _Bins:
    column: str
    count: int


def check(policy: Model, columns: Mapping[str, str]) -> None:
    """Refuse slices that cannot be made of these columns, before anything is scored.

    Parameters
    ----------
    policy : Model
    columns : mapping of str to str
        Names and types.

    Raises
    ------
    UsageError
        An expression has something else in it than columns, values and comparisons; or bins
        are asked for of text.
    NotFoundError
        A column is not there, with the nearest one.
    """
    for asked in policy.checks:
        for by in asked.slices.by if asked.slices is not None else ():
            kind = _read(by, list(columns))
            if isinstance(kind, _Bins) and columns[kind.column] in _NO_NUMBERS:
                raise _no_numbers(kind, columns[kind.column])


def slices(rows: Rows, by: Iterable[str]) -> list[Slice]:
    """Return the slices of rows, in the order in which they were asked for.

    Rows without a value in a column are a slice of their own. A condition that is true for no
    row is an empty slice.

    Parameters
    ----------
    rows : Rows
    by : iterable of str
        Columns, one slice for each value; ``age/5``, five bins with as many rows in each as
        ties allow; or conditions, see `condition`.

    Raises
    ------
    UsageError, NotFoundError
        A column is not there, has too many different values, or no numbers to make bins of; or
        a condition cannot be evaluated.
    """
    columns = _named_by_text(rows)
    found: list[Slice] = []
    for asked in by:
        kind = _read(asked, list(columns))
        if isinstance(kind, Condition):
            import numpy as np

            found.append(Slice(_short(asked), np.flatnonzero(kind.holds(columns, len(rows.truth)))))
        elif isinstance(kind, _Bins):
            found.extend(_bins(columns[kind.column], kind))
        else:
            found.extend(_values(columns[kind.name], kind.name))
    return list(_told_apart(found))


def _named_by_text(rows: Rows) -> dict[str, Any]:
    """Return the columns by name, the label too; a column's name need not be text."""
    named: dict[str, Any] = {}
    for place, name in enumerate(rows.frame.columns):
        named.setdefault(str(name), rows.frame.iloc[:, place])
    import pandas as pd

    named.setdefault(rows.label, pd.Series(rows.truth, index=rows.frame.index))
    return named


def _read(asked: str, columns: Sequence[str]) -> _Column | _Bins | Condition:
    if asked in columns:
        return _Column(asked)
    bins = _BINS.fullmatch(asked)
    if bins is not None and bins["column"].strip() in columns:
        if int(bins["count"]) < 2:
            raise UsageError(f"{asked!r} makes no bins", hint="at least two: age/5")
        return _Bins(bins["column"].strip(), int(bins["count"]))
    if _IS_CONDITION.search(asked):
        return condition.read(asked, columns)
    column = asked if bins is None else bins["column"].strip()
    raise NotFoundError("column to slice by", _short(column), columns)


def _values(column: Any, name: str) -> Iterator[Slice]:
    import pandas as pd

    try:
        codes, values = pd.factorize(column)
    except TypeError:
        raise UsageError(f"the values of the column {name!r} cannot be told apart") from None
    if len(values) > MOST_VALUES:
        raise UsageError(
            f"the column {name!r} has {len(values):,} different values, and each would be a slice",
            hint=f"make bins of a number, {name}/5, or name the slices by conditions",
        )
    for code, rows in _grouped(codes, len(values)):
        yield Slice(_short(f"{name}={values[code]}" if code >= 0 else f"{name} is missing"), rows)


def _grouped(codes: Any, count: int) -> Iterator[tuple[int, Any]]:
    """Return the rows of each code that there is, -1 for what is missing last."""
    import numpy as np

    # few enough to be sorted by counting
    small = np.where(codes < 0, count, codes).astype(np.int16)
    order = np.argsort(small, kind="stable")
    ends = np.cumsum(np.bincount(small, minlength=count + 1))
    for code, rows in enumerate(np.split(order, ends[:-1])):
        if len(rows):
            yield (code if code < count else -1), rows


def _bins(column: Any, asked: _Bins) -> Iterator[Slice]:
    import numpy as np

    numbers, write = _as_numbers(column, asked)
    known = ~np.isnan(numbers)
    there = numbers[known]
    if not len(there):
        yield Slice(_short(f"{asked.column} is missing"), np.arange(len(numbers)))
        return
    edges = np.unique(
        np.quantile(there, np.arange(1, asked.count) / asked.count, method="inverted_cdf")
    )
    # an edge belongs to the bin below it
    codes = np.full(len(numbers), -1)
    codes[known] = np.searchsorted(edges, there)
    found = [(rows, code < 0) for code, rows in _grouped(codes, len(edges) + 1)]
    ranges = [
        (float(numbers[rows].min()), float(numbers[rows].max()))
        for rows, is_missing in found
        if not is_missing
    ]
    names = iter(_ranges(ranges, write))
    for rows, is_missing in found:
        shown = "is missing" if is_missing else next(names)
        yield Slice(_short(f"{asked.column} {shown}"), rows)


def _ranges(ranges: Sequence[tuple[float, float]], write: Callable[[float, int], str]) -> list[str]:
    """Write the ranges of bins, with as many digits as it takes to tell their ends apart."""
    ends = {end for both in ranges for end in both}
    for digits in range(4, 18):
        if len({write(end, digits) for end in ends}) == len(ends):
            break
    return [
        write(low, digits) if low == high else f"{write(low, digits)} to {write(high, digits)}"
        for low, high in ranges
    ]


def _as_numbers(column: Any, asked: _Bins) -> tuple[Any, Any]:
    """Return the values as numbers, NaN for what is missing, and how one is written."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        days = column.dt.tz_localize(None) if column.dt.tz is None else column.dt.tz_convert(None)
        whole = days.to_numpy("datetime64[s]")
        numbers = np.where(np.isnat(whole), np.nan, whole.astype(float))
        return numbers, lambda value, _: str(pd.Timestamp(value, unit="s")).removesuffix(
            " 00:00:00"
        )
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise _no_numbers(asked, str(column.dtype))
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    return numbers, metric_text


def _no_numbers(asked: _Bins, found: str) -> UsageError:
    return UsageError(
        f"{asked.column}/{asked.count} makes bins of numbers, and the column {asked.column!r}"
        f" holds {found}",
        hint=f"one slice for each value: {asked.column}",
    )


def _short(name: str) -> str:
    shown = " ".join("".join(c if c.isprintable() else " " for c in name[: 4 * LONGEST]).split())
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def _told_apart(found: Iterable[Slice]) -> Iterator[Slice]:
    """Number the slices whose names look the same: 1 and "1" in one column."""
    seen: set[str] = set()
    for one in found:
        name, number = one.name, 1
        while name in seen:
            number += 1
            name = f"{one.name} #{number}"
        seen.add(name)
        yield replace(one, name=name)
