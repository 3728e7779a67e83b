"""Scoring a model version on the rows of a dataset version."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import CellFailedError, UsageError
from mlops_jupyter.project import Project, now
from mlops_jupyter.promotion import metric
from mlops_jupyter.promotion.decision import Evaluation
from mlops_jupyter.promotion.metric import Scores
from mlops_jupyter.store.objects import digest_of

SHOWN = 8
"""Columns and values that a message names before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows on which challenger and champion are both scored.

    Attributes
    ----------
    data : DatasetVersion
    label : str
        The column to predict.
    frame : pandas.DataFrame
        The rows that have a label, without it.
    truth : numpy.ndarray
        Their labels.
    positions : numpy.ndarray
        Where they stand in the dataset version, from 0.
    left_out : int
        Rows without a label.
    digest : str
        Of dataset version, label column, positions and labels, whatever the features are.
    """

    data: DatasetVersion
    label: str
    frame: Any
    truth: Any
    positions: Any
    left_out: int
    digest: str


def check_data(data: DatasetVersion, label: str) -> None:
    """Refuse data on which nothing can be scored, without reading it.

    Raises
    ------
    UsageError
        It is no table, or has no such column.
    """
    if data.kind != "frame":
        raise UsageError(
            f"{data} is a file, and models are scored on tables",
            hint="take a version of the data frame: `%snapshot df --name NAME`",
        )
    columns = [column.name for column in data.columns]
    if label not in columns:
        raise UsageError(
            f"{data} has no column {label!r} to score models by",
            hint=f"`evaluate.label` in mlops.yaml is one of: {_some(columns)}",
        )


def take_rows(project: Project, data: DatasetVersion, label: str) -> Rows:
    """Read the rows of a dataset version that have a label.

    Raises
    ------
    UsageError
        It cannot be scored on: see `check_data`; or no row has a label.
    IntegrityError
        The stored data is damaged or missing.
    """
    import numpy as np
    import pandas as pd

    check_data(data, label)
    frame = versions.load(project, data.ref)
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"{data} is a single column, and models are scored on tables")
    # by position, because a column's name need not be text
    column = [described.name for described in data.columns].index(label)
    positions = np.flatnonzero(frame.iloc[:, column].notna())
    if not len(positions):
        raise UsageError(f"no row of {data} has a value in the label column {label!r}")
    labels = frame.iloc[positions, column]
    hashes = pd.util.hash_pandas_object(labels, index=False).to_numpy("<u8")
    head = msgspec.json.encode([data.digest, label])
    return Rows(
        data=data,
        label=label,
        frame=frame.iloc[positions, [n for n in range(frame.shape[1]) if n != column]],
        # through Python's own values: pandas has many types of array for the same labels
        truth=np.array(labels.tolist()),
        positions=positions,
        left_out=len(frame) - len(positions),
        digest=digest_of(head + positions.astype("<i8").tobytes() + hashes.tobytes()),
    )


def evaluate(project: Project, model: str, version: int, estimator: Any, rows: Rows) -> Evaluation:
    """Score a version, and keep its predictions row by row.

    Parameters
    ----------
    project : Project
    model, version : str, int
        What is scored.
    estimator : fitted estimator
        Gets the columns that it was fitted on (``feature_names_in_``), or all but the label
        when it does not know.
    rows : Rows
        The same for all versions that are to be compared.

    Raises
    ------
    UsageError
        The data lacks columns that the estimator needs, or the labels are none of its classes.
    CellFailedError
        The estimator's own code raised.
    """
    return keep(project, model, version, predict(f"{model} v{version}", estimator, rows), rows)


def keep(project: Project, model: str, version: int, scores: Scores, rows: Rows) -> Evaluation:
    """Score what a version predicted, and keep both."""
    with project.objects.held():
        return _keep(project, model, version, scores, rows)


def _keep(project: Project, model: str, version: int, scores: Scores, rows: Rows) -> Evaluation:
    made = Evaluation(
        id=secrets.token_hex(8),
        model=model,
        version=version,
        data=rows.data.ref,
        label=rows.label,
        row_count=len(rows.positions),
        left_out=rows.left_out,
        rows_digest=rows.digest,
        metrics=metric.score(scores),
        scores=project.objects.write(_as_stream(scores, rows)),
    )
    metrics = msgspec.json.encode(made.metrics).decode()
    with project.catalog.transaction() as connection:
        connection.execute(
            "INSERT INTO evaluation (id, model, version, version_id, label, row_count, left_out,"
            " rows_digest, metrics, scores, evaluated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                made.id, model, version, versions.row_id(project, rows.data), made.label,
                made.row_count, made.left_out, made.rows_digest, metrics, made.scores, now(),
            ),
        )  # fmt: skip
    return made


def predict(name: str, estimator: Any, rows: Rows) -> Scores:
    """Ask an estimator for its predictions, and what else it says of the rows.

    Parameters
    ----------
    name : str
        What people call it, for the messages: ``flights v2``.
    """
    import numpy as np

    features = _features(name, estimator, rows)
    classes = getattr(estimator, "classes_", None)
    try:
        with warnings.catch_warnings():
            # an estimator fitted on plain arrays warns that these rows have column names
            warnings.simplefilter("ignore")
            predicted = np.asarray(estimator.predict(features))
            probabilities = _optional(estimator, "predict_proba", features, classes)
            decision = None
            if probabilities is None:
                decision = _optional(estimator, "decision_function", features, classes)
    except Exception as error:
        reason = (str(error).strip().splitlines() or ["no message"])[0]
        raise CellFailedError(
            name, f"predicting {rows.data}", f"{type(error).__name__}: {reason}"
        ) from error
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        predicted = predicted[:, 0]
    if predicted.shape != rows.truth.shape:
        raise UsageError(
            f"{name} predicts an array of shape {predicted.shape} for {len(rows.truth)} rows",
            hint="one value per row can be scored",
        )
    if classes is not None:
        classes = np.asarray(classes)
        _check_classes(name, classes, rows)
    return Scores(rows.truth, predicted, classes, probabilities, decision)


def _features(name: str, estimator: Any, rows: Rows) -> Any:
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        count = getattr(estimator, "n_features_in_", None)
        if count is not None and count != rows.frame.shape[1]:
            raise UsageError(
                f"{name} was fitted on {count} columns without names, and {rows.data} has"
                f" {rows.frame.shape[1]} beside the label",
                hint="fit it on a data frame, so that it knows its columns by name",
            )
        return rows.frame
    missing = [column for column in names if column not in rows.frame.columns]
    if missing:
        raise UsageError(
            f"{rows.data} lacks columns that {name} was fitted on: {_some(missing)}",
            hint=f"it has: {_some(rows.frame.columns)}",
        )
    return rows.frame[list(names)]


def _optional(estimator: Any, method: str, features: Any, classes: Any) -> Any:
    import numpy as np

    if classes is None or not hasattr(estimator, method):
        return None
    return np.asarray(getattr(estimator, method)(features), dtype=float)


def _check_classes(name: str, classes: Any, rows: Rows) -> None:
    import numpy as np

    if not np.isin(rows.truth, classes).any():
        raise UsageError(
            f"no label of {rows.data} is one that {name} knows: the column {rows.label!r} has"
            f" {_some(np.unique(rows.truth))}; it predicts {_some(classes)}",
            hint="`evaluate.label` in mlops.yaml names the column that it was fitted to predict",
        )


def _as_stream(scores: Scores, rows: Rows) -> bytes:
    import pyarrow as pa

    table = pa.table(dict(_columns(scores, rows)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _columns(scores: Scores, rows: Rows) -> Iterator[tuple[str, Any]]:
    yield "row", rows.positions
    yield "label", scores.truth
    yield "prediction", scores.predicted
    if scores.probabilities is not None:
        for position, value in enumerate(scores.classes):
            yield f"probability of {value}", scores.probabilities[:, position]
    elif scores.decision is not None and scores.decision.ndim == 1:
        yield "decision", scores.decision


def _some(names: Iterable[Any]) -> str:
    listed = [str(name) for name in names]
    more = len(listed) - SHOWN
    return ", ".join(listed[:SHOWN]) + (f" and {more} more" if more > 0 else "")
