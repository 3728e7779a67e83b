"""Cases for single checks: a challenger on rows, with no registry and no champion."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from mlops_jupyter.config import Check, Evaluate, Model
from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.gates import JUDGES
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.scoring.rows import Rows, take_rows
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.runs.run import Run

HOSTILE = "<b>pay\n'\"`" + "x" * 10_000
"""The name of a column, as it comes from the world."""


def case_of(
    project: Project | None,
    rows: Rows | None,
    scores: Scores | None = None,
    *,
    estimator: Any = None,
    run: Any = None,
    model_digest: str = "blake3:0",
    champion: Contender | None = None,
    **evaluate: Any,
) -> Case:
    """Return a case: what a check does not look at is not there."""
    given = {"data": "test@1", "label": "late", **evaluate}
    policy = Model(evaluate=Evaluate(**given), checks=[])
    contender = contender_of(2, estimator, scores, run, model_digest)
    return Case(
        project=project, policy=policy, rows=rows, challenger=contender, champion=champion
    )  # fmt: skip


def contender_of(
    version: int,
    estimator: Any,
    scores: Scores | None = None,
    run: Any = None,
    model_digest: str = "blake3:0",
) -> Contender:
    run = run or SimpleNamespace(id="f" * 16, metrics={}, data=())
    made = ModelVersion("late", version, run.id, model_digest, "now")
    return Contender(made, estimator, run, scores, SimpleNamespace(model="late", version=version))


def rows_of(
    project: Project, frame: pd.DataFrame, label: str = "late", dataset: str = "test"
) -> Rows:
    """Keep a frame as a version, and take its rows as a gate does."""
    return take_rows(project, snapshot(project, frame, dataset), Evaluate(data="", label=label))


def run_reading(project: Project, *refs: str) -> Run:
    """Keep a run that read data versions."""
    run_id = recorder.open_run(project, "fit", notebook="study.ipynb")
    with project.catalog.transaction() as rows:
        rows.executemany(
            "INSERT INTO run_data (run_id, version_id) VALUES (?, ?)",
            [(run_id, versions.row_id(project, versions.resolve(project, ref))) for ref in refs],
        )
    return history.get(project, run_id)


def judged(case: Case, **check: Any) -> list[CheckResult]:
    """Make one check, and see that each result says what every result must say."""
    (kind, asked), = check.items()  # fmt: skip
    results = list(JUDGES[kind](case, getattr(Check(**{kind: asked}), kind)))
    assert results, "silence is no verdict"
    assert len({result.id for result in results}) == len(results)
    for result in results:
        assert result.kind == kind
        assert result.id.split("/")[0] == kind
        for text in (result.check, result.why):
            assert text.strip()
            assert "\n" not in text
            assert len(text) < 600
    return results


def only(results: list[CheckResult]) -> CheckResult:
    """Return the one result."""
    assert len(results) == 1, [result.why for result in results]
    return results[0]


def verdicts(results: list[CheckResult]) -> dict[str, str]:
    return {result.id: result.verdict for result in results}


def classified(
    truth: Any, predicted: Any, probabilities: Any = None, classes: Any = (0, 1)
) -> Scores:
    """Return the scores of a classifier."""
    return Scores(
        np.array(truth),
        np.array(predicted),
        None if classes is None else np.array(classes),
        None if probabilities is None else np.array(probabilities, dtype=float),
    )
