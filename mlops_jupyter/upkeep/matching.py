"""Which rows a predicate is true of, for columns of Arrow and of Python objects.

A number is compared with numbers only, text with text, and text that is a date with dates. What
does not fit together is not equal: it is told, so that nobody thinks that there was nothing.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.upkeep.predicate import AllOf, Comparison, Not, Op, Predicate, Value

Mask = np.ndarray[Any, np.dtype[np.bool_]]

Column = Any
"""A `pyarrow.ChunkedArray`, or a sequence of Python objects."""

_COMPARE: dict[Op, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_ARROW = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}

_NUMBER, _TEXT, _TRUTH, _TIME = "numbers", "text", "true and false", "dates"


@dataclass(frozen=True, slots=True)
class Matched:
    """Of each row whether the predicate is true of it, and what did not fit, in words."""

    rows: Mask
    misfits: tuple[str, ...]


def match(predicate: Predicate, columns: Callable[[str], Sequence[Column]], rows: int) -> Matched:
    """Find the rows that a predicate is true of.

    Parameters
    ----------
    predicate : Predicate
    columns : callable
        Gives the columns of a name: more than one where a name is there twice. Then one of them
        is enough.
    rows : int
        How many there are.
    """
    matching = _Matching(columns, rows)
    true, _ = matching.of(predicate)
    return Matched(true, tuple(dict.fromkeys(matching.misfits)))


@dataclass(slots=True)
class _Matching:
    columns: Callable[[str], Sequence[Column]]
    rows: int
    misfits: list[str] = field(default_factory=list)

    def of(self, predicate: Predicate) -> tuple[Mask, Mask]:
        """Return where it is true and where it is false: of a missing value it is neither."""
        if isinstance(predicate, Comparison):
            return self._comparison(predicate)
        if isinstance(predicate, Not):
            true, false = self.of(predicate.part)
            return false, true
        found = [self.of(part) for part in predicate.parts]
        trues = [true for true, _ in found]
        falses = [false for _, false in found]
        if isinstance(predicate, AllOf):
            return reduce(np.logical_and, trues), reduce(np.logical_or, falses)
        return reduce(np.logical_or, trues), reduce(np.logical_and, falses)

    def _comparison(self, asked: Comparison) -> tuple[Mask, Mask]:
        found = [self._one(asked, column) for column in self.columns(asked.column)]
        return (
            reduce(np.logical_or, (true for true, _ in found)),
            reduce(np.logical_and, (false for _, false in found)),
        )

    def _one(self, asked: Comparison, column: Column) -> tuple[Mask, Mask]:
        is_arrow = isinstance(column, pa.ChunkedArray)
        missing = _missing_of_arrow(column) if is_arrow else _missing(column)
        if asked.op == "is null":
            return missing, ~missing
        true = _true_of_arrow(asked, column) if is_arrow else None
        if true is None:
            values = column.to_pylist() if is_arrow else column
            true, kinds = _true(asked, values, missing)
            if kinds and _family(asked.value) not in kinds:
                self._misfit(asked, kinds)
        return true & ~missing, ~true & ~missing

    def _misfit(self, asked: Comparison, kinds: Sequence[str]) -> None:
        held = " and ".join(kinds)
        self.misfits.append(f"{asked.column!r} holds {held}, which {asked.value!r} is not")


def _missing_of_arrow(column: Any) -> Mask:
    return np.asarray(pc.is_null(column, nan_is_null=True), dtype=bool)


def _missing(values: Sequence[Any]) -> Mask:
    return np.fromiter((_is_missing(value) for value in values), bool, len(values))


def _is_missing(value: Any) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float | np.floating | Decimal) and bool(value != value)


def _true_of_arrow(asked: Comparison, column: Any) -> Mask | None:
    """Compare within Arrow; None where the value does not fit the type without loss."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    scalar = _scalar(asked.value, kind)
    if scalar is None:
        return None
    try:
        found = _ARROW[asked.op](column, scalar).fill_null(False)
    except pa.ArrowException:
        return None
    return np.asarray(found, dtype=bool)


def _scalar(value: Value | None, kind: Any) -> Any:
    """Return a literal as a scalar of an Arrow type, or None."""
    try:
        if isinstance(value, bool):
            return pa.scalar(value, kind) if pa.types.is_boolean(kind) else None
        if isinstance(value, int | Decimal):
            return _number(value, kind)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pa.scalar(value, kind)
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return _time(str(value), kind)
    except (pa.ArrowException, ValueError, OverflowError, TypeError):
        pass
    return None


def _number(value: int | Decimal, kind: Any) -> Any:
    if pa.types.is_integer(kind):
        return pa.scalar(int(value), kind) if value == int(value) else None
    if pa.types.is_floating(kind):
        return pa.scalar(float(value), kind)
    return None


def _time(text: str, kind: Any) -> Any:
    time = pd.Timestamp(text)
    if pa.types.is_date(kind):
        return pa.scalar(time.date(), kind) if time == time.normalize() else None
    if kind.tz is not None and time.tzinfo is None:
        time = time.tz_localize(kind.tz)
    if (kind.tz is None) != (time.tzinfo is None):
        return None
    return pa.scalar(time, kind)


def _true(asked: Comparison, values: Sequence[Any], missing: Mask) -> tuple[Mask, list[str]]:
    """Compare objects one by one; tell too of which kinds they are."""
    wanted = _family(asked.value)
    compare = _COMPARE[asked.op]
    true = np.zeros(len(values), bool)
    kinds: dict[str, None] = {}
    for place in np.flatnonzero(~missing).tolist():
        value = values[place]
        kind = _family(value)
        kinds[kind] = None
        if kind == wanted:
            true[place] = compare(value, _like(asked.value, value))
        elif kind == _TIME and wanted == _TEXT:
            kinds[_TEXT] = None
            true[place] = _compare_time(compare, value, str(asked.value))
        elif asked.op == "!=":
            true[place] = True
    return true, list(kinds)


def _family(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return _TRUTH
    if isinstance(value, int | float | Decimal | np.integer | np.floating):
        return _NUMBER
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, dt.date):  # pandas' and Python's own times are dates too
        return _TIME
    return type(value).__name__


def _like(wanted: Any, value: Any) -> Any:
    """Return a literal as a float where it is compared with one: 0.1 is no float exactly."""
    return float(wanted) if isinstance(value, float | np.floating) else wanted


def _compare_time(compare: Callable[[Any, Any], Any], value: dt.date, text: str) -> bool:
    try:
        mine, time = pd.Timestamp(value), pd.Timestamp(text)
        if mine.tzinfo is not None and time.tzinfo is None:
            time = time.tz_localize(mine.tzinfo)
        return bool(compare(mine, time))
    except (ValueError, TypeError, OverflowError):
        return False
