"""Rows as statistics take them: one number each, and the clusters that they belong to."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Groups:
    """The cluster of each row, as a number from 0."""

    codes: Any
    count: int

    def sums(self, values: Any) -> Any:
        """Return the sum of each cluster."""
        return np.bincount(self.codes, weights=values, minlength=self.count)

    def variance_of_mean(self, centred: Any) -> float:
        """Return the cluster-robust variance of a mean, with the correction G / (G - 1)."""
        sums = self.sums(centred)
        rows = len(centred)
        return float(sums @ sums) * self.count / max(self.count - 1, 1) / rows / rows


def check_level(level: float) -> None:
    """Refuse what is no level of a one-sided bound.

    Raises
    ------
    ValueError
    """
    if not 0 < level < 0.5:
        raise ValueError(f"a level is above 0 and below 0.5, and not {level!r}")


def vector(values: Any, what: str) -> Any:
    """Return one floating-point number per row.

    Raises
    ------
    ValueError
        There is no row, more than one value per row, or something that is no number.
    """
    found = np.asarray(values)
    if found.ndim != 1:
        raise ValueError(f"{what} have one number per row, and not the shape {found.shape}")
    if not len(found):
        raise ValueError(f"{what} of no rows say nothing")
    if found.dtype.kind == "O" and not any(isinstance(value, str) for value in found):
        with contextlib.suppress(TypeError, ValueError):
            return found.astype(np.float64)
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{what} are numbers, and not of type {found.dtype}")
    return found.astype(np.float64, copy=False)


def bad_values(values: Any) -> str | None:
    """Say how many values are not finite numbers, or None."""
    # the sum is finite only if all are, and costs one pass without a copy
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return None
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    return f"{wrong:,} of {len(values):,} values are not finite numbers" if wrong else None


def groups(clusters: Any, rows: int) -> Groups | None:
    """Return the clusters of rows by number; None where there are none.

    Raises
    ------
    ValueError
        Not one cluster per row, or some are missing.
    """
    if clusters is None:
        return None
    import pandas as pd

    found = clusters if hasattr(clusters, "dtype") else np.asarray(clusters)
    if found.ndim != 1 or len(found) != rows:
        raise ValueError(f"{rows} rows have one cluster each, and not {found.shape}")
    codes, names = pd.factorize(found)
    missing = int((codes < 0).sum())
    if missing:
        raise ValueError(f"{missing} of {rows} rows have no cluster")
    return Groups(codes, len(names))
