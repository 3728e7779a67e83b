"""``leakage``: the evaluation data was not seen in training, and no column gives the label away."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from mlops_jupyter.config import Leakage, Model
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import UsageError
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks import give_away, overlap, training
from mlops_jupyter.promotion.checks.inputs import features
from mlops_jupyter.promotion.checks.naming import counted, listed, shown
from mlops_jupyter.promotion.checks.training import Training
from mlops_jupyter.promotion.checks.words import numbers, written
from mlops_jupyter.promotion.decision import CheckResult

WRITE = "write `leakage: {train: DATASET@NUMBER}` in mlops.yaml"


def judge(case: Case, check: Leakage) -> Iterator[CheckResult]:
    """Look for rows, ids and times of training in the evaluation data, and for a tell-tale column.

    Raises
    ------
    NotFoundError, UsageError
        There is no such version or column, it is no table, or nothing is asked.
    IntegrityError
        Stored data is damaged or missing.
    """
    refuse(case.policy, check)
    if _asks_rows(case.policy, check):
        yield from _seen(case, check)
    if check.feature_auc is not None:
        yield _given_away(case, check.feature_auc)


def refuse(policy: Model, check: Leakage) -> None:
    """Refuse a check that asks for nothing.

    Raises
    ------
    UsageError
        It does.
    """
    if not _asks_rows(policy, check) and check.feature_auc is None:
        raise UsageError("`leakage` asks for nothing", hint="leave `rows` or `feature_auc` on")


def _asks_rows(policy: Model, check: Leakage) -> bool:
    by_id = check.ids and policy.evaluate.id is not None
    return check.rows or by_id or check.time is not None


def _seen(case: Case, check: Leakage) -> Iterator[CheckResult]:
    """Compare with what the challenger was trained on."""
    found = training.of(case, check.train)
    data = case.rows.data
    if not found.versions:
        why = (
            f"the run of {case.challenger} read no data version, so nobody knows what it was"
            f" trained on: {WRITE}"
        )
        yield _of_data("hold", why, "it is known what the model was trained on")
        return
    for version in found.versions:
        if training.is_same(version, data):
            is_read = "" if found.is_named else ", which is all that its run read"
            why = f"{case.challenger} was trained on {version}{is_read}: that is {data} itself"
            yield _of_data("fail", why, f"{data} is not what the model was trained on")
            return
    if found.read_evaluation:
        why = f"its run read {data} too, to train or to score, nobody knows: {WRITE}"
        yield _of_data("hold", why, f"{data} is not what the model was trained on")
    for version in found.versions:
        for result in _in_version(case, check, version, found):
            yield _as_sure_as(found, result, version)


def _in_version(
    case: Case, check: Leakage, version: DatasetVersion, found: Training
) -> Iterator[CheckResult]:
    try:
        frame = training.frame_of(case, version)
    except UsageError as error:
        if found.is_named:
            raise
        why = f"its run read {version}, and that cannot be looked at: {error.message}; {WRITE}"
        yield _of_data("hold", why, f"no row of {version}", version)
        return
    # one of several need not have the columns that one that is named must have
    must = found.is_named or len(found.versions) == 1
    if check.rows:
        yield overlap.of_rows(case, version, frame, check.overlap)
    if check.ids and case.policy.evaluate.id is not None:
        yield from overlap.of_ids(case, version, frame, check.overlap, must=must)
    if check.time is not None:
        yield from overlap.of_time(case, version, frame, check.time, must=must)


def _as_sure_as(found: Training, result: CheckResult, version: DatasetVersion) -> CheckResult:
    """Hold what fails by a version that may just be where the evaluation data was taken from."""
    if found.is_named or result.verdict != "fail":
        return result
    if not found.read_evaluation:
        return dataclasses.replace(result, why=f"{result.why}; its run read {version}")
    why = f"{result.why}; whether it was trained on {version} nobody knows: {WRITE}"
    return dataclasses.replace(result, verdict="hold", why=why)


def _of_data(
    verdict: Any, why: str, check: str, version: DatasetVersion | None = None
) -> CheckResult:
    return CheckResult(
        check=check,
        verdict=verdict,
        challenger=None,
        champion=None,
        why=why,
        kind="leakage",
        id="leakage/data" if version is None else f"leakage/data/{version}",
    )


def _given_away(case: Case, limit: float) -> CheckResult:
    """Judge each column that the model uses alone."""
    rows = case.rows
    is_classes = case.challenger.scores.classes is not None
    frame = features(case, case.challenger.estimator)
    found = sorted(
        give_away.strengths(frame, rows.truth, is_classes=is_classes),
        key=lambda one: -one[1],
    )
    made = CheckResult(
        check=f"no column alone ranks {shown(rows.label)} by an AUC above {written(limit)}",
        verdict="not_judged",
        challenger=None,
        champion=None,
        why=f"{counted(len(rows.truth), 'row')} with these labels are too few to tell",
        kind="leakage",
        id="leakage/feature",
        count=len(rows.truth),
    )
    if not frame.shape[1]:
        return dataclasses.replace(made, why="the model uses no column")
    if not found:
        return made
    name, best = found[0]
    over = [other for other, auc in found if auc > limit]
    value, most = numbers(best, limit)
    more = "" if len(over) < 2 else f", and so do {listed(over[1:])}"
    why = f"{shown(name)} ranks it best, by {value}"
    if over:
        why = f"{shown(name)} alone ranks it by {value}, above {most}{more}"
    return dataclasses.replace(
        made,
        verdict="fail" if over else "pass",
        why=why,
        challenger=best,
        value=best,
        limit=limit,
        side="below",
        count=min(len(rows.truth), give_away.SAMPLE),
        method="AUC of one column" if is_classes else "(1 + Spearman) / 2 of one column",
    )
