"""Many tests at once: the chance that any of them is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np


def holm(p: Any) -> Any:
    """Adjust p values, so that those below a level hold it for all of them together.

    Holm (1979, Scand. J. Stat. 6:65): valid however the tests depend on each other.

    Parameters
    ----------
    p : sequence of float
        NaN for a test that could not be made: it stays NaN and counts for nothing.

    Returns
    -------
    numpy.ndarray
        In the same order.

    Raises
    ------
    ValueError
        More than one dimension, or a value that is no probability.
    """
    given = np.asarray(p, dtype=float)
    if given.ndim != 1:
        raise ValueError(f"p values come one after the other, and not in the shape {given.shape}")
    adjusted = np.full(given.shape, np.nan)
    made = np.flatnonzero(~np.isnan(given))
    values = given[made]
    if ((values < 0) | (values > 1)).any():
        raise ValueError("p values are between 0 and 1")
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted[made[order]] = np.minimum(np.maximum.accumulate(values[order] * factors), 1)
    return adjusted
