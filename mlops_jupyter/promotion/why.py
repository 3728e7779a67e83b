"""Why a version is champion, or is not: the decision in words, and what would change it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import awaited, history
from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport, Waiting
from mlops_jupyter.promotion.evidence import words

MOST_CHECKS = 24
MOST_CHANGES = 8
"""Lines of each that are shown: both are one screen."""

_CHANGES = {
    "schema": "data that keeps its contract: mend the data, or the contract if it is wrong",
    "predictions": "a model whose predictions are possible",
    "leakage": "evaluation rows that training never saw",
    "drift": "training data that looks like the evaluation data, or the other way round",
    "latency": "a faster or smaller model",
    "reproducible": "a run that gives the same metrics again: `mlops reproduce RUN`",
    "custom": "what the project's own function asks for",
}


@dataclass(frozen=True, slots=True)
class Why:
    """Why a version is where it is.

    Attributes
    ----------
    model : str
    version : int
    is_champion : bool
        By the last decision that moved the alias.
    judged : Decision or None
        What the newest gate on this version found; None when none judged it.
    moved : Decision or None
        The newest decision that gave the alias to it.
    ended : Decision or None
        The decision that gave the alias to another one after that.
    approvals : tuple of Decision
    waiting : Waiting or None
        What it waits for.
    changes : tuple of str
        What would change the verdict, worst first; empty for a pass.
    """

    model: str
    version: int
    is_champion: bool
    judged: Decision | None
    moved: Decision | None
    ended: Decision | None
    approvals: tuple[Decision, ...]
    waiting: Waiting | None
    changes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def _repr_pretty_(self, printer: object, _: bool) -> None:
        """Show the lines below a cell."""
        printer.text(str(self))  # type: ignore[attr-defined]


def why(project: Project, model: str, version: int | None = None) -> Why:
    """Say why a version of a model is champion, or was refused; from the catalog alone.

    Parameters
    ----------
    project : Project
    model : str
    version : int, optional
        Default: the champion, or else the newest version that was judged.

    Raises
    ------
    NotFoundError
        There is no such model or version.
    UsageError
        Nothing was decided on it yet.
    """
    decided = history.decisions(project, model)
    champion = history.champion_of(decided)
    number = champion if version is None else version
    if number is None:
        newest = awaited.newest_judged(decided)
        if newest is None:
            raise UsageError(
                f"nothing was decided on {model} yet", hint=f"judge a version: `mlops gate {model}`"
            )
        number = newest.to_version
    on_it = [made for made in decided if made.to_version == number]
    if not on_it:
        raise _undecided(project, model, number, decided)
    judged = awaited.newest_judged(on_it)
    moves = [d for d in decided if d.kind in history.MOVES and d.state == "applied"]
    place = next((n for n, made in enumerate(moves) if made.to_version == number), None)
    waiting = awaited.newest(project, decided, champion)
    is_awaited = waiting is not None and judged is not None and waiting.decision == judged.id
    return Why(
        model=model,
        version=number,
        is_champion=number == champion,
        judged=judged,
        moved=None if place is None else moves[place],
        ended=moves[place - 1] if place else None,
        approvals=() if judged is None else tuple(awaited.approvals(decided, judged)),
        waiting=waiting if is_awaited else None,
        changes=() if judged is None or judged.report is None else tuple(_changes(judged)),
    )


def version_of(text: str) -> tuple[str, int | None]:
    """Take ``late@3`` or ``late@v3`` apart.

    Raises
    ------
    UsageError
        What stands behind the @ is no version.
    """
    model, at, number = text.partition("@")
    if not at:
        return model, None
    digits = number.removeprefix("v")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:10]) < 10**9):
        raise UsageError(f"{number[:40]!r} is no version of {model[:80]}", hint="write MODEL@3")
    return model, int(digits)


def _undecided(
    project: Project, model: str, number: int, decided: Sequence[Decision]
) -> UsageError:
    known = {v.version for v in registry.versions(project) if v.model == model}
    if number in known:
        return UsageError(
            f"nothing was decided on {model} v{number} yet",
            hint=f"judge it: `mlops gate {model} --challenger {number}`",
        )
    names = {f"{model}@{n}" for n in known | {made.to_version for made in decided}}
    return NotFoundError("model version", f"{model}@{number}", names)


def _changes(judged: Decision) -> Iterator[str]:
    assert judged.report is not None
    for check in words.worst_first(judged.report.checks):
        if check.verdict not in {"pass", "not_judged"}:
            yield f"{check.check}: {_change(check, judged.report.row_count)}"


def _change(check: CheckResult, rows: int) -> str:
    if check.verdict == "error":
        return f"code that runs, {check.why}"
    if check.verdict == "hold" and check.rows_needed is not None:
        return f"about {words.about(check.rows_needed):,} rows in place of {rows:,}"
    if check.kind in _CHANGES:
        return _CHANGES[check.kind]
    gap = _gap(check)
    return f"a model that is better by {gap}" if gap else check.why


def _gap(check: CheckResult) -> str:
    """Return how far the bound that decides is from its limit."""
    bound = check.lower if check.side == "above" else check.upper
    bound = check.value if bound is None or not math.isfinite(bound) else bound
    if bound is None or check.limit is None or not math.isfinite(bound):
        return ""
    return words.size(check, abs(check.limit - bound))


def _lines(told: Why) -> Iterator[str]:
    name = f"{told.model} v{told.version}"
    yield f"{name} is champion" if told.is_champion else f"{name} is not champion"
    yield from _moves(told)
    judged = told.judged
    if judged is not None and judged.report is not None:
        if told.moved is None or told.moved.id != judged.id:
            yield f"  {_dated(judged)}"
        yield f"  {words.title(told.model, judged.report)}: {words.counted(judged.report.checks)}"
        yield from _checks(judged.report)
    for one in told.approvals:
        comment = f": {one.reason}" if one.reason else ""
        yield f"  approved by {one.actor}, {one.decided_at[:16].replace('T', ' ')} UTC{comment}"
    yield from _end(told)


def _moves(told: Why) -> Iterator[str]:
    if told.moved is not None:
        yield f"  {_dated(told.moved)}"
        if told.moved.override:
            yield f"  its gate was overridden by {told.moved.actor}: {told.moved.reason}"
        elif told.moved.kind == "rollback":
            yield f"  why: {told.moved.reason}"
    if told.ended is not None:
        yield f"  then {_dated(told.ended)}"


def _checks(report: GateReport) -> Iterator[str]:
    ordered = words.worst_first(report.checks)
    for check in ordered[:MOST_CHECKS]:
        measured = words.measured(check)
        shown = f"{measured}: {check.why}" if measured else check.why
        yield f"    {words.said(check.verdict):10}  {check.check}: {shown}"
    left = ordered[MOST_CHECKS:]
    if left:
        yield f"    … {len(left):,} more: {words.counted(left)}"
    for warning in report.warnings:
        yield f"    warning     {warning}"


def _end(told: Why) -> Iterator[str]:
    if told.is_champion:
        return
    if told.changes:
        yield "what would change it:"
        for change in told.changes[:MOST_CHANGES]:
            yield f"  {change}"
        if len(told.changes) > MOST_CHANGES:
            yield f"  … {len(told.changes) - MOST_CHANGES:,} more"
    if told.judged is not None:
        step = words.next_step(told.judged, told.waiting)
        if step and told.ended is None and told.judged.kind in {"pass", "hold"}:
            yield f"next: {step}"


def _dated(made: Decision) -> str:
    at = made.decided_at[:16].replace("T", " ")
    return f"{words.outcome(made)}; {at} UTC, by {made.actor}, decision {made.id}"
