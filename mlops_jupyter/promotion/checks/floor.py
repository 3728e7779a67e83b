"""``floor``: an absolute threshold, for the bound of the confidence interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from mlops_jupyter.config import Floor, Model
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks.words import (
    figures,
    finite,
    half_width,
    is_undefined,
    minus,
    numbers,
    would_settle,
    written,
)
from mlops_jupyter.promotion.decision import CheckResult, CheckVerdict
from mlops_jupyter.promotion.scoring import measure, ranking
from mlops_jupyter.promotion.statistics import power
from mlops_jupyter.promotion.statistics.interval import Interval


class Limit(NamedTuple):
    """One side of a floor."""

    value: float
    side: Literal["above", "below"]

    def verdict(self, interval: Interval) -> CheckVerdict:
        """Pass when the bound keeps to the limit, fail when the other one breaks it too."""
        is_above = self.side == "above"
        if interval.lower >= self.value if is_above else interval.upper <= self.value:
            return "pass"
        if interval.upper < self.value if is_above else interval.lower > self.value:
            return "fail"
        return "hold"

    def p(self, interval: Interval, verdict: CheckVerdict) -> float:
        """Return the p value of the test that finds the truth on the side of the verdict."""
        is_above = (self.side == "above") != (verdict == "fail")
        return (power.p_above if is_above else power.p_below)(interval, self.value)

    def room(self, value: float) -> float:
        """Return how far a value keeps to the limit; negative when it does not."""
        return minus(value, self.value) if self.side == "above" else minus(self.value, value)


def judge(case: Case, floor: Floor) -> Iterator[CheckResult]:
    """Judge a metric of the challenger against a limit.

    A metric that its run recorded is judged by its point, as nothing tells how sure it is.

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
    made = _line(floor, value, "" if is_scored else ", as its run recorded it")
    if value is None or is_undefined(value):
        verdict, why = (
            measure.undefined(case, floor.metric, {"challenger": case.challenger})
            if is_scored
            else ("fail", f"{floor.metric} is not a number for the challenger")
        )
        yield replace(made, verdict=verdict, why=why)
    elif floor.by == "point" or not is_scored:
        yield _by_point(floor, made, value)
    else:
        yield _by_interval(case, floor, made, measure.interval_of(case, floor.metric))


def check_names(policy: Model, run_metrics: Iterable[str]) -> None:
    """Refuse floors on metrics that are neither scored nor recorded, before anything is scored.

    Raises
    ------
    UsageError
        With the nearest name that there is.
    """
    scored = measure.names(policy)
    for check in policy.checks:
        floor = check.floor
        if floor is None or (policy.evaluate.group and ranking.is_ranking(floor.metric)):
            continue
        if floor.metric not in {*scored, *run_metrics}:
            raise _never_logged(floor, scored, run_metrics)


def _never_logged(floor: Floor, scored: Iterable[str], run_metrics: Iterable[str]) -> UsageError:
    return UsageError(
        f"a floor names the metric {floor.metric!r}, which is neither scored nor recorded by the"
        " challenger's run",
        hint=did_you_mean(floor.metric, {*scored, *run_metrics}),
    )


def _line(floor: Floor, value: float | None, where: str) -> CheckResult:
    limit = _limits(floor)[0]
    return CheckResult(
        check=f"{floor.metric} {in_words(floor)}{where}",
        verdict="fail",
        challenger=value,
        champion=None,
        why="",
        kind="floor",
        id=f"floor/{floor.metric}",
        value=value,
        limit=limit.value,
        side=limit.side,
    )


def _limits(floor: Floor) -> list[Limit]:
    found = []
    if floor.at_least is not None:
        found.append(Limit(floor.at_least, "above"))
    if floor.at_most is not None:
        found.append(Limit(floor.at_most, "below"))
    return found


def _by_point(floor: Floor, made: CheckResult, value: float) -> CheckResult:
    limit = min(_limits(floor), key=lambda limit: limit.room(value))
    room = limit.room(value)
    if room < 0:
        shown, at, by = numbers(value, limit.value, -room)
        why = f"{shown} is {_wrong_side(limit)} {at}, by {by}"
    else:
        shown, *_ = numbers(value, *(each.value for each in _limits(floor)))
        why = f"{shown} is {in_words(floor)}"
    verdict: CheckVerdict = "fail" if room < 0 else "pass"
    return replace(
        made, verdict=verdict, why=why, limit=limit.value, side=limit.side, method="point"
    )


def _wrong_side(limit: Limit) -> str:
    return "below" if limit.side == "above" else "above"


_WORST = ("fail", "hold", "pass")


def _by_interval(case: Case, floor: Floor, made: CheckResult, interval: Interval) -> CheckResult:
    if not interval.is_defined:
        why = f"nothing tells how sure {floor.metric} is: {interval.reason}"
        return replace(made, verdict="hold", why=why, method=interval.method)
    found = {limit: limit.verdict(interval) for limit in _limits(floor)}
    limit = min(found, key=lambda limit: (_WORST.index(found[limit]), limit.room(interval.value)))
    verdict, needed = found[limit], None
    shown, at, by = _shown(interval, limit)
    if verdict == "pass":
        why = f"{shown} is {in_words(floor)}"
    elif verdict == "fail":
        why = f"{shown} is {_wrong_side(limit)} {at}, by {by}"
    else:
        needed = measure.rows_needed(case, interval, limit.value)
        settled = interval.reason or would_settle(case, needed)
        why = f"{shown} settles nothing against {at}: {settled}"
    return replace(
        made,
        verdict=verdict,
        why=why,
        lower=finite(interval.lower),
        upper=finite(interval.upper),
        limit=limit.value,
        side=limit.side,
        count=interval.count,
        rows_needed=needed,
        p=finite(limit.p(interval, verdict)),
        method=interval.method,
    )


def _shown(interval: Interval, limit: Limit) -> tuple[str, str, str]:
    """Write the value with its bounds, the limit, and how far they are apart."""
    bounds, spread = (interval.lower, interval.upper), half_width(interval)
    gap = abs(limit.room(interval.value))
    if not all(map(math.isfinite, bounds)) or interval.reason is not None:
        value, by = numbers(interval.value, gap)
        return value, written(limit.value), by
    value, lower, upper, _ = figures(spread, interval.value, *bounds, limit.value)
    (by,) = figures(spread, gap)
    return f"{value} ({lower} to {upper})", written(limit.value), by


def in_words(floor: Floor) -> str:
    """Say what a floor asks: ``at least 0.8``, ``from 0.8 to 0.9``."""
    low, high = floor.at_least, floor.at_most
    if low is not None and high is not None:
        return f"from {written(low)} to {written(high)}"
    return f"at least {written(low)}" if low is not None else f"at most {written(high or 0.0)}"
