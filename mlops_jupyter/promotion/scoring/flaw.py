"""Why a metric is not defined on the rows at hand, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mlops_jupyter.promotion.scoring.metric import Scores

Needs = Literal["predictions", "order", "ranking", "probabilities"]

TOLERANCE = 1e-3
"""By which the probabilities of a row may miss 1: models of single precision round."""


def flaw(needs: Needs, scores: Scores) -> str | None:
    """Say what makes predictions unfit for a metric that needs this of them; None if nothing.

    Parameters
    ----------
    needs : str
        ``predictions``: labels or numbers. ``ranking``: what orders the rows, of a classifier;
        ``order``: of a regressor too.
        ``probabilities``: those of each class.
    scores : Scores
    """
    if needs == "predictions" or (needs == "order" and scores.classes is None):
        return _not_numbers(scores.predicted, "predictions")
    if scores.classes is None:
        return "it predicts numbers, and no classes"
    if scores.probabilities is not None:
        return _not_probabilities(scores.probabilities)
    if needs == "probabilities":
        return "it gives no probabilities"
    if scores.decision is None:
        return "it gives neither probabilities nor a decision function"
    return _not_numbers(scores.decision, "decision values")


def _not_numbers(values: Any, what: str) -> str | None:
    import numpy as np
    import pandas as pd

    if values.dtype.kind == "f":
        wrong = ~np.isfinite(values)
    elif values.dtype.kind == "O":
        wrong = pd.isna(values)
    else:
        return None
    bad = int(wrong.any(axis=1).sum() if wrong.ndim > 1 else wrong.sum())
    return f"{bad:,} of {len(values):,} {what} are not numbers" if bad else None


def _not_probabilities(found: Any) -> str | None:
    import numpy as np

    missing = _not_numbers(found, "rows of probabilities")
    if missing is not None:
        return missing
    if found.min() < 0 or found.max() > 1:
        bad = int(((found < 0) | (found > 1)).any(axis=1).sum())
        return f"{bad:,} of {len(found):,} rows have probabilities that are not between 0 and 1"
    apart = int((np.abs(found.sum(axis=1) - 1) > TOLERANCE).sum())
    if apart:
        return f"in {apart:,} of {len(found):,} rows the probabilities do not add up to 1"
    return None


def reason(needs: Needs, scores: Scores) -> str | None:
    """Say why a metric of these scores has no value, as far as that can be told."""
    found = flaw(needs, scores)
    if found is not None:
        return found
    if scores.classes is None:
        return None
    if needs in {"ranking", "probabilities"} and scores.has_unknown():
        return "some labels are none of its classes"
    if needs == "order" or not scores.one_class_only():
        return None
    return "all rows are of one class"
