"""What a model says of the rows, and whether it can be scored at all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from mlops_jupyter.errors import CellFailedError, UsageError, last_line
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.scoring.rows import Rows, some


def predict(name: str, estimator: Any, rows: Rows) -> Scores:
    """Ask an estimator for its predictions, and what else it says of the rows.

    Predictions that are not numbers, and probabilities that are none, are kept as they are: the
    metrics that need them are not defined then.

    Parameters
    ----------
    name : str
        What people call it, for the messages: ``flights v2``.
    estimator : fitted estimator
        Gets the columns that it was fitted on (``feature_names_in_``), or all but the label
        and the id when it does not know.
    rows : Rows

    Raises
    ------
    UsageError
        The data lacks columns that the estimator needs, the labels are none of its classes, or
        what it predicts is not one value per row of the kind of the labels.
    CellFailedError
        The estimator's own code raised.
    """
    import numpy as np

    features = _features(name, estimator, rows)
    classes = getattr(estimator, "classes_", None)
    predicted = _asked(name, estimator.predict, features, rows)
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        predicted = predicted[:, 0]
    if predicted.shape != rows.truth.shape:
        raise UsageError(
            f"{name} predicts an array of shape {predicted.shape} for {len(rows.truth)} rows",
            hint="one value per row can be scored",
        )
    if classes is None:
        _check_number(name, rows)
        return Scores(rows.truth, _numbers(name, predicted, rows), queries=rows.queries)
    classes = np.asarray(classes)
    _check_classes(name, classes, predicted, rows)
    probabilities = decision = None
    if hasattr(estimator, "predict_proba"):
        probabilities = _said(name, estimator.predict_proba, features, rows)
        _check_probabilities(name, probabilities, classes, rows)
    elif hasattr(estimator, "decision_function"):
        decision = _said(name, estimator.decision_function, features, rows)
    return Scores(rows.truth, predicted, classes, probabilities, decision, rows.queries)


def _features(name: str, estimator: Any, rows: Rows) -> Any:
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        frame, count = rows.frame, getattr(estimator, "n_features_in_", None)
        if rows.ids is not None and count != frame.shape[1]:
            frame = frame.drop(columns=[rows.ids.name])
        if count is not None and count != frame.shape[1]:
            raise UsageError(
                f"{name} was fitted on {count} columns without names, and {rows.data} has"
                f" {frame.shape[1]} beside the label",
                hint="fit it on a data frame, so that it knows its columns by name",
            )
        return frame
    missing = [column for column in names if column not in rows.frame.columns]
    if missing:
        raise UsageError(
            f"{rows.data} lacks columns that {name} was fitted on: {some(missing)}",
            hint=f"it has: {some(rows.frame.columns)}",
        )
    return rows.frame[list(names)]


def _asked(name: str, method: Callable[[Any], Any], features: Any, rows: Rows) -> Any:
    """Call a method of the estimator; what its code raises is an error of the user's code."""
    import numpy as np

    try:
        with warnings.catch_warnings():
            # an estimator fitted on plain arrays warns that these rows have column names
            warnings.simplefilter("ignore")
            return np.asarray(method(features))
    # one that leaves by sys.exit would end the gate as if it had passed
    except (Exception, SystemExit) as error:
        raise CellFailedError(name, f"predicting {rows.data}", last_line(error)) from error


def _said(name: str, method: Callable[[Any], Any], features: Any, rows: Rows) -> Any:
    found = _asked(name, method, features, rows)
    if found.dtype.kind not in "biufO":
        raise UsageError(f"{name} gives {_kind(found)} where probabilities are wanted")
    try:
        return found if found.dtype.kind == "f" else found.astype(float)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} gives {_kind(found)} where probabilities are wanted") from error


def _check_number(name: str, rows: Rows) -> None:
    if rows.truth.dtype.kind not in "biufO":
        raise UsageError(
            f"{name} has no `classes_`, so it predicts numbers, and the column {rows.label!r} of"
            f" {rows.data} holds {_kind(rows.truth)}",
            hint="`evaluate.label` in mlops.yaml names the column that it was fitted to predict",
        )


def _numbers(name: str, predicted: Any, rows: Rows) -> Any:
    """Return predictions of a regressor as numbers; what is missing is NaN."""
    import pandas as pd

    found = predicted
    if found.dtype.kind == "O" and not any(isinstance(value, str | bytes) for value in found):
        try:
            return pd.array(found, dtype="Float64").to_numpy(float, na_value=float("nan"))
        except (TypeError, ValueError):
            pass
    if found.dtype.kind not in "biuf":
        raise UsageError(
            f"{name} predicts {_kind(found)}, and the column {rows.label!r} holds numbers",
            hint="a number per row can be scored",
        )
    return found


def _check_classes(name: str, classes: Any, predicted: Any, rows: Rows) -> None:
    import numpy as np

    if not np.isin(rows.truth, classes).any():
        raise UsageError(
            f"no label of {rows.data} is one that {name} knows: the column {rows.label!r} has"
            f" {some(np.unique(rows.truth))}; it predicts {some(classes)}",
            hint="`evaluate.label` in mlops.yaml names the column that it was fitted to predict",
        )
    is_text = predicted.dtype.kind in "US"
    if predicted.dtype.kind in "cmMV" or (classes.dtype.kind in "biuf" and is_text):
        raise UsageError(
            f"{name} predicts {_kind(predicted)}, and its classes are: {some(classes)}",
            hint="one of its classes per row can be scored",
        )


def _check_probabilities(name: str, found: Any, classes: Any, rows: Rows) -> None:
    if found.shape != (len(rows.truth), len(classes)):
        raise UsageError(
            f"{name} gives probabilities of shape {found.shape} for {len(rows.truth)} rows and"
            f" {len(classes)} classes",
            hint="one per row and class can be scored",
        )


def _kind(values: Any) -> str:
    kinds = {"U": "text", "S": "bytes", "c": "complex numbers", "M": "times", "m": "durations"}
    if values.dtype.kind == "O" and any(isinstance(value, str) for value in values.flat):
        return "text"
    return kinds.get(values.dtype.kind, f"values of type {values.dtype}")
