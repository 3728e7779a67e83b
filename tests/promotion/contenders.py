"""Challengers and champions of which a gate is asked, without a project."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
from msgspec.structs import replace

from mlops_jupyter.config import Check, Compare, Evaluate, Floor, Model
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.promotion import gates
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.decision import CheckResult, Evaluation, GateReport
from mlops_jupyter.promotion.scoring import metric
from mlops_jupyter.promotion.scoring.metric import Scores


def policy(*checks: Floor | Compare) -> Model:
    return Model(
        pipeline="train",
        evaluate=Evaluate(data="flights@latest", label="late"),
        checks=[by_point(check) for check in checks],
    )


def by_point(check: Floor | Compare) -> Check:
    if isinstance(check, Floor):
        return Check(floor=replace(check, by="point"))
    margin = 0.0 if check.margin is None else check.margin
    return Check(compare=replace(check, by="point", margin=margin))


def scored(version: int, rows: str = "blake3:0", **metrics: float | None) -> Evaluation:
    return Evaluation(
        id=f"{version:016x}",
        model="flights",
        version=version,
        data="flights@7",
        label="late",
        row_count=1000,
        left_out=3,
        rows_digest=rows,
        metrics=metrics,
        scores="blake3:0",
    )


SCORES = Scores(np.array([0, 1]), np.array([0, 1]), np.array([0, 1]), np.eye(2))


def report_of(
    asked: Model,
    challenger: Evaluation,
    champion: Evaluation | None,
    run_metrics: dict[str, float | None],
) -> GateReport:
    """Judge two evaluations: checks by point look at nothing else."""
    ours, theirs = (
        None
        if side is None
        else Contender(
            ModelVersion(side.model, side.version, "run", "blake3:0", "now"),
            None, SimpleNamespace(metrics=run_metrics), SCORES, side,
        )
        for side in (challenger, champion)
    )  # fmt: skip
    assert ours is not None
    return gates.judge(Case(None, asked, SimpleNamespace(clusters=None), ours, theirs))


def judge(
    check: Floor | Compare,
    challenger: float | None,
    champion: float | None = 0.5,
    run_metrics: dict[str, float | None] | None = None,
) -> CheckResult:
    """Judge version 2 against champion version 1 by one check on one metric."""
    report = report_of(
        policy(check),
        scored(2, **{check.metric: challenger}),
        scored(1, **{check.metric: champion}),
        run_metrics or {},
    )
    assert report.verdict == report.checks[0].verdict
    return report.checks[0]


def judged(
    ours: Scores, theirs: Scores | None, *checks: Floor | Compare, **policy: Any
) -> GateReport:
    """Judge by intervals: version 2 against champion version 1, by what they say of the rows."""
    sides = [
        None
        if scores is None
        else Contender(
            ModelVersion("flights", version, "run", "blake3:0", "now"),
            None, SimpleNamespace(metrics={"profit": 5.0}), scores,
            dataclasses.replace(
                scored(version, **metric.score(scores)), row_count=len(scores.truth)
            ),
        )
        for version, scores in ((2, ours), (1, theirs))
    ]  # fmt: skip
    assert sides[0] is not None
    asked = Model(
        evaluate=Evaluate(data="flights@latest", label="late"),
        checks=[Check(**{type(check).__name__.lower(): check}) for check in checks],
        **policy,
    )
    return gates.judge(Case(None, asked, SimpleNamespace(clusters=None), *sides))


def labels(right: int, rows: int, *, wrong_first: bool = False) -> Scores:
    """Return a classifier without probabilities that is right on so many rows."""
    truth = np.arange(rows) % 2
    is_right = np.arange(rows) < right
    if wrong_first:
        is_right = is_right[::-1]
    return Scores(truth, np.where(is_right, truth, 1 - truth), np.array([0, 1]))
