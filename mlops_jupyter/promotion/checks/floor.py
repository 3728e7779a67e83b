"""``floor``: an absolute threshold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlops_jupyter.config import Floor, Model
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.promotion import metric
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks.words import is_undefined, minus, numbers, written
from mlops_jupyter.promotion.decision import CheckResult


def judge(case: Case, floor: Floor) -> Iterator[CheckResult]:
    """Judge a metric of the challenger against a limit.

    Raises
    ------
    UsageError
        The metric is neither scored nor recorded by the run.
    """
    scored = case.challenger.evaluation.metrics
    recorded = case.challenger.run.metrics
    if floor.metric not in scored and floor.metric not in recorded:
        raise _never_logged(floor, scored, recorded)
    is_scored = floor.metric in scored
    value = (scored if is_scored else recorded)[floor.metric]
    where = "" if is_scored else ", as its run recorded it"
    if value is None or is_undefined(value):
        reason = "is not defined on these rows" if is_scored else "is not a number"
        passed, why = False, f"{floor.metric} {reason} for the challenger"
    else:
        passed, why = _within(value, floor)
    yield CheckResult(
        check=f"{floor.metric} {in_words(floor)}{where}",
        verdict="pass" if passed else "fail",
        challenger=value,
        champion=None,
        why=why,
        kind="floor",
        id=f"floor/{floor.metric}",
    )


def check_names(policy: Model, run_metrics: Iterable[str]) -> None:
    """Refuse floors on metrics that are neither scored nor recorded, before anything is scored.

    Raises
    ------
    UsageError
        With the nearest name that there is.
    """
    for check in policy.checks:
        floor = check.floor
        if floor and floor.metric not in {*metric.names(), *run_metrics}:
            raise _never_logged(floor, metric.names(), run_metrics)


def _never_logged(floor: Floor, scored: Iterable[str], run_metrics: Iterable[str]) -> UsageError:
    return UsageError(
        f"a floor names the metric {floor.metric!r}, which is neither scored nor recorded by the"
        " challenger's run",
        hint=did_you_mean(floor.metric, {*scored, *run_metrics}),
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
    return True, f"{shown} is {in_words(floor)}"


def in_words(floor: Floor) -> str:
    """Say what a floor asks: ``at least 0.8``, ``from 0.8 to 0.9``."""
    low, high = floor.at_least, floor.at_most
    if low is not None and high is not None:
        return f"from {written(low)} to {written(high)}"
    return f"at least {written(low)}" if low is not None else f"at most {written(high or 0.0)}"
