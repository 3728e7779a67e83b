"""Gates: the checks of a policy, made on a challenger and a champion, give one verdict.

Silence is never a pass: what is not a number fails, what raises is an error, what the evidence
does not settle holds, and a gate in which nothing could be judged fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from mlops_jupyter.config import Check
from mlops_jupyter.errors import UsageError
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks import compare, custom, floor, latency, predictions, schema
from mlops_jupyter.promotion.decision import CheckResult, GateReport, Verdict

JUDGES: dict[str, Callable[[Case, Any], Iterable[CheckResult]]] = {
    "floor": floor.judge,
    "compare": compare.judge,
    "schema": schema.judge,
    "latency": latency.judge,
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
    if all(result.verdict == "not_judged" for result in results):
        results.append(_NOTHING_JUDGED)
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


_NOTHING_JUDGED = CheckResult(
    check="at least one floor",
    verdict="fail",
    challenger=None,
    champion=None,
    why="there is no champion yet, and no absolute check to judge the first model by",
    kind="floor",
    id="nothing judged",
)
