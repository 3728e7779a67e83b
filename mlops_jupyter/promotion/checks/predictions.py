"""``predictions``: what the challenger says of the rows is possible at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mlops_jupyter.config import Predictions
from mlops_jupyter.errors import UsageError
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks.naming import counted, listed
from mlops_jupyter.promotion.checks.words import numbers, written
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.scoring.metric import Scores

ROUNDING = 1e-6
"""How far a probability may be below 0 or above 1: float32 models round."""

SUM_ROUNDING = 1e-3
"""How far the probabilities of a row may be from 1 together: half-precision models round."""


def judge(case: Case, check: Predictions) -> Iterator[CheckResult]:
    """Judge the predictions alone: one result for each aspect that fails, else one for all.

    Raises
    ------
    UsageError
        A range is asked of predictions that are no numbers.
    """
    scores = case.challenger.scores
    here = _there(scores.predicted)
    found = [
        *_nulls(here, check),
        *_range(scores.predicted[here], check),
        *_distinct(scores, here, check),
        *_labels(scores, here, check),
        *_probabilities(scores),
    ]
    yield from found or [_all_well(scores, here)]


def _there(predicted: Any) -> Any:
    """Return which rows have a prediction: neither missing, nor NaN, nor infinite."""
    import numpy as np
    import pandas as pd

    here = ~pd.isna(predicted)
    if predicted.dtype.kind == "f":
        return np.isfinite(predicted)
    if predicted.dtype.kind == "O":
        infinite = [isinstance(v, float) and v in (float("inf"), -float("inf")) for v in predicted]
        return here & ~np.array(infinite, dtype=bool)
    return here


def _nulls(here: Any, check: Predictions) -> Iterator[CheckResult]:
    rows, missing = len(here), int((~here).sum())
    if missing / rows > check.nulls:
        most = "" if check.nulls == 0 else f", more than {_percent(check.nulls)}"
        yield _failed(
            "nulls",
            f"no more than {_percent(check.nulls)} of the predictions missing",
            f"{missing:,} of {counted(rows, 'row')} have no prediction, or one that is not"
            f" finite{most}",
            value=missing / rows,
            limit=check.nulls,
            side="below",
            count=rows,
        )


def _range(predicted: Any, check: Predictions) -> Iterator[CheckResult]:
    if check.range is None:
        return
    low, high = check.range
    values = _as_numbers(predicted)
    out = (values < low) | (values > high)
    count, rows = int(out.sum()), len(values)
    if not rows or count / rows <= check.outside:
        return
    least, most = numbers(float(values.min()), float(values.max()))
    allowed = "" if check.outside == 0 else f", more than {_percent(check.outside)}"
    yield _failed(
        "range",
        f"predictions from {written(low)} to {written(high)}",
        f"{count:,} of {counted(rows, 'prediction')} are outside {written(low)} to"
        f" {written(high)}{allowed}: they reach from {least} to {most}",
        value=count / rows,
        limit=check.outside,
        side="below",
        count=rows,
    )


def _as_numbers(values: Any) -> Any:
    try:
        if values.dtype.kind in "SUmM":
            raise TypeError
        return values.astype(float)
    except (TypeError, ValueError):
        raise UsageError(
            "`predictions` asks for a range, and the challenger predicts what is no number:"
            f" {listed(_different(values))}",
            hint="of labels ask `labels: […]`",
        ) from None


def _distinct(scores: Scores, here: Any, check: Predictions) -> Iterator[CheckResult]:
    """Count what the model tells apart: probabilities where there are some, else predictions."""
    rows = int(here.sum())
    found = len(_different(scores.predicted[here]))
    if found >= check.distinct_at_least or not rows:
        return
    what = "different predictions"
    if scores.probabilities is not None or scores.decision is not None:
        found, what = max(found, _different_scores(scores)), "different predictions or scores"
    if found >= check.distinct_at_least:
        return
    only = "1 value only" if found == 1 else f"{found:,} different values"
    why = f"{only} in {counted(rows, 'prediction')}, where {check.distinct_at_least:,} are asked"
    if found == 1:
        why += f": always {listed(_different(scores.predicted[here]))}"
    yield CheckResult(
        check=f"at least {check.distinct_at_least:,} {what}",
        # so few rows cannot show that many
        verdict="fail" if rows >= check.distinct_at_least else "hold",
        challenger=float(found),
        champion=None,
        why=why,
        kind="predictions",
        id="predictions/distinct",
        value=float(found),
        limit=float(check.distinct_at_least),
        side="above",
        count=rows,
    )


def _different_scores(scores: Scores) -> int:
    import numpy as np

    made = scores.decision if scores.probabilities is None else scores.probabilities
    return len(np.unique(made, axis=0))


def _labels(scores: Scores, here: Any, check: Predictions) -> Iterator[CheckResult]:
    if check.labels is None and scores.classes is None:
        return
    source = "the evaluation data" if check.labels is None else "the policy"
    allowed = _different(scores.truth) if check.labels is None else check.labels
    said = _different(scores.predicted[here])
    unknown = [label for label in said if not _is_among(label, allowed)]
    if not unknown:
        return
    predicted = scores.predicted[here].tolist()
    count = sum(1 for label in predicted if _is_among(label, unknown))
    yield _failed(
        "labels",
        f"only labels of {source} predicted",
        f"{count:,} of {counted(len(predicted), 'prediction')} are labels that {source} does not"
        f" have: {listed(unknown)}",
        value=count / len(predicted),
        limit=0.0,
        side="below",
        count=len(predicted),
    )


def _is_among(label: Any, labels: Sequence[Any]) -> bool:
    """Tell whether a label is there; a text is never a number, 1 and 1.0 and True are one."""
    return any(isinstance(one, str) == isinstance(label, str) and one == label for one in labels)


def _different(values: Any) -> list[Any]:
    """Return the different values, in the order of their first; those that cannot be hashed too."""
    import pandas as pd

    if values.dtype.kind in "biuf":
        return list(pd.unique(values).tolist())
    found = values.tolist()
    try:
        return list(dict.fromkeys(found))
    except TypeError:
        return list(dict.fromkeys(map(repr, found)))


def _probabilities(scores: Scores) -> Iterator[CheckResult]:
    import numpy as np

    made = scores.probabilities
    if made is None:
        return
    asked = "probabilities from 0 to 1 that sum to 1"
    shape = (len(scores.predicted), len(scores.classes))
    if made.shape != shape:
        yield _failed(
            "probabilities",
            asked,
            f"predict_proba gives an array of shape {made.shape} for {counted(shape[0], 'row')}"
            f" and {shape[1]} classes",
        )
        return
    # what is not a number is in no range and in no sum
    inside = (made >= -ROUNDING) & (made <= 1 + ROUNDING)
    outside = ~inside.all(axis=1)
    unequal = ~(np.abs(made.sum(axis=1) - 1) <= SUM_ROUNDING) & ~outside
    told = []
    if outside.any():
        worst = numbers(float(made[~inside][0]))[0]
        told.append(f"{int(outside.sum()):,} outside 0 to 1, such as {worst}")
    if unequal.any():
        total = numbers(float(made[unequal][0].sum()))[0]
        told.append(f"{int(unequal.sum()):,} do not sum to 1, such as to {total}")
    if told:
        yield _failed(
            "probabilities",
            asked,
            f"of {counted(shape[0], 'row')} of probabilities {', and '.join(told)}",
            value=int((outside | unequal).sum()) / shape[0],
            limit=0.0,
            side="below",
            count=shape[0],
        )


def _all_well(scores: Scores, here: Any) -> CheckResult:
    rows = len(here)
    different = len(_different(scores.predicted[here]))
    missing = int((~here).sum())
    return CheckResult(
        check="predictions that are possible",
        verdict="pass",
        challenger=None,
        champion=None,
        why=f"{counted(rows, 'prediction')}, {f'{missing:,}' if missing else 'none'} missing,"
        f" {counted(different, 'different value')}",
        kind="predictions",
        id="predictions",
        count=rows,
    )


def _failed(aspect: str, check: str, why: str, **evidence: Any) -> CheckResult:
    return CheckResult(
        check=check,
        verdict="fail",
        challenger=evidence.get("value"),
        champion=None,
        why=why,
        kind="predictions",
        id=f"predictions/{aspect}",
        **evidence,
    )


def _percent(share: float) -> str:
    return f"{written(round(share * 100, 6))} %"
