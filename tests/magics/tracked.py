"""Cells that must work, and the runs that they leave behind."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, series
from mlops_jupyter.runs.run import Run
from tests.kernel import Answer, Kernel

DATA = """
import mlops_jupyter
import numpy as np
from sklearn.linear_model import Ridge
X = np.arange(20.0).reshape(-1, 1)
y = X[:, 0] * 2 + np.sin(X[:, 0])
"""


def ok(kernel: Kernel, source: str, **more: Any) -> Answer:
    """Execute a cell that neither fails nor goes unrecorded."""
    answer = kernel.run(source, **more)
    assert answer.status == "ok", answer.error
    assert "not recorded" not in answer.text
    return answer


def runs(project: Project) -> dict[str, Run]:
    """Return the runs by name; of one name the newest."""
    return {run.name: run for run in reversed(history.page(project, 100).runs)}


def steps(project: Project, run_id: str) -> dict[str, list[float | None]]:
    """Return the values of the metrics that are curves."""
    found = series.series(project, run_id).series
    return {one.name: list(one.values) for one in found}


def last_line(answer: Answer) -> str:
    """Return what stands below the cell."""
    return str(answer.data[-1]["text/plain"])
