"""What a drafted contract demands of one column, from what was seen in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mlops_jupyter.data.statistics.column_profile import ColumnProfile
from mlops_jupyter.data.statistics.personal import looks_personal

MOST_VALUES = 20
"""A category with more values is not listed: a person would not read the list."""

SLACK = 0.1
"""Of the range seen, on both sides."""

MOST_CODES = 64
"""Whole numbers with no more values than this, each there `OFTEN` times on average, are codes,
months, marks: they get no slack."""
OFTEN = 20

FEWEST_FOR_KEY = 10

_KEY = re.compile(r"(?i)(^|[_ .-])(id|ids|key|code|symbol|uuid|guid|sku|isin|isbn|ean|ticker)$")
_KEY_AT_END = re.compile(r"[a-z](Id|ID|Key|Code)$")

Check = tuple[str, tuple[Any, ...]]
"""A method of ``pa.Check``, and what it is given."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``pa.Column``."""

    dtype: str | None
    checks: tuple[Check, ...] = ()
    nullable: bool = False
    unique: bool = False

    def weaker(self) -> Iterator[Rule]:
        """Give the rule, then those that are left when pandera cannot do a part of it."""
        yield self
        if self.checks:
            yield replace(self, checks=())
        yield replace(self, checks=(), dtype=None)
        yield Rule(None, nullable=True)

    def built(self, pandera: Any) -> Any:
        """Return pandera's column."""
        checks = [getattr(pandera.Check, name)(*given) for name, given in self.checks]
        return pandera.Column(self.dtype, checks, nullable=self.nullable, unique=self.unique)


def of(column: pd.Series[Any], seen: ColumnProfile) -> Rule:
    """Return the rule for a column, with slack, from what was seen in it."""
    dtype = str(column.dtype)
    if not seen.rows:
        return Rule(dtype, nullable=True)
    checks: tuple[Check, ...] = ()
    if seen.kind == "number":
        checks = _range(seen)
    elif seen.kind == "time":
        checks = _since(seen)
    elif seen.kind in {"text", "category"}:
        checks = _values(column, seen) or _length(seen)
    return Rule(dtype, checks, nullable=seen.missing > 0, unique=_is_key(column, seen))


def _is_key(column: pd.Series[Any], seen: ColumnProfile) -> bool:
    """Whether each row has a value of its own, and the name says that this is meant."""
    if seen.missing or seen.rows < FEWEST_FOR_KEY or seen.kind not in {"text", "number"}:
        return False
    if seen.kind == "number" and pd.api.types.is_float_dtype(column.dtype):
        return False
    if not (_KEY.search(seen.name) or _KEY_AT_END.search(seen.name)):
        return False
    if seen.distinct_exact and seen.distinct != seen.rows:
        return False
    return not column.duplicated().any()


def _range(seen: ColumnProfile) -> tuple[Check, ...]:
    low, high = seen.minimum, seen.maximum
    if not isinstance(low, int | float) or not isinstance(high, int | float) or seen.infinite:
        return ()
    if isinstance(low, int) and isinstance(high, int):
        if 1 < (seen.distinct or 0) <= min(MOST_CODES, seen.rows // OFTEN):
            return (("in_range", (low, high)),)
        lower, upper = _wider(low, high)
        return (("in_range", (math.floor(lower), math.ceil(upper))),) if lower < upper else ()
    if low >= 0 and 0 < high <= 1:
        return (("in_range", (0, 1)),)  # a share
    lower, upper = _wider(low, high)
    return (("in_range", (lower, upper)),) if lower < upper else ()


def _wider(low: float, high: float) -> tuple[float, float]:
    """Return a range with slack and few digits; an empty one when floats have no such range."""
    slack = float(high - low) * SLACK or abs(float(high)) * SLACK or 1.0
    if not 1e-300 < slack < 1e300:
        return 0.0, 0.0
    digits = -math.floor(math.log10(slack))
    lower, upper = _down(low - slack, digits), -_down(-high - slack, digits)
    if low >= 0:
        lower = max(lower, 0.0)
    if high <= 0:
        upper = min(upper, 0.0)
    return (lower, upper) if lower <= low and high <= upper else (0.0, 0.0)


def _down(value: float, digits: int) -> float:
    """Return the next smaller number with so many digits behind the point."""
    scaled = value * 10.0**digits
    return round(math.floor(scaled) / 10.0**digits, max(digits, 0))


def _since(seen: ColumnProfile) -> tuple[Check, ...]:
    """Demand that times do not begin long before those seen; when they end nobody knows."""
    try:
        low, high = (pd.Timestamp(str(time)) for time in (seen.minimum, seen.maximum))
        earliest = (low - (high - low) * SLACK).floor("D")
    except (ValueError, OverflowError):  # a time of day; a year that pandas has not
        return ()
    return () if pd.isna(earliest) else (("ge", (earliest,)),)


def _values(column: pd.Series[Any], seen: ColumnProfile) -> tuple[Check, ...]:
    if seen.kind != "category" or seen.is_personal or (seen.distinct or 0) > 2 * MOST_VALUES:
        return ()
    values = column.dropna().unique().tolist()
    if not 0 < len(values) <= MOST_VALUES or any(type(value) is not str for value in values):
        return ()
    return () if any(map(looks_personal, values)) else (("isin", (sorted(values),)),)


def _length(seen: ColumnProfile) -> tuple[Check, ...]:
    if seen.shortest is None or seen.longest is None:
        return ()
    return (("str_length", (min(seen.shortest, 1), max(2 * seen.longest, 1))),)
