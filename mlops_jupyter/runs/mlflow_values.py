"""Names and values in the form that MLflow takes: what it refuses is changed, and kept in full.

MLflow's limits: https://mlflow.org/docs/latest/ml/tracking (mlflow.utils.validation); those of
its PostgreSQL tables are the same or wider, but PostgreSQL holds to them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from mlflow.entities import Metric, Param

from mlops_jupyter.project import Project
from mlops_jupyter.runs.run import Run
from mlops_jupyter.store.objects import digest_of

LONGEST_PARAMETER = 6000
"""MLflow cuts longer values in silence (MAX_PARAM_VAL_LENGTH)."""

LONGEST_TAG = 8000
"""The same for tags (MAX_TAG_VAL_LENGTH)."""

LONGEST_NAME = 250
"""Of a metric, a parameter, a tag and a run."""


def keys(names: Iterable[str]) -> dict[str, str]:
    """Return for each name the key that it has in MLflow; two names never share one.

    A name that MLflow takes is its own key. Of the others the refused characters become
    ``_``; where that gives another name's key, or the name was cut, eight digits of the
    name's digest tell them apart.
    """
    known = sorted(set(names))
    found = {name: name for name in known if _cleaned(name) == name}
    taken = set(found)
    for name in known:
        if name not in found:
            key = _cleaned(name)[:LONGEST_NAME]
            if key in taken or len(name) > LONGEST_NAME:
                key = f"{key[: LONGEST_NAME - 9]}-{digest_of(name.encode()).split(':')[1][:8]}"
            found[name] = key
            taken.add(key)
    return found


def _cleaned(name: str) -> str:
    cleaned = re.sub(r"[^\w.\- :/]", "_", name)
    normal = posixpath.normpath(cleaned)
    if normal != cleaned or normal == "." or normal.startswith(("..", "/")):
        # MLflow takes names for paths of files, and refuses those that lead elsewhere
        cleaned = cleaned.replace("/", "_").replace("..", "__")
        cleaned = "_" if cleaned in {"", "."} else cleaned
    return cleaned if len(cleaned) <= LONGEST_NAME else cleaned[:LONGEST_NAME]


def text(value: Any, longest: int) -> str:
    """Return a value as text; what is too long ends in ``…``."""
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    shown = shown.replace("\0", "␀")  # PostgreSQL has no such character
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def params(run: Run, present: Mapping[str, str]) -> list[Param]:
    """Return the parameters that MLflow does not have yet: it never changes one."""
    return [
        Param(key, text(run.parameters[name], LONGEST_PARAMETER))
        for name, key in keys(run.parameters).items()
        if key not in present
    ]


def metrics(
    project: Project,
    run: Run,
    mlflow_id: str,
    model_id: str | None,
    present: Mapping[str, tuple[int, int]],
) -> list[Metric]:
    """Return all steps of all metrics that MLflow does not have yet.

    Parameters
    ----------
    project : Project
    run : Run
    mlflow_id : str
    model_id : str or None
        MLflow's id of the run's model.
    present : mapping of str to (int, int)
        Step and time (milliseconds) of the last one that MLflow has, by key. They are copied
        in order: what is neither later nor logged later is there.
    """
    steps = project.catalog.rows(
        "SELECT name, step, value, at FROM metric WHERE run_id = ? ORDER BY name, step", (run.id,)
    )
    last = {row["name"]: row["step"] for row in steps}
    key_of = keys(last)
    ended_at = run.ended_at or run.started_at
    found = [
        Metric(
            key_of[name],
            float("nan") if value is None else value,
            milliseconds(at or ended_at),
            step,
            # the model bears what it ended with, not its history
            model_id=model_id if step == last[name] else None,
            run_id=mlflow_id,
        )
        for name, step, value, at in steps
    ]
    return [metric for metric in found if not _is_there(metric, present.get(metric.key))]


def _is_there(metric: Metric, last: tuple[int, int] | None) -> bool:
    return last is not None and metric.step <= last[0] and metric.timestamp <= last[1]


def renamed(run: Run) -> dict[str, Any]:
    """Return the metrics that have another name in MLflow: the key, and the last value."""
    return {
        name: {"key": key, "value": run.metrics[name]}
        for name, key in keys(run.metrics).items()
        if key != name
    }


def milliseconds(time: str) -> int:
    """Return one of the catalog's times as MLflow counts it."""
    return int(datetime.fromisoformat(time).timestamp() * 1000)
