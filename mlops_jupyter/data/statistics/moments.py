"""Extremes, mean and deviation of numbers that come piece by piece, and a sample in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(slots=True)
class Moments:
    """What is known of the finite numbers so far.

    Attributes
    ----------
    finite, infinite, negative, zero : int
        Counts.
    mean, squares : float
        Mean, and the sum of squared distances from it.
    low, high : numpy scalar or None
    ordered : array
        The finite numbers of the sample, ascending.
    """

    finite: int = 0
    infinite: int = 0
    negative: int = 0
    zero: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: Any = None
    high: Any = None
    ordered: Any = None

    @property
    def deviation(self) -> float:
        """The standard deviation of a sample; 0 for one number."""
        return float(np.sqrt(self.squares / max(self.finite - 1, 1)))

    def add(self, values: Any) -> None:
        """Take finite numbers in.

        Merged as Chan, Golub and LeVeque (1979) do, which loses no digits to large means.
        """
        if not len(values):
            return
        low, high = values.min(), values.max()
        if low < 0:
            self.negative += int(np.count_nonzero(values < 0))
        if low <= 0 <= high:
            self.zero += int(np.count_nonzero(values == 0))
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        numbers = values.astype(np.float64, copy=False)
        mean = float(numbers.mean())
        distances = numbers - mean
        squares = float(np.square(distances, out=distances).sum())
        total = self.finite + len(values)
        shift = mean - self.mean
        self.squares += squares + shift * shift * (self.finite * len(values) / total)
        self.mean += shift * (len(values) / total)
        self.finite = total


def of(pieces: Iterable[tuple[Any, Any]]) -> Moments:
    """Return the moments of Arrow arrays of numbers.

    Parameters
    ----------
    pieces : iterable of (array, positions)
        Positions in the array that are in the sample; None for all.
    """
    found = Moments()
    sample = []
    with np.errstate(all="ignore"):  # sums of numbers near the largest float
        for array, picks in pieces:
            infinite, values = _finite(array)
            found.infinite += infinite
            found.add(values)
            if picks is None:
                sample.append(values)
            else:
                sample.append(_finite(array.take(picks))[1])
    found.ordered = np.sort(np.concatenate(sample))
    return found


def _finite(array: Any) -> tuple[int, Any]:
    """Return how many infinities there are, and the finite numbers."""
    values = array.drop_null().to_numpy(zero_copy_only=False)
    if values.dtype.kind != "f" or np.isfinite(values.sum(dtype=np.float64)):
        return 0, values
    return int(np.count_nonzero(np.isinf(values))), values[np.isfinite(values)]
