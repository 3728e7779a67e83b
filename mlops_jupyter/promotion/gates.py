"""Gates: the checks of a policy, made on a challenger and a champion, give one verdict.

Silence is never a pass: what is not a number fails, what raises is an error, what the evidence
does not settle holds, and a gate in which nothing could be judged fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from mlops_jupyter.config import Check, Model
from mlops_jupyter.errors import CellFailedError, UsageError
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks import (
    compare,
    custom,
    drift,
    floor,
    latency,
    leakage,
    predictions,
    reproducible,
    schema,
    slices,
)
from mlops_jupyter.promotion.decision import CheckResult, GateReport, Verdict
from mlops_jupyter.promotion.scoring import looks
from mlops_jupyter.promotion.scoring.rows import Rows

JUDGES: dict[str, Callable[[Case, Any], Iterable[CheckResult]]] = {
    "floor": floor.judge,
    "compare": compare.judge,
    "slices": slices.judge,
    "schema": schema.judge,
    "drift": drift.judge,
    "leakage": leakage.judge,
    "latency": latency.judge,
    "reproducible": reproducible.judge,
    "custom": custom.judge,
    "predictions": predictions.judge,
}
"""By kind of check, as `config.Check` names them."""


def judge(case: Case) -> GateReport:
    """Judge a challenger.

    Raises
    ------
    UsageError
        There is no check, a check names a metric that is nowhere, or the two were not scored
        on the same rows.
    """
    challenger = case.challenger.evaluation
    champion = None if case.champion is None else case.champion.evaluation
    if not case.policy.checks:
        raise UsageError(
            f"the model {challenger.model!r} has no checks", hint="a gate needs at least one"
        )
    if champion is not None and champion.rows_digest != challenger.rows_digest:
        raise UsageError(
            f"{challenger.model} v{challenger.version} and v{champion.version} were not scored on"
            f" the same rows ({challenger.data} and {champion.data})",
            hint="evaluate both on one dataset version",
        )
    results = [result for check in case.policy.checks for result in _made(case, check)]
    results = list(_told_apart(_settled(case, result) for result in results))
    if all(result.verdict == "not_judged" for result in results):
        results.append(_NOTHING_JUDGED)
    if case.looks is not None and (held := looks.judge(case.looks, case.policy.evaluate.looks)):
        results.append(held)
    return GateReport(
        verdict=verdict_of(results),
        challenger=challenger.version,
        champion=None if champion is None else champion.version,
        bootstrap=champion is None,
        data=challenger.data,
        row_count=challenger.row_count,
        left_out=challenger.left_out,
        checks=tuple(results),
        level=case.policy.level,
        rows_digest=challenger.rows_digest,
        clusters=_clusters(case),
        looks=case.looks,
        warnings=tuple(dict.fromkeys(_warnings(case))),
    )


def without_predictions(
    policy: Model,
    rows: Rows,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    raised: CellFailedError,
) -> GateReport:
    """Return the report of a gate that a model's own code left nothing to judge."""
    result = CheckResult(
        check="both models predict" if champion else "the model predicts",
        verdict="error",
        challenger=None,
        champion=None,
        why=str(raised.message),
        kind="predictions",
        id="predict",
    )
    return GateReport(
        verdict="error",
        challenger=challenger.version,
        champion=None if champion is None else champion.version,
        bootstrap=champion is None,
        data=rows.data.ref,
        row_count=len(rows.positions),
        left_out=rows.left_out,
        checks=(result,),
        level=policy.level,
        rows_digest=rows.digest,
    )


def verdict_of(results: Sequence[CheckResult]) -> Verdict:
    """Return the worst of the verdicts; only what was judged can pass."""
    found = {result.verdict for result in results}
    for worst in ("error", "fail", "hold"):
        if worst in found:
            return worst
    return "pass" if "pass" in found else "fail"


def _made(case: Case, check: Check) -> Iterator[CheckResult]:
    if check.kind not in JUDGES:
        raise UsageError(f"a gate cannot make the check {check.kind!r} yet")
    yield from JUDGES[check.kind](case, getattr(check, check.kind))


def _settled(case: Case, result: CheckResult) -> CheckResult:
    """Make of evidence that settles nothing what the policy says of it."""
    if result.verdict == "hold" and case.policy.inconclusive == "fail":
        return replace(result, verdict="fail")
    return result


def _told_apart(results: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Number the ids of checks that were asked for more than once."""
    seen: set[str] = set()
    for result in results:
        ids = (f"{result.id}/{times}" if times > 1 else result.id for times in count(1))
        free = next(one for one in ids if one not in seen)
        seen.add(free)
        yield replace(result, id=free)


def _clusters(case: Case) -> int | None:
    codes = case.rows.clusters
    return None if codes is None else int(codes.max()) + 1


FEW_ROWS = 100
"""Fewer can hardly show anything."""


def _warnings(case: Case) -> Iterator[str]:
    rows, left_out = case.challenger.evaluation.row_count, case.challenger.evaluation.left_out
    if case.champion is None:
        yield "the first model: there is no champion yet, so absolute checks alone judge it"
    if rows < FEW_ROWS:
        yield f"{rows:,} row{'' if rows == 1 else 's'} can hardly show anything"
    if left_out > rows:
        yield f"{left_out:,} rows have no label and were left out, more than were judged"
    if case.looks is not None and (said := looks.warning(case.looks, case.policy.evaluate.looks)):
        yield said
    for one in (case.challenger, case.champion):
        yield from () if one is None else one.problems.values()


_NOTHING_JUDGED = CheckResult(
    check="at least one floor",
    verdict="fail",
    challenger=None,
    champion=None,
    why="there is no champion yet, and no absolute check to judge the first model by",
    kind="floor",
    id="nothing judged",
)
