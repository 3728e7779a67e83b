"""Metrics that are functions of how often which class was taken for which.

Each takes the `Counts` of one table or of many, and returns one value for each. Of two classes, the
second is the positive one. A class that is neither there nor predicted counts for nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Counts(NamedTuple):
    """Tables of counts, with the classes on the last axis.

    Attributes
    ----------
    hits, actual, predicted : array
        Rows that are right, that are of the class, and that are predicted to be of it.
    """

    hits: Any
    actual: Any
    predicted: Any


def precision(counts: Counts) -> Any:
    """Return the precision of the positive class."""
    return _over(counts.hits[..., 1], counts.predicted[..., 1], np.nan)


def recall(counts: Counts) -> Any:
    """Return the recall of the positive class."""
    return _over(counts.hits[..., 1], counts.actual[..., 1], np.nan)


def f1(counts: Counts) -> Any:
    """Return the F1 score of the positive class."""
    return _over(2 * counts.hits[..., 1], counts.actual[..., 1] + counts.predicted[..., 1], np.nan)


def macro_precision(counts: Counts) -> Any:
    """Return the mean precision of the classes; of one that is never predicted it is 0."""
    return _mean(_over(counts.hits, counts.predicted, 0.0), counts.actual + counts.predicted)


def macro_recall(counts: Counts) -> Any:
    """Return the mean recall of the classes; of one that is only predicted it is 0."""
    return _mean(_over(counts.hits, counts.actual, 0.0), counts.actual + counts.predicted)


def macro_f1(counts: Counts) -> Any:
    """Return the mean F1 score of the classes."""
    return _mean(
        _over(2 * counts.hits, counts.actual + counts.predicted, 0.0),
        counts.actual + counts.predicted,
    )


def balanced_accuracy(counts: Counts) -> Any:
    """Return the mean recall of the classes that are there; of one class there is none."""
    found = _mean(_over(counts.hits, counts.actual, 0.0), counts.actual)
    return np.where((counts.actual > 0).sum(axis=-1) > 1, found, np.nan)


def _over(part: Any, whole: Any, empty: float) -> Any:
    out = np.full(np.shape(whole), empty)
    return np.divide(part, whole, out=out, where=np.asarray(whole) > 0)


def _mean(values: Any, there: Any) -> Any:
    counted = there > 0
    return _over((values * counted).sum(axis=-1), counted.sum(axis=-1), np.nan)
