"""``compare``: the challenger against the champion, on the same rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from mlops_jupyter.config import Compare
from mlops_jupyter.promotion.case import Case, Contender
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
from mlops_jupyter.promotion.scoring import measure
from mlops_jupyter.promotion.scoring.metric import Metric
from mlops_jupyter.promotion.statistics import power
from mlops_jupyter.promotion.statistics.interval import Interval

SHARE_MARGIN = 0.01
"""Of metrics between 0 and 1, when none is given."""
OTHER_MARGIN = "2%"
"""Of the champion's value, for the others."""


def judge(case: Case, compare: Compare) -> Iterator[CheckResult]:
    """Judge a metric of the challenger against the same of the champion.

    Raises
    ------
    UsageError
        The metric is not scored.
    """
    known = measure.known(case, compare.metric, "a comparison")
    value, champion = case.challenger.evaluation.metrics[compare.metric], case.champion
    made = CheckResult(
        check=_comparison(compare, known, "the champion"),
        verdict="not_judged",
        challenger=value,
        champion=None,
        why="there is no champion yet to compare with",
        kind="compare",
        id=f"compare/{compare.metric}",
    )
    if champion is None:
        yield made
        return
    other = champion.evaluation.metrics.get(compare.metric)
    check = _comparison(compare, known, f"champion v{champion.version.version}")
    made = replace(made, check=check, champion=other)
    if value is None or other is None or is_undefined(value) or is_undefined(other):
        contenders = {"challenger": case.challenger, "champion": champion}
        verdict, why = measure.undefined(case, compare.metric, contenders)
        yield replace(made, verdict=verdict, why=why)
        return
    margin = margin_of(compare, known, other)
    made = replace(made, limit=margin if compare.rule == "better" else -margin, side="above")
    if compare.by == "point":
        yield _by_point(made, compare, known, value, other)
    else:
        yield _by_interval(case, champion, made, compare)


def margin_of(compare: Compare, known: Metric, champion: float) -> float:
    """Return the margin in the metric's units.

    Parameters
    ----------
    champion : float
        The value that a share is of.
    """
    margin = _asked(compare, known)
    if isinstance(margin, str):
        return float(margin.strip().removesuffix("%")) / 100 * abs(champion)
    return float(margin)


def _asked(compare: Compare, known: Metric) -> float | str:
    """Return the margin that was asked for, or the default."""
    if compare.margin is not None:
        return compare.margin
    if compare.rule == "better":
        return 0.0
    return SHARE_MARGIN if known.is_share else OTHER_MARGIN


def _by_point(
    made: CheckResult, compare: Compare, known: Metric, value: float, other: float
) -> CheckResult:
    margin = margin_of(compare, known, other)
    gain = minus(value, other) if known.greater_is_better else minus(other, value)
    passed = gain > margin if compare.rule == "better" else gain >= -margin
    ours, theirs = numbers(value, other)
    (by,) = numbers(abs(gain))
    why = f"{ours} against {theirs}: {direction(gain, by)}"
    if margin and (gain > 0 if compare.rule == "better" else gain < 0):
        more = "more" if (compare.rule == "better") == passed else "no more"
        why += f", {more} than the margin of {_size(margin)}"
    verdict: CheckVerdict = "pass" if passed else "fail"
    return replace(made, verdict=verdict, why=why, value=gain, method="point")


def _by_interval(
    case: Case, champion: Contender, made: CheckResult, compare: Compare
) -> CheckResult:
    interval, limit = measure.difference_of(case, champion, compare.metric), made.limit
    assert limit is not None
    if not interval.is_defined:
        why = f"nothing tells how sure a difference is: {interval.reason}"
        return replace(made, verdict="hold", why=why, method=interval.method)
    verdict, needed = _verdict(compare, interval, limit), None
    if verdict == "hold":
        needed = measure.rows_needed(case, interval, limit)
    p = (power.p_below if verdict == "fail" else power.p_above)(interval, limit)
    made = replace(
        made,
        verdict=verdict,
        value=interval.value,
        lower=finite(interval.lower),
        upper=finite(interval.upper),
        count=interval.count,
        rows_needed=needed,
        p=finite(p),
        method=interval.method,
    )
    return replace(made, why=_why(case, made, compare, interval))


def _verdict(compare: Compare, interval: Interval, limit: float) -> CheckVerdict:
    if interval.lower > limit:
        return "pass"
    if compare.rule == "better":
        return "fail" if interval.upper <= limit else "hold"
    if interval.lower == interval.upper == limit:  # without any spread it may be reached
        return "pass"
    return "fail" if interval.upper < limit else "hold"


def _why(case: Case, made: CheckResult, compare: Compare, interval: Interval) -> str:
    assert made.challenger is not None
    assert made.champion is not None
    ours, theirs = numbers(made.challenger, made.champion)
    said, margin = f"{ours} against {theirs}: {likely(interval)}", abs(made.limit or 0.0)
    if made.verdict == "hold":
        which = compare.rule.removeprefix("not_") + (
            f" by more than {_size(margin)}" if margin else ""
        )
        settled = interval.reason or would_settle(case, made.rows_needed)
        return f"{said}, which does not settle whether it is {which}: {settled}"
    is_more = made.verdict == "pass" if compare.rule == "better" else made.verdict == "fail"
    # what is surely better has nothing to do with how much worse it may be
    if not margin or (compare.rule == "not_worse" and interval.lower >= 0):
        return said
    return f"{said}, {'' if is_more else 'no '}more than the margin of {_size(margin)}"


def likely(interval: Interval) -> str:
    """Say how much better or worse: ``better by 0.010, likely 0.004 worse to 0.024 better``."""
    lower, upper = interval.lower, interval.upper
    if lower == upper or not all(map(math.isfinite, (lower, upper))):
        (by,) = numbers(abs(interval.value))
        return direction(interval.value, by)
    by, low, high = figures(half_width(interval), *map(abs, (interval.value, lower, upper)))
    first, last = f"{low} worse", f"{high} better"
    if lower >= 0:
        first = low
    elif upper <= 0:
        first, last = low, f"{high} worse"
    return f"{direction(interval.value, by)}, likely {first} to {last}"


def direction(gain: float, by: str) -> str:
    """Say which way: ``better by 0.01``."""
    if gain == 0:
        return "the same"
    return f"better by {by}" if gain > 0 else f"worse by {by}"


def _size(margin: float) -> str:
    (text,) = numbers(margin)
    return text


def _comparison(compare: Compare, known: Metric, champion: str) -> str:
    rule, margin = compare.rule.replace("_", " "), _asked(compare, known)
    text = margin.strip() if isinstance(margin, str) else written(margin) if margin else ""
    return f"{compare.metric} {rule} than {champion}{f' by more than {text}' if text else ''}"
