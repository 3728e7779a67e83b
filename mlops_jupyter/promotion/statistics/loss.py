"""What each row costs: metrics that are the mean over the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.statistics.sample import bad_values


def hits(scores: Scores) -> Any:
    """Return which rows are predicted rightly."""
    return scores.truth == scores.predicted


def log_loss(scores: Scores) -> Any:
    """Return the logarithmic loss of each row, as scikit-learn defines it.

    Raises
    ------
    ValueError
        There are no probabilities, or a true label is none of the classes.
    """
    chances = probabilities(scores)
    least = np.finfo(chances.dtype).eps
    if scores.is_binary:
        chosen = np.where(positive(scores), chances[:, 1], chances[:, 0])
    else:
        chosen = np.take_along_axis(chances, codes(scores)[:, None], axis=1)[:, 0]
    return -np.log(np.clip(chosen, least, 1 - least))


def brier(scores: Scores) -> Any:
    """Return the squared error of the probabilities of each row, as scikit-learn defines it.

    Raises
    ------
    ValueError
        There are no probabilities, or a true label is none of the classes.
    """
    chances = probabilities(scores)
    if scores.is_binary:
        return (chances[:, 1] - positive(scores)) ** 2
    told = codes(scores)
    square = (chances**2).sum(axis=1)
    chosen = np.take_along_axis(chances, told[:, None], axis=1)[:, 0]
    return square - 2 * chosen + 1


def mae(scores: Scores) -> Any:
    """Return the absolute error of each row."""
    return np.abs(numbers(scores.truth) - numbers(scores.predicted))


def numbers(values: Any) -> Any:
    """Return what a regressor says as floating-point numbers.

    Raises
    ------
    ValueError
        It is something else, or some are not finite.
    """
    if values.dtype.kind not in "biufO":
        raise ValueError(f"the values are no numbers, but {values.dtype}")
    found = values.astype(float)
    wrong = bad_values(found)
    if wrong is not None:
        raise ValueError(wrong)
    return found


def positive(scores: Scores) -> Any:
    """Return which rows are of the second of two classes.

    Raises
    ------
    ValueError
        A true label is none of the classes.
    """
    found = scores.truth == scores.classes[1]
    if not bool((found | (scores.truth == scores.classes[0])).all()):
        raise ValueError("a true label is none of the classes of the model")
    return found


def codes(scores: Scores) -> Any:
    """Return the place of each true label among the classes.

    Raises
    ------
    ValueError
        A true label is none of them.
    """
    import pandas as pd

    if scores.classes is None:
        raise ValueError("the model has no classes")
    found = pd.Index(scores.classes).get_indexer(pd.Index(scores.truth))
    if (found < 0).any():
        raise ValueError("a true label is none of the classes of the model")
    return found


def probabilities(scores: Scores) -> Any:
    """Return the probabilities, rows by classes.

    Raises
    ------
    ValueError
        There are none, or some are not between 0 and 1.
    """
    if scores.classes is None or scores.probabilities is None:
        raise ValueError("the model gives no probabilities")
    found = np.asarray(scores.probabilities)
    if found.dtype.kind != "f":
        found = found.astype(float)
    if found.shape != (len(scores.truth), len(scores.classes)):
        raise ValueError(f"probabilities of shape {found.shape} are not rows by classes")
    # one pass each; NaN is neither
    if not (found.min() >= 0 and found.max() <= 1):
        raise ValueError("some probabilities are not between 0 and 1")
    return found
