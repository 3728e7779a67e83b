"""``compare``: the challenger against the champion, on the same rows."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_jupyter.config import Compare
from mlops_jupyter.errors import UsageError
from mlops_jupyter.promotion import metric
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks.words import is_undefined, minus, numbers, written
from mlops_jupyter.promotion.decision import CheckResult


def judge(case: Case, compare: Compare) -> Iterator[CheckResult]:
    """Judge a metric of the challenger against the same of the champion.

    Raises
    ------
    UsageError
        The metric is not scored.
    """
    known = metric.get(compare.metric)
    challenger, champion = case.challenger.evaluation, case.champion
    if compare.metric not in challenger.metrics:
        raise UsageError(
            f"a comparison names the metric {compare.metric!r}, which is not scored for"
            f" {challenger.model} v{challenger.version}",
            hint=f"there is: {', '.join(challenger.metrics)}",
        )
    value = challenger.metrics[compare.metric]
    identity = f"compare/{compare.metric}"
    if champion is None:
        yield CheckResult(
            check=_comparison(compare, "the champion"),
            verdict="not_judged",
            challenger=value,
            champion=None,
            why="there is no champion yet to compare with",
            kind="compare",
            id=identity,
        )
        return
    other = champion.evaluation.metrics.get(compare.metric)
    if value is None or other is None or is_undefined(value) or is_undefined(other):
        sides = [n for n, v in (("challenger", value), ("champion", other)) if is_undefined(v)]
        whom = " and the ".join(sides)
        passed, why = False, f"{compare.metric} is not defined on these rows for the {whom}"
    else:
        passed, why = _gained(compare, known, value, other)
    yield CheckResult(
        check=_comparison(compare, f"champion v{champion.version.version}"),
        verdict="pass" if passed else "fail",
        challenger=value,
        champion=other,
        why=why,
        kind="compare",
        id=identity,
    )


def margin_of(compare: Compare) -> float:
    """Return the margin in the metric's units."""
    return compare.margin if isinstance(compare.margin, int | float) else 0.0


def _gained(compare: Compare, known: metric.Metric, value: float, other: float) -> tuple[bool, str]:
    better, worse = (value, other) if known.greater_is_better else (other, value)
    gain, margin = minus(better, worse), margin_of(compare)
    passed = gain > margin if compare.rule == "better" else gain >= -margin
    ours, theirs = numbers(value, other)
    (by,) = numbers(abs(gain))
    change = "the same" if gain == 0 else f"better by {by}" if gain > 0 else f"worse by {by}"
    return passed, f"{ours} against {theirs}: {change}{_margin(compare, gain, passed)}"


def _margin(compare: Compare, gain: float, passed: bool) -> str:
    """Say what a margin had to do with it, if there is one and it had."""
    decides, margin = gain > 0 if compare.rule == "better" else gain < 0, margin_of(compare)
    if margin == 0 or not decides:
        return ""
    more = "more" if (compare.rule == "better") == passed else "no more"
    return f", {more} than the margin of {written(margin)}"


def _comparison(compare: Compare, champion: str) -> str:
    rule, margin = compare.rule.replace("_", " "), margin_of(compare)
    by = f" by more than {written(margin)}" if margin else ""
    return f"{compare.metric} {rule} than {champion}{by}"
