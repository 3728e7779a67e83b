"""Which column a model predicts, found out from what is recorded of its run.

No kernel says what `fit` was called with. The label is a column of the run's data that the model
was not fitted on and that holds what it predicts: its classes, or numbers; of several, the only
one that the run's cells name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import MlopsError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history
from mlops_jupyter.runs.run import Run

SHOWN = 12
"""Columns that a message names."""


def features(fitted: Any) -> list[str]:
    """Return the columns that an estimator was fitted on; none where it does not know them."""
    names = getattr(fitted, "feature_names_in_", None)
    return [] if names is None else [str(name) for name in names]


def guess(project: Project, run: Run, fitted: Any, data: Sequence[DatasetVersion]) -> str:
    """Return the column that a run's model predicts.

    Parameters
    ----------
    project : Project
    run : Run
    fitted : fitted estimator
    data : sequence of DatasetVersion
        Where to look for it.

    Raises
    ------
    UsageError
        No column can be it, or several can.
    """
    found: dict[str, None] = {}
    for version in data:
        found.update(dict.fromkeys(_possible(project, fitted, version)))
    if len(found) > 1:
        named = set(_named(project, run))
        found = {name: None for name in found if name in named} or found
    if len(found) == 1:
        return next(iter(found))
    columns = list(found) or _others(fitted, data)
    shown = ", ".join(columns[:SHOWN]) + (", …" if len(columns) > SHOWN else "")
    raise UsageError(
        f"nothing tells which column the model of run {run.id[:8]} predicts",
        hint=f"name it: `--label COLUMN`; there is: {shown or 'no table that it could stand in'}",
    )


def _others(fitted: Any, data: Iterable[DatasetVersion]) -> list[str]:
    known = set(features(fitted))
    names = [column.name for version in data for column in version.columns]
    return [name for name in dict.fromkeys(names) if name not in known]


def _possible(project: Project, fitted: Any, version: DatasetVersion) -> Iterator[str]:
    """Yield the columns of a table that hold what a model predicts."""
    known = features(fitted)
    names = [column.name for column in version.columns]
    if version.kind != "frame" or not known or not set(known) <= set(names):
        return
    others = [name for name in names if name not in known]
    try:
        frame = versions.load(project, version.ref, columns=others, as_="pandas")
    except MlopsError:  # it is gone, or damaged: another one may tell
        return
    for name in others:
        if _holds_labels(fitted, frame[name]):
            yield name


def _holds_labels(fitted: Any, column: Any) -> bool:
    import pandas as pd

    classes = getattr(fitted, "classes_", None)
    there = column.dropna()
    if not len(there):
        return False
    if classes is None:
        return bool(pd.api.types.is_numeric_dtype(there))
    try:
        return bool(set(there.unique().tolist()) <= set(classes.tolist()))
    except (AttributeError, TypeError):  # several outputs, or values that cannot be hashed
        return False


def _named(project: Project, run: Run) -> Iterator[str]:
    """Yield the texts and attributes that the cells of a run name."""
    for cell in history.detail(project, run.id).cells:
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError):  # magics
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.Attribute):
                yield node.attr
