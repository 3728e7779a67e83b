"""The statistics of one column, as they are kept."""

from __future__ import annotations

from typing import Literal

import msgspec

ColumnKind = Literal["number", "text", "category", "time", "boolean", "other"]

Value = int | float | str
"""Of a number: itself. Of a time: ISO 8601, in UTC where it has a time zone."""


class ColumnProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Summary statistics of a column of a data version.

    Attributes
    ----------
    name, type : str
        As in the version's columns.
    digest : str
        Of the column's content: a column that did not change is not profiled again.
    kind : str
        Texts of few values that come again and again are a category.
    rows, missing : int
    distinct : int or None
        Different values, missing ones not counted; None where that was not asked.
    distinct_exact : bool
        False: estimated from a sample.
    minimum, maximum : number, str or None
        Exact; of all values but infinities.
    mean, deviation : float or None
        Of numbers, exact; of times the mean in seconds since 1970 (UTC).
    quantiles : tuple of float
        257 values that cut the column in 256 equal shares; fewer where there are fewer rows,
        and 17 in tables of more than 1,000 columns. Of times seconds since 1970 (UTC). Empty for
        other kinds.
    top : tuple of (str, int)
        Values that are there more than once and how often, most frequent first; masked where
        they look personal.
    counted : int
        Values among which `top` was counted: all that are not missing, or those of a sample.
    examples : tuple of str
        A few values, masked where they look personal.
    negative, zero : float or None
        Share of numbers below zero, and of zeros.
    infinite : int
    shortest, longest : int or None
        Characters of the shortest and longest text.
    is_personal : bool
        Its name, or most of its examples, look personal: no value of it is kept as it is.
    """

    name: str
    type: str
    digest: str
    kind: ColumnKind
    rows: int
    missing: int
    distinct: int | None = None
    distinct_exact: bool = True
    minimum: Value | None = None
    maximum: Value | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    top: tuple[tuple[str, int], ...] = ()
    counted: int = 0
    examples: tuple[str, ...] = ()
    negative: float | None = None
    zero: float | None = None
    infinite: int = 0
    shortest: int | None = None
    longest: int | None = None
    is_personal: bool = False
