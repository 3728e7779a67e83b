"""Gates: a policy and two evaluations give a verdict. Pure; no I/O.

Every check compares point values. Whatever is not a number (a metric that is not defined on
the rows, on either side) fails, and a gate in which nothing could be judged fails: silence is
never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal

from mlops_jupyter.config import Compare, Floor, Model
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.promotion import metric
from mlops_jupyter.promotion.decision import CheckResult, Evaluation, GateReport
from mlops_jupyter.runs.metric import metric_text

Metrics = Mapping[str, float | None]


def judge(
    policy: Model, challenger: Evaluation, champion: Evaluation | None, run_metrics: Metrics
) -> GateReport:
    """Judge a challenger.

    Parameters
    ----------
    policy : config.Model
        The checks, from ``mlops.yaml``.
    challenger : Evaluation
        Of the version that wants to be champion.
    champion : Evaluation or None
        Of the champion, on the same rows; None when there is none yet (`bootstrap`).
    run_metrics : mapping of str to float or None
        What the challenger's run recorded itself: a floor may look at these.

    Raises
    ------
    UsageError
        There is no check, a check names a metric that is nowhere, or the two were not scored
        on the same rows.
    """
    if not policy.checks:
        raise UsageError(
            f"the model {challenger.model!r} has no checks", hint="a gate needs at least one"
        )
    if champion is not None and champion.rows_digest != challenger.rows_digest:
        raise UsageError(
            f"{challenger.model} v{challenger.version} and v{champion.version} were not scored on"
            f" the same rows ({challenger.data} and {champion.data})",
            hint="evaluate both on one dataset version",
        )
    results = [
        _floor(check.floor, challenger, run_metrics)
        if check.floor is not None
        else _compare(check.compare, challenger, champion)
        for check in policy.checks
        if check.floor is not None or check.compare is not None
    ]
    if all(result.verdict == "not_judged" for result in results):
        results.append(_NOTHING_JUDGED)
    return GateReport(
        verdict="fail" if any(r.verdict == "fail" for r in results) else "pass",
        challenger=challenger.version,
        champion=None if champion is None else champion.version,
        bootstrap=champion is None,
        data=challenger.data,
        row_count=challenger.row_count,
        left_out=challenger.left_out,
        checks=tuple(results),
    )


def check_floors(policy: Model, run_metrics: Metrics) -> None:
    """Refuse floors on metrics that are neither scored nor recorded, before anything is scored.

    Raises
    ------
    UsageError
        With the nearest name that there is.
    """
    for check in policy.checks:
        floor = check.floor
        if floor and floor.metric not in metric.names() and floor.metric not in run_metrics:
            raise _never_logged(floor, metric.names(), run_metrics)


def _never_logged(floor: Floor, scored: Iterable[str], run_metrics: Metrics) -> UsageError:
    return UsageError(
        f"a floor names the metric {floor.metric!r}, which is neither scored nor recorded by the"
        " challenger's run",
        hint=did_you_mean(floor.metric, {*scored, *run_metrics}),
    )


_NOTHING_JUDGED = CheckResult(
    check="at least one floor",
    verdict="fail",
    challenger=None,
    champion=None,
    why="there is no champion yet, and no absolute check to judge the first model by",
)


def _floor(floor: Floor, challenger: Evaluation, run_metrics: Metrics) -> CheckResult:
    scored = floor.metric in challenger.metrics
    if not scored and floor.metric not in run_metrics:
        raise _never_logged(floor, challenger.metrics, run_metrics)
    value = (challenger.metrics if scored else run_metrics)[floor.metric]
    where = "" if scored else ", as its run recorded it"
    if value is None or not math.isfinite(value):
        reason = "is not defined on these rows" if scored else "is not a number"
        passed, why = False, f"{floor.metric} {reason} for the challenger"
    else:
        passed, why = _within(value, floor)
    return CheckResult(
        check=f"{floor.metric} {_range(floor)}{where}",
        verdict="pass" if passed else "fail",
        challenger=value,
        champion=None,
        why=why,
    )


def _within(value: float, floor: Floor) -> tuple[bool, str]:
    if floor.at_least is not None and value < floor.at_least:
        shown, limit, by = numbers(value, floor.at_least, minus(floor.at_least, value))
        return False, f"{shown} is below {limit}, by {by}"
    if floor.at_most is not None and value > floor.at_most:
        shown, limit, by = numbers(value, floor.at_most, minus(value, floor.at_most))
        return False, f"{shown} is above {limit}, by {by}"
    limits = [limit for limit in (floor.at_least, floor.at_most) if limit is not None]
    shown, *_ = numbers(value, *limits)
    return True, f"{shown} is {_range(floor)}"


def _range(floor: Floor) -> str:
    low, high = floor.at_least, floor.at_most
    if low is not None and high is not None:
        return f"from {written(low)} to {written(high)}"
    return f"at least {written(low)}" if low is not None else f"at most {written(high or 0.0)}"


def _compare(
    compare: Compare | None, challenger: Evaluation, champion: Evaluation | None
) -> CheckResult:
    assert compare is not None
    known = metric.get(compare.metric)
    if compare.metric not in challenger.metrics:
        raise UsageError(
            f"a comparison names the metric {compare.metric!r}, which is not scored for"
            f" {challenger.model} v{challenger.version}",
            hint=f"there is: {', '.join(challenger.metrics)}",
        )
    value = challenger.metrics[compare.metric]
    if champion is None:
        return CheckResult(
            check=_comparison(compare, "the champion"),
            verdict="not_judged",
            challenger=value,
            champion=None,
            why="there is no champion yet to compare with",
        )
    other = champion.metrics.get(compare.metric)
    if value is None or other is None or not (math.isfinite(value) and math.isfinite(other)):
        sides = [n for n, v in (("challenger", value), ("champion", other)) if _is_undefined(v)]
        whom = " and the ".join(sides)
        passed, why = False, f"{compare.metric} is not defined on these rows for the {whom}"
    else:
        passed, why = _gained(compare, known, value, other)
    return CheckResult(
        check=_comparison(compare, f"champion v{champion.version}"),
        verdict="pass" if passed else "fail",
        challenger=value,
        champion=other,
        why=why,
    )


def _gained(compare: Compare, known: metric.Metric, value: float, other: float) -> tuple[bool, str]:
    better, worse = (value, other) if known.greater_is_better else (other, value)
    gain = minus(better, worse)
    passed = gain > compare.margin if compare.rule == "better" else gain >= -compare.margin
    ours, theirs = numbers(value, other)
    (by,) = numbers(abs(gain))
    change = "the same" if gain == 0 else f"better by {by}" if gain > 0 else f"worse by {by}"
    return passed, f"{ours} against {theirs}: {change}{_margin(compare, gain, passed)}"


def _margin(compare: Compare, gain: float, passed: bool) -> str:
    """Say what a margin had to do with it, if there is one and it had."""
    decides = gain > 0 if compare.rule == "better" else gain < 0
    if compare.margin == 0 or not decides:
        return ""
    more = "more" if (compare.rule == "better") == passed else "no more"
    return f", {more} than the margin of {written(compare.margin)}"


def _comparison(compare: Compare, champion: str) -> str:
    rule = compare.rule.replace("_", " ")
    margin = f" by more than {written(compare.margin)}" if compare.margin else ""
    return f"{compare.metric} {rule} than {champion}{margin}"


def _is_undefined(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def minus(a: float, b: float) -> float:
    """Return ``a - b`` of the two as they are written, so that 0.80 - 0.79 is 0.01.

    In binary it is 0.010000000000000009, which is more than a margin of 0.01.
    """
    return float(Decimal(repr(float(a))) - Decimal(repr(float(b))))


def written(limit: float) -> str:
    """Write a limit as people wrote it: 0.8, 12."""
    return repr(float(limit)).removesuffix(".0")


def numbers(*values: float) -> list[str]:
    """Write numbers with 4 digits, or with as many as it takes to tell them apart."""
    texts: list[str] = []
    for digits in range(4, 18):
        texts = [metric_text(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts
