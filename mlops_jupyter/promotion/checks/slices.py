"""``slices``: in no group of rows is the challenger much worse than the champion.

Each slice is tested on the paired difference of its rows, one-sided, against the drop that is
allowed; Holm's method holds the chance that any is blamed wrongly at the level of the policy. One
broken group makes all that share rows with it look worse: so the clearest is named, its rows are
taken out, and those that failed are tested again on what is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops_jupyter.config import Slices
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.checks.compare import likely
from mlops_jupyter.promotion.checks.words import about, finite, is_undefined, numbers, written
from mlops_jupyter.promotion.decision import CheckResult, CheckVerdict
from mlops_jupyter.promotion.scoring import measure
from mlops_jupyter.promotion.scoring.slicing import Slice, slices
from mlops_jupyter.promotion.statistics import multiplicity, power
from mlops_jupyter.promotion.statistics.interval import Interval

SHOWN = 3
"""Slices that passed and have a line of their own: those that came nearest to failing."""
SHOWN_UNJUDGED = 5
BLAMED = 10
"""Slices that are named one after the other, each without the rows of those before, and that
have a line of their own."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A slice with what was found on it.

    Attributes
    ----------
    interval : Interval or None
        None when it has too few rows.
    p : float
        Adjusted for all slices that were tested.
    without : str
        The slices whose rows were taken out before.
    """

    slice: Slice
    interval: Interval | None
    p: float = math.nan
    without: str = ""

    @property
    def known(self) -> Interval:
        assert self.interval is not None
        return self.interval

    @property
    def is_judged(self) -> bool:
        return (
            self.interval is not None and self.interval.is_defined and self.interval.reason is None
        )

    def distance(self, limit: float) -> float:
        """Return how clearly it is below a limit, in standard errors."""
        gap, error = limit - self.known.value, self.known.standard_error
        if not error > 0:
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / error


def judge(case: Case, asked: Slices) -> Iterator[CheckResult]:
    """Judge a metric of the challenger against the champion's on each slice.

    The first result is of all slices together. After it come those that failed, those that hold
    no rows, a few that could not be judged, and the few that came nearest to failing.

    Raises
    ------
    UsageError
        The metric is not scored, or the slices cannot be made.
    """
    measure.known(case, asked.metric, "a check of slices")
    found, champion = slices(case.rows, asked.by), case.champion
    value = case.challenger.evaluation.metrics[asked.metric]
    made = CheckResult(
        check=_asked(asked, None, champion),
        verdict="not_judged",
        challenger=value,
        champion=None,
        why="there is no champion yet to compare with",
        kind="slices",
        id=f"slices/{asked.metric}",
    )
    if champion is None:
        yield made
        return
    made = replace(made, champion=champion.evaluation.metrics.get(asked.metric))
    if is_undefined(made.challenger) or is_undefined(made.champion):
        contenders = {"challenger": case.challenger, "champion": champion}
        verdict, why = measure.undefined(case, asked.metric, contenders)
        yield replace(made, verdict=verdict, why=why)
        return
    yield from _results(case, champion, asked, made, found)


def _results(
    case: Case, champion: Contender, asked: Slices, made: CheckResult, found: Sequence[Slice]
) -> Iterator[CheckResult]:
    empty = [one for one in found if not len(one.rows)]
    first = [_measured(case, champion, asked, one) for one in found if len(one.rows)]
    judged = _adjusted([one for one in first if one.is_judged], -asked.max_drop)
    unjudged = [one for one in first if not one.is_judged]
    failed = _peeled(case, champion, asked, judged)
    passed = _nearest([one for one in judged if one.p >= case.policy.level], -asked.max_drop)
    explained = len(judged) - len(passed) - len(failed)
    yield _summary(case, asked, made, failed, passed, empty, unjudged, explained, judged)
    for one in failed[:BLAMED]:
        yield _line(case, champion, asked, one, "fail")
    for nothing in empty:
        yield replace(
            _line(case, champion, asked, _Judged(nothing, None), "fail"),
            why="no row is in it",
            count=0,
        )
    needed = _needed(case, champion, asked) if unjudged else 0
    for one in sorted(unjudged, key=lambda one: -len(one.slice.rows))[:SHOWN_UNJUDGED]:
        yield _unjudged(_line(case, champion, asked, one, "not_judged"), one, asked, needed)
    for one in passed[:SHOWN]:
        yield _line(case, champion, asked, one, "pass")


def _measured(case: Case, champion: Contender, asked: Slices, one: Slice) -> _Judged:
    if len(one.rows) < asked.min_rows:
        return _Judged(one, None)
    return _Judged(one, measure.difference_of(case, champion, asked.metric, one.rows))


def _adjusted(judged: Sequence[_Judged], limit: float, tests: int = 0) -> list[_Judged]:
    """Return slices with the p values of their tests, adjusted by Holm's method.

    Parameters
    ----------
    tests : int
        How many were made, if more than these: the others count as those that found nothing.
    """
    p = [power.p_below(one.known, limit) for one in judged]
    held = multiplicity.holm(p + [1.0] * max(tests - len(p), 0))
    return [replace(one, p=float(new)) for one, new in zip(judged, held, strict=False)]


def _nearest(judged: Sequence[_Judged], limit: float) -> list[_Judged]:
    return sorted(judged, key=lambda one: -one.distance(limit))


def _peeled(
    case: Case, champion: Contender, asked: Slices, judged: Sequence[_Judged]
) -> list[_Judged]:
    """Return the slices that are to blame, the clearest first.

    Only those that fail with all their rows can, so the chance of a wrong one stays what it is.
    """
    import numpy as np

    left = [one for one in judged if one.p < case.policy.level]
    gone = np.zeros(len(case.rows.truth), dtype=bool)
    blamed: list[_Judged] = []
    while left:
        worst, *others = _nearest(left, -asked.max_drop)
        blamed.append(worst)
        if len(blamed) == BLAMED or not others:
            return blamed + others
        gone[worst.slice.rows] = True
        without = ", ".join(one.slice.name for one in blamed)
        again = [
            replace(_measured(case, champion, asked, rest), without=without)
            for rest in (Slice(one.slice.name, _outside(one.slice.rows, gone)) for one in others)
        ]
        tests = len(judged) - len(blamed)
        tested = _adjusted([one for one in again if one.is_judged], -asked.max_drop, tests)
        left = [one for one in tested if one.p < case.policy.level]
    return blamed


def _outside(rows: Any, gone: Any) -> Any:
    return rows[~gone[rows]]


def _summary(
    case: Case, asked: Slices, made: CheckResult, failed: Sequence[_Judged],
    passed: Sequence[_Judged], empty: Sequence[Slice], unjudged: Sequence[_Judged],
    explained: int, judged: Sequence[_Judged],
) -> CheckResult:  # fmt: skip
    told = []
    verdict: CheckVerdict = "pass"
    worst = failed[0] if failed else passed[0] if passed else None
    if failed:
        verdict = "fail"
        told.append(_worse_on(failed))
        if explained:
            told.append(f"on {_some(explained, 'more slice')} only because of rows in common")
    elif passed:
        told.append(
            f"none of {_some(len(judged), 'slice')} is clearly worse by more than"
            f" {written(asked.max_drop)}; the nearest is {passed[0].slice.name}:"
            f" {likely(passed[0].known)}"
        )
        told.append(_could_be_seen(case, asked, judged))
    if empty:
        verdict = "fail"
        told.append(f"no row is in {', '.join(one.name for one in empty[:SHOWN])}")
    if unjudged:
        told.append(f"{_some(len(unjudged), 'slice')} could not be judged")
    if verdict == "pass" and not passed:
        verdict = "hold"
    made = replace(made, verdict=verdict, why="; ".join(told))
    return made if worst is None else _with_evidence(made, worst, asked)


def _could_be_seen(case: Case, asked: Slices, judged: Sequence[_Judged]) -> str:
    """Say how large a drop must be to be found in the slice that tells least, 8 times in 10."""
    # NaN, where the bounds are no multiple of it, is no largest one
    least = max(judged, key=lambda one: (one.known.standard_error >= 0, one.known.standard_error))
    level = case.policy.level / len(judged)
    drop = asked.max_drop + power.smallest_margin(least.known, level)
    return f"on {least.slice.name}, where least can be told, only a drop of {drop:.2g} would show"


def _worse_on(failed: Sequence[_Judged]) -> str:
    names, found = [one.slice.name for one in failed], likely(failed[0].known)
    if len(names) == 1:
        return f"on {names[0]} it is {found}"
    more = len(names) - SHOWN
    shown = ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"it is worse on {len(names)} slices: {shown}; most clearly on {names[0]}: {found}"


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _line(
    case: Case, champion: Contender, asked: Slices, one: _Judged, verdict: CheckVerdict
) -> CheckResult:
    made = CheckResult(
        check=_asked(asked, one.slice, champion),
        verdict=verdict,
        challenger=None,
        champion=None,
        why="",
        kind="slices",
        id=f"slices/{asked.metric}/{one.slice.name}",
        count=len(one.slice.rows),
    )
    if not one.is_judged:
        return made
    ours, theirs = (
        measure.value_on(case, side, asked.metric, one.slice.rows)
        for side in (case.challenger, champion)
    )
    told = f"{likely(one.known)}, on {_some(len(one.slice.rows), 'row')}"
    if ours is not None and theirs is not None:
        told = "{} against {}: {}".format(*numbers(ours, theirs), told)
    if one.without:
        told += f", also without those of {one.without}"
    made = replace(made, challenger=ours, champion=theirs, why=told, p=finite(one.p))
    return _with_evidence(made, one, asked)


def _unjudged(made: CheckResult, one: _Judged, asked: Slices, needed: int) -> CheckResult:
    rows = _some(len(one.slice.rows), "row")
    if one.interval is None:
        why = f"{rows}, and fewer than {asked.min_rows:,} are not judged"
    else:
        why = f"{one.interval.reason or 'it is not defined'}, of {rows}"
    return replace(made, why=f"{why}; it takes about {about(needed)}", rows_needed=needed)


def _needed(case: Case, champion: Contender, asked: Slices) -> int:
    """Return how many rows tell an equal challenger from one that is worse by what is allowed."""
    whole = measure.difference_of(case, champion, asked.metric)
    needed = power.rows_needed(whole, -asked.max_drop, expected=0.0, level=case.policy.level)
    return max(needed or 0, asked.min_rows)


def _with_evidence(made: CheckResult, one: _Judged, asked: Slices) -> CheckResult:
    return replace(
        made,
        value=one.known.value,
        lower=finite(one.known.lower),
        upper=finite(one.known.upper),
        limit=-asked.max_drop,
        side="above",
        count=one.known.count,
        p=finite(one.p),
        method=one.known.method,
    )


def _asked(asked: Slices, one: Slice | None, champion: Contender | None) -> str:
    whom = "the champion" if champion is None else f"champion v{champion.version.version}"
    rule = "on no slice worse" if one is None else f"on {one.name} not worse"
    return f"{asked.metric} {rule} than {whom} by more than {written(asked.max_drop)}"
