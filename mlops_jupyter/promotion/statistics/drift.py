"""Whether the values of a column still are distributed as those of a reference.

The reference is a stored profile, its rows are not needed: the quantiles of a number cut its range
into parts of known shares, the most frequent values of a text are parts of their own, and what is
missing is one more part. The shares of the new values are compared with them twice.

- How large is the difference? The population stability index, and for numbers the Wasserstein
  distance in standard deviations (Villani 2009, Optimal Transport). Both grow by chance when there
  are few rows.
- Is it chance? Pearson's test of homogeneity (1900, Philos. Mag. 50:157), whose p values are
  adjusted for the number of columns (Holm 1979). It finds differences that matter to nobody when
  there are many rows.

An alarm takes both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlops_jupyter.promotion.statistics.multiplicity import holm
from mlops_jupyter.promotion.statistics.reference import Reference, reference_of
from mlops_jupyter.promotion.statistics.tally import Tally, tally

__all__ = ["ColumnDrift", "Reference", "adjusted", "alarms", "compare", "reference_of"]

FLOOR = 0.1
"""Of the population stability index: below it a difference is small (Siddiqi 2006, Credit Risk
Scorecards, ch. 6)."""

PARTS = 10
"""Into which the range of a number is cut, if there are enough rows."""

LEAST_EXPECTED = 10
"""Rows that are expected in a part of the test; parts with fewer are put together. The 5 of Cochran
(1954, Biometrics 10:417) do for a level of 5 %, not for a twentieth of it."""


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How the values of one column differ from those of the reference.

    Attributes
    ----------
    name : str
    psi : float
        The population stability index; NaN where nothing could be compared.
    shift : float
        Of numbers and times the Wasserstein distance in standard deviations; else NaN.
    nulls_before, nulls_after : float
        Shares of rows without a value.
    new_categories : tuple of str
        Values that the reference has not, where it knows all it has.
    p : float
        Of the test that both have the same distribution.
    p_adjusted : float
        For all columns, see `adjusted`; NaN before.
    count : int
        New rows.
    reason : str or None
        Why nothing could be compared.
    """

    name: str
    psi: float
    shift: float
    nulls_before: float
    nulls_after: float
    new_categories: tuple[str, ...]
    p: float
    p_adjusted: float
    count: int
    reason: str | None = None


def compare(reference: Reference, values: Any) -> ColumnDrift:
    """Compare the values of a column with a reference.

    Parameters
    ----------
    reference : Reference
    values : array or pandas.Series
        Of many rows, a sample is compared (see `tally.SAMPLE`); what is missing, and categories
        that are new, are counted in all.

    Returns
    -------
    ColumnDrift
        With a reason in place of figures where the values are of another kind, or none.
    """
    try:
        found = tally(reference, values, PARTS)
    except (TypeError, ValueError) as error:
        nan = math.nan
        count = len(values) if hasattr(values, "__len__") else 0
        return ColumnDrift(
            reference.name, nan, nan, reference.nulls, nan, (), nan, nan, count, str(error)
        )
    return ColumnDrift(
        name=reference.name,
        psi=_stability(found),
        shift=found.shift,
        nulls_before=reference.nulls,
        nulls_after=found.nulls,
        new_categories=found.new,
        p=_homogeneity(found),
        p_adjusted=math.nan,
        count=found.rows,
    )


def adjusted(columns: Iterable[ColumnDrift]) -> tuple[ColumnDrift, ...]:
    """Return the same with p values that hold for all columns together."""
    found = tuple(columns)
    together = holm([column.p for column in found])
    return tuple(
        replace(column, p_adjusted=float(p)) for column, p in zip(found, together, strict=True)
    )


def alarms(
    columns: Sequence[ColumnDrift], level: float = 0.05, floor: float = FLOOR
) -> tuple[ColumnDrift, ...]:
    """Return the columns that differ by much and not by chance.

    Parameters
    ----------
    columns : sequence of ColumnDrift
        All that were compared, `adjusted`.
    level : float
        The chance of any alarm when nothing has changed.
    floor : float
        The least population stability index that matters.
    """
    return tuple(c for c in columns if c.psi >= floor and c.p_adjusted <= level)


def _stability(found: Tally) -> float:
    """Return the population stability index, with half a row more in each part."""
    parts = len(found.counts)
    before = (found.shares * found.known + 0.5) / (found.known + 0.5 * parts)
    after = (found.counts + 0.5) / (found.counted + 0.5 * parts)
    return float(((after - before) * np.log(after / before)).sum())


def _homogeneity(found: Tally) -> float:
    """Return the p value of the test that both have the same shares.

    Parts with few rows are put together, by what the reference expects and not by what came: that
    would choose the parts that differ. When they still are few, Fisher's exact test (1922, J. R.
    Stat. Soc. 85:87) says whether more came, and the less likely of the two results counts twice.
    """
    known, counted = found.known, found.counted
    least = LEAST_EXPECTED / min(known, counted) - 1e-9
    rare = found.shares < least
    before, after = found.shares[~rare], found.counts[~rare]
    share, count = float(found.shares[rare].sum()), float(found.counts[rare].sum())
    results = []
    if share >= least:
        before, after = np.append(before, share), np.append(after, count)
    elif rare.any():
        results.append(_more(round(share * known), known, round(count), counted))
    if len(before) > 1 and after.sum():
        results.append(_pearson(before * known, after))
    return min(1.0, len(results) * min(results)) if results else 1.0


def _more(before: int, known: int, after: int, counted: int) -> float:
    """Return the p value of Fisher's test that what is rare has become no more frequent."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(after - 1, known + counted, before + after, counted))


def _pearson(before: Any, after: Any) -> float:
    """Return the p value of Pearson's test of two rows of counts."""
    from scipy import special

    known, counted = before.sum(), after.sum()
    middle = (before + after) / (known + counted)
    gap = before / known - after / counted
    square = float((gap * gap / middle).sum()) * known * counted / (known + counted)
    return float(special.chdtrc(len(before) - 1, square))
