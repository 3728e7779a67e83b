"""How well a single column ranks the label: too well, and it was made from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

SAMPLE = 50_000
"""Rows that are looked at: the standard error of an AUC of 0.98 is below 0.001 then."""

FEWEST = 10
"""Rows that a class must have, and as many others: with fewer a column may rank it by chance."""

MOST_CLASSES = 20
"""The most frequent ones, each against all others."""

FOLDS = 5


def strengths(frame: Any, truth: Any, *, is_classes: bool) -> Iterator[tuple[Any, float]]:
    """Yield each column with its AUC, of the class that it tells best.

    A number ranks rows by itself, either way round. A category ranks them by the mean of the
    label in the other folds of `FOLDS`, so that one with a value for each row ranks nothing
    (target encoding out of fold: Micci-Barreca 2001, SIGKDD Expl. 3:27). For a label that is a
    number it is (1 + Spearman's rho) / 2, which is 0.5 for no relation and 1 for a perfect one
    too.

    Parameters
    ----------
    frame : pandas.DataFrame
    truth : numpy.ndarray
    is_classes : bool
        The label is a class.

    Yields
    ------
    name, auc
        Nothing at all where there are too few rows.
    """
    places = np.arange(len(truth))
    if len(truth) > SAMPLE:
        places = np.sort(np.random.default_rng(0).choice(len(truth), SAMPLE, replace=False))
        frame, truth = frame.iloc[places], truth[places]
    targets = _classes(truth) if is_classes else _ranked(truth)
    if not targets.shape[1]:
        return
    # rows next to each other often belong together: folds are drawn
    folds = np.random.default_rng(1).permutation(len(truth)) % FOLDS
    for place, name in enumerate(frame.columns):
        values = frame.iloc[:, place]
        numbers = _numbers(values)
        if numbers is None:
            auc = _of_categories(_codes(values), targets, folds)
        else:
            auc = max(_either_way(side, targets) for side in _filled(numbers))
        yield name, auc


def _classes(truth: Any) -> Any:
    """Return which rows are of each class that has enough of them, and enough others."""
    import pandas as pd

    codes, kinds = pd.factorize(truth)
    counts = np.bincount(codes, minlength=len(kinds))
    often = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    enough = [k for k in often if FEWEST <= counts[k] <= len(codes) - FEWEST]
    if len(kinds) == 2:
        enough = enough[:1]  # the other one is ranked the other way round
    return np.column_stack([codes == k for k in enough]) if enough else np.empty((len(codes), 0))


def _ranked(truth: Any) -> Any:
    from scipy.stats import rankdata

    values = truth.astype(float)
    if len(values) < 2 * FEWEST or not np.isfinite(values).all() or np.ptp(values) == 0:
        return np.empty((len(values), 0))
    return rankdata(values)[:, None]


def _numbers(values: Any) -> Any | None:
    """Return the values of a column that has an order as numbers, else None."""
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_complex_dtype(dtype):
        return None
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return values.to_numpy(float, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        made = values.dt.as_unit("us").to_numpy("datetime64[us]").astype("int64").astype(float)
        return np.where(values.isna().to_numpy(bool), np.nan, made)
    return None


def _filled(numbers: Any) -> Iterator[Any]:
    """Yield the numbers with what is missing as the lowest, and as the highest of all."""
    missing = np.isnan(numbers)
    if not missing.any():
        yield numbers
        return
    yield np.where(missing, -np.inf, numbers)
    yield np.where(missing, np.inf, numbers)


def _codes(values: Any) -> Any:
    """Return equal values as equal numbers; what is missing is a value too."""
    import pandas as pd

    try:
        codes, _ = pd.factorize(values, use_na_sentinel=False)
    except (TypeError, NotImplementedError):  # lists, dicts: values that cannot be hashed
        codes, _ = pd.factorize(values.map(repr), use_na_sentinel=False)
    return codes


def _either_way(values: Any, targets: Any) -> float:
    found = _aucs(values, targets)
    return float(np.maximum(found, 1 - found).max())


def _of_categories(codes: Any, targets: Any, folds: Any) -> float:
    """Return the AUC of the label's mean in the other folds."""
    kinds = int(codes.max()) + 1
    found = 0.5
    for target in targets.T:
        mean = float(target.mean())
        sums, counts = np.zeros((2, FOLDS, kinds))
        np.add.at(sums, (folds, codes), target)
        np.add.at(counts, (folds, codes), 1)
        other_sums, other_counts = sums.sum(axis=0) - sums, counts.sum(axis=0) - counts
        # one row's worth of the mean of all: what only this fold has is nothing known
        encoded = ((other_sums + mean) / (other_counts + 1))[folds, codes]
        found = max(found, float(_aucs(encoded, target[:, None])[0]))
    return found


def _aucs(values: Any, targets: Any) -> Any:
    """Return how often the values put a row of the target above another, ties half."""
    from scipy.stats import rankdata

    ranks = rankdata(values)
    if targets.dtype != bool:
        if np.ptp(ranks) == 0:
            return np.array([0.5])
        return (1 + np.array([np.corrcoef(ranks, targets[:, 0])[0, 1]])) / 2
    positive = targets.sum(axis=0)
    above = ranks @ targets - positive * (positive + 1) / 2
    return above / (positive * (len(ranks) - positive))
