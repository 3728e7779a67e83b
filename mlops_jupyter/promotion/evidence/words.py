"""A gate report in words: what is worst first, intervals as text, and what happens next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from mlops_jupyter.promotion.decision import (
    CheckResult,
    CheckVerdict,
    Decision,
    GateReport,
    Waiting,
)
from mlops_jupyter.runs.metric import metric_text

WORST_FIRST: tuple[CheckVerdict, ...] = ("error", "fail", "hold", "not_judged", "pass")

SAID = {"not_judged": "not judged"}

_DIFFERENCES = {"compare", "slices"}
_POINTS = frozenset({
    "accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "average_precision",
})  # fmt: skip
"""Metrics between 0 and 1 whose differences people give in percentage points."""


def worst_first(checks: Iterable[CheckResult]) -> list[CheckResult]:
    """Return the lines of a report with the worst verdicts first, else as they were."""
    return sorted(checks, key=lambda check: WORST_FIRST.index(check.verdict))


def said(verdict: str) -> str:
    """Return a verdict as people read it."""
    return SAID.get(verdict, verdict)


def measured(check: CheckResult) -> str:
    """Return what was judged, with its bounds: ``+0.4 pt (−0.2 to +1.0)``.

    A difference has a sign, and positive is better for the challenger. Differences of metrics
    between 0 and 1 are given in percentage points. Nothing where there is no number.
    """
    value = check.value
    if value is None:
        return "" if check.challenger is None else metric_text(check.challenger)
    if not math.isfinite(value):
        return "not a number"
    known = [b for b in (value, check.lower, check.upper) if b is not None and math.isfinite(b)]
    if len(known) == 1 and check.kind not in _DIFFERENCES:
        return metric_text(value)
    scale = 100.0 if _in_points(check) else 1.0
    digits = _decimals([number * scale for number in known])
    unit = " pt" if _in_points(check) else ""

    def write(number: float) -> str:
        return _signed(number * scale, digits, is_signed=check.kind in _DIFFERENCES)

    return f"{write(value)}{unit}{_bounds(check, write)}"


def _bounds(check: CheckResult, write: Callable[[float], str]) -> str:
    lower, upper = (
        None if bound is None or not math.isfinite(bound) else write(bound)
        for bound in (check.lower, check.upper)
    )
    if lower is not None and upper is not None:
        return f" ({lower} to {upper})"
    if lower is not None:
        return f" (at least {lower})"
    return "" if upper is None else f" (at most {upper})"


def asked(check: CheckResult) -> str:
    """Return what `measured` must keep to: ``above −1.0 pt``, ``at most 0.1``; or nothing."""
    if check.limit is None or not check.side:
        return ""
    scale = 100.0 if _in_points(check) else 1.0
    unit = " pt" if _in_points(check) else ""
    text = _shortest(check.limit * scale)
    if check.kind in _DIFFERENCES and check.limit > 0:
        text = f"+{text}"
    return f"{'≥' if check.side == 'above' else '≤'} {text}{unit}"


def size(check: CheckResult, gap: float) -> str:
    """Write how far something is from the limit of a check: ``1.2 pt``."""
    scale, unit = (100.0, " pt") if _in_points(check) else (1.0, "")
    return f"{_shortest(float(f'{gap * scale:.2g}'))}{unit}"


BAR = 21
"""Characters of a drawn interval."""


def bar(check: CheckResult, width: int = BAR) -> str:
    """Draw an interval beside its limit: ``──●── ┃``. Nothing without an interval and a limit.

    ``┃`` is the limit, ``●`` the value, ``─`` the interval. A part that lies on the wrong side of
    the limit is what the verdict is about.
    """
    if not _is_number(check.value) or not _is_number(check.limit):
        return ""
    if not _is_number(check.lower) and not _is_number(check.upper):
        return ""
    numbers = (check.lower, check.value, check.upper, check.limit)
    found = [n for n in numbers if n is not None and math.isfinite(n)]
    low, high = min(found), max(found)
    if not high > low:
        return ""

    def at(number: float | None, otherwise: int) -> int:
        if number is None or not math.isfinite(number):
            return otherwise
        return round((number - low) / (high - low) * (width - 1))

    drawn = [" "] * width
    for place in range(at(check.lower, 0), at(check.upper, width - 1) + 1):
        drawn[place] = "─"
    limit, value = at(check.limit, 0), at(check.value, 0)
    drawn[limit] = "┃"
    drawn[value] = "●"
    return "".join(drawn)


def is_difference(check: CheckResult) -> bool:
    """Whether its value is a difference between challenger and champion."""
    return check.kind in _DIFFERENCES


def title(model: str, report: GateReport) -> str:
    """Say what was judged, on what: ``late v3 against champion v2 on test@1: 4,000 rows``."""
    against = (
        "the first model, there is no champion"
        if report.champion is None
        else f"against champion v{report.champion}"
    )
    told = [f"{report.row_count:,} row{'' if report.row_count == 1 else 's'}"]
    if report.clusters is not None:
        told.append(f"{report.clusters:,} independent groups of them")
    if report.left_out:
        told.append(f"{report.left_out:,} without a label left out")
    return f"{model} v{report.challenger}, {against}, on {report.data}: {', '.join(told)}"


def counted(checks: Iterable[CheckResult]) -> str:
    """Count the verdicts, worst first: ``1 fail, 2 hold, 5 pass``."""
    found = [check.verdict for check in checks]
    counts = {verdict: found.count(verdict) for verdict in WORST_FIRST}
    return ", ".join(f"{count} {said(verdict)}" for verdict, count in counts.items() if count)


def rows_needed(report: GateReport) -> int | None:
    """Return how many rows would settle all that hold; None where nobody can say."""
    needed = [c.rows_needed for c in report.checks if c.verdict == "hold"]
    known = [n for n in needed if n is not None]
    return max(known) if known and len(known) == len(needed) else None


def settled_by(report: GateReport) -> str:
    """Say what would settle a report that holds: ``about 3,400 rows would settle it``."""
    needed = rows_needed(report)
    if needed is None:
        return "the evidence does not settle it"
    return f"about {about(needed):,} rows would settle it, and there are {report.row_count:,}"


def about(count: int) -> int:
    """Return a count with two digits: 3,412 is about 3,400."""
    digits = max(len(str(count)) - 2, 0)
    step: int = 10**digits
    return -(-count // step) * step


def outcome(decision: Decision) -> str:
    """Say in one line what was decided: ``promoted: late v3 is now champion in place of v2``."""
    to = f"{decision.model} v{decision.to_version}"
    before = "" if decision.from_version is None else f" in place of v{decision.from_version}"
    stays = "there is still no champion"
    if decision.from_version is not None:
        stays = f"v{decision.from_version} stays champion"
    if decision.state == "void" and decision.kind in {"promote", "rollback"}:
        return f"void: {to} was to be champion{before}, and the alias was not moved"
    if decision.kind == "promote":
        forced = ", overriding its gate" if decision.override else ""
        return f"promoted{forced}: {to} is now champion{before}"
    if decision.kind == "rollback":
        return f"rolled back: {to} is champion again{before}"
    if decision.kind == "approve":
        return f"approved: {to}, by {decision.actor}"
    if decision.kind == "pass":
        return f"pass: {to} may become champion{before}"
    if decision.kind == "hold":
        return f"hold: {to} is not promoted, {stays}"
    if decision.report is not None and decision.report.verdict == "error":
        return f"error: {to} could not be judged, {stays}"
    return f"refused: {to} is not promoted, {stays}"


def next_step(decision: Decision, waiting: Waiting | None) -> str:
    """Say in one line what people can do now; nothing where nothing is to be done."""
    model, report = decision.model, decision.report
    if decision.kind in {"promote", "rollback"}:
        return ""
    if waiting is not None and waiting.lapsed is not None:
        return f"judge again, {waiting.lapsed}: `mlops gate {model}`"
    missing = approvals_missing(waiting)
    if decision.kind in {"pass", "approve"}:
        ready = f"promote it with `mlops promote {model}`"
        return f"{missing}: `mlops approve {model}`" if missing else ready
    if decision.kind == "hold" and report is not None:
        settled = settled_by(report)
        return f"{settled}; or approve it with `mlops approve {model}`" if missing else settled
    if report is None:
        return ""
    return f"what would change it: `mlops why {model}@{decision.to_version}`"


def approvals_missing(waiting: Waiting | None) -> str:
    """Say whose approval is missing: ``it waits for 1 of 2 approvals, by ops``; or nothing."""
    if waiting is None or len(waiting.approved) >= waiting.needed:
        return ""
    missing = waiting.needed - len(waiting.approved)
    count = (
        f"{missing} approval"
        if missing == waiting.needed == 1
        else (f"{missing} of {waiting.needed} approvals")
    )
    by = f", by {' or '.join(waiting.by)}" if waiting.by else ""
    return f"it waits for {count}{by}"


def _in_points(check: CheckResult) -> bool:
    name = check.id.split("/")[1:2]
    return check.kind in _DIFFERENCES and bool(name) and name[0] in _POINTS


def _is_number(number: float | None) -> bool:
    return number is not None and math.isfinite(number)


def _decimals(numbers: list[float]) -> int:
    """Return how many digits after the point tell the numbers of an interval apart."""
    width = max(numbers) - min(numbers)
    measure = width or max(abs(number) for number in numbers) or 1.0
    return min(max(1 - math.floor(math.log10(measure)), 1), 8)


def _signed(number: float, digits: int, *, is_signed: bool) -> str:
    text = f"{abs(number):,.{digits}f}"
    is_zero = not text.strip("0.,")
    if number < 0 and not is_zero:
        return f"−{text}"
    return f"+{text}" if is_signed and not is_zero else text


def _shortest(number: float) -> str:
    text = f"{abs(number):.6g}"
    return f"−{text}" if number < 0 else text
