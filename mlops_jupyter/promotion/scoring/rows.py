"""The rows on which models are scored: those of a dataset version that have a label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_jupyter.config import Evaluate
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import digest_of

SHOWN = 8
"""Columns and values that a message names before it says how many more there are."""
LONGEST = 100
"""Characters of each."""


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
        Of dataset version, label column, positions, labels and ids, whatever the features are.
    ids : pandas.Series or None
        What `evaluate.id` names them by.
    queries : numpy.ndarray or None
        For ranking: which query a row belongs to, as a number from 0.
    clusters : numpy.ndarray or None
        Rows with the same number are not independent: those of `evaluate.cluster_by`, or of a
        query.
    """

    data: DatasetVersion
    label: str
    frame: Any
    truth: Any
    positions: Any
    left_out: int
    digest: str
    ids: Any = None
    queries: Any = None
    clusters: Any = None


def check_data(data: DatasetVersion, evaluate: Evaluate) -> None:
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
    if evaluate.label not in columns:
        raise UsageError(
            f"{data} has no column {evaluate.label!r} to score models by",
            hint=f"`evaluate.label` in mlops.yaml is one of: {some(columns)}",
        )
    for key in ("id", "cluster_by", "group"):
        column = getattr(evaluate, key)
        if column is not None and column not in columns:
            raise UsageError(
                f"{data} has no column {column!r}",
                hint=f"`evaluate.{key}` in mlops.yaml is one of: {some(columns)}",
            )
        if column == evaluate.label:
            raise UsageError(f"the label {column!r} cannot be `evaluate.{key}` too")


def take_rows(project: Project, data: DatasetVersion, evaluate: Evaluate) -> Rows:
    """Read the rows of a dataset version that have a label.

    Raises
    ------
    UsageError
        It cannot be scored on: see `check_data`; or no row has a label, an id stands twice, or
        a row has no id, no query or no cluster.
    IntegrityError
        The stored data is damaged or missing.
    """
    import numpy as np
    import pandas as pd

    check_data(data, evaluate)
    frame = versions.load(project, data.ref)
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"{data} is a single column, and models are scored on tables")
    # by position, because a column's name need not be text
    place = [described.name for described in data.columns].index
    label = place(evaluate.label)
    positions = np.flatnonzero(frame.iloc[:, label].notna())
    if not len(positions):
        raise UsageError(f"no row of {data} has a value in the label column {evaluate.label!r}")
    labelled = frame if len(positions) == len(frame) else frame.iloc[positions]
    labels = labelled.iloc[:, label]
    ids, queries, clusters = (
        None if column is None else labelled.iloc[:, place(column)]
        for column in (evaluate.id, evaluate.group, evaluate.cluster_by)
    )
    head = msgspec.json.encode([data.digest, evaluate.label])
    content = head + positions.astype("<i8").tobytes() + _hashed(labels)
    if ids is not None:
        _check_ids(data, ids)
        content += _hashed(ids)
    numbered = None if queries is None else _numbers(data, queries)
    return Rows(
        data=data,
        label=evaluate.label,
        frame=labelled.iloc[:, [n for n in range(frame.shape[1]) if n != label]],
        # through Python's own values: pandas has many types of array for the same labels
        truth=np.array(labels.tolist()),
        positions=positions,
        left_out=len(frame) - len(positions),
        digest=digest_of(content),
        ids=ids,
        queries=numbered,
        clusters=numbered if clusters is None else _numbers(data, clusters),
    )


def _hashed(values: Any) -> bytes:
    import pandas as pd

    return bytes(pd.util.hash_pandas_object(values, index=False).to_numpy("<u8").tobytes())


def _check_ids(data: DatasetVersion, ids: Any) -> None:
    missing = int(ids.isna().sum())
    if missing:
        raise UsageError(
            f"{_rows(missing, data)} no value in {str(ids.name)!r}, which names the rows",
            hint="`evaluate.id` in mlops.yaml is a column that each row has a value of its own in",
        )
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        raise UsageError(
            f"rows of {data} stand there twice: {len(repeated):,} values of {str(ids.name)!r} are"
            f" those of several rows: {some(repeated)}",
            hint="keep one of each, or name another column: `evaluate.id` in mlops.yaml",
        )


def _numbers(data: DatasetVersion, values: Any) -> Any:
    """Return equal values as equal numbers."""
    import pandas as pd

    codes, _ = pd.factorize(values)
    missing = int((codes < 0).sum())
    if missing:
        raise UsageError(
            f"{_rows(missing, data)} no value in {str(values.name)!r}, so nobody knows with"
            " which others they belong",
            hint="give each of them a value of its own, or leave them out",
        )
    return codes


def _rows(count: int, data: DatasetVersion) -> str:
    return f"1 row of {data} has" if count == 1 else f"{count:,} rows of {data} have"


def some(names: Iterable[Any]) -> str:
    """Name the first of many, and say how many more there are."""
    listed = list(names)
    shown = ", ".join(" ".join(str(name).split())[:LONGEST] for name in listed[:SHOWN])
    more = len(listed) - SHOWN
    return shown + (f" and {more:,} more" if more > 0 else "")
