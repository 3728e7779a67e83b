"""Runs that hold a fitted model, as a kernel leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cloudpickle

from mlops_jupyter.data import versions
from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror, recorder
from mlops_jupyter.runs.recorder import Findings, FittedModel, RunPart
from tests.runs.test_recorder import executed


def keep_run(
    project: Project,
    estimator: Any = None,
    metrics: Mapping[str, float] | None = None,
    *,
    example: Any = None,
    copy: bool = True,
    source: str = "model.fit(X, y)",
    reads: Sequence[str] = (),
) -> str:
    """Record a run that fitted `estimator`, copy it to MLflow, and return its id.

    `source` is that of its only cell, `reads` are the data versions that it stands on.
    """
    model = None
    if estimator is not None:
        model = FittedModel(
            kind=type(estimator).__name__,
            content=cloudpickle.dumps(estimator),
            example=None if example is None else cloudpickle.dumps(example),
        )
    session_id = recorder.open_session(project, "study.ipynb")
    run_id = recorder.open_run(project, "fit", notebook="study.ipynb", session_id=session_id)
    findings = Findings(metrics={(k, 0): v for k, v in (metrics or {}).items()}, model=model)
    cell = executed(session_id, 1, source)
    recorder.record(project, cell, [RunPart(run_id, findings, "finished")])
    with project.catalog.transaction() as rows:
        for version in (versions.resolve(project, ref) for ref in reads):
            rows.execute(
                "INSERT INTO run_data (run_id, version_id) VALUES (?, ?)",
                (run_id, versions.row_id(project, version)),
            )
    if copy:
        mirror.drain(project)
    return run_id
