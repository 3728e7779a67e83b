"""Showing a gate report in a terminal: what is worst first, one screen, intervals drawn."""

from __future__ import annotations

import click

from mlops_jupyter.cli.show import console, table
from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport
from mlops_jupyter.promotion.evidence import words
from mlops_jupyter.promotion.evidence.told import Told

MOST_CHECKS = 18
WIDE = 130
"""Columns from which on intervals are drawn."""

SIGNS = {"pass": "✓", "fail": "✗", "error": "✗", "hold": "?", "not_judged": "·"}

CODES = {"pass": 0, "fail": 1, "hold": 3, "error": 5}
"""Exit code of what a gate found."""

WAITING = 4
"""Exit code of a version that waits for an approval."""


def code_of(decision: Decision) -> int:
    """Return the exit code of a verdict, or of a move of the alias."""
    if decision.kind in {"promote", "rollback", "approve"}:
        return 0
    return 1 if decision.report is None else CODES[decision.report.verdict]


def show_report(report: GateReport, model: str) -> None:
    """Print a gate report as one table, about a screen of it."""
    to = console()
    is_wide = to.width >= WIDE
    ordered = words.worst_first(report.checks)
    drawn = [words.bar(check) if is_wide else "" for check in ordered]
    columns = ["verdict", "check", "measured", *(["interval ●, limit ┃"] if any(drawn) else [])]
    shown = table(*columns, "why", title=words.title(model, report))
    for check, bar in list(zip(ordered, drawn, strict=True))[:MOST_CHECKS]:
        cells = [f"{SIGNS[check.verdict]} {words.said(check.verdict)}", check.check]
        cells += [
            words.measured(check),
            *([bar] if any(drawn) else []),
            _why(check, is_wide=is_wide),
        ]
        shown.add_row(*cells)
    to.print(shown)
    left = ordered[MOST_CHECKS:]
    if left:
        click.echo(f"… {len(left)} more: {words.counted(left)}")
    for warning in report.warnings:
        click.echo(f"warning: {warning}")


def _why(check: CheckResult, *, is_wide: bool) -> str:
    if check.verdict == "pass" and not is_wide and words.measured(check):
        return ""  # the numbers stand beside it already
    needed = check.rows_needed
    if check.verdict != "hold" or needed is None:
        return check.why
    return f"{check.why}; about {words.about(needed):,} rows would settle it"


def show_told(told: Told) -> None:
    """Print a report, what was decided on it, and what happens next."""
    if told.report is not None:
        show_report(told.report, told.model)
    show_outcome(told)


def show_outcome(told: Told) -> None:
    """Print what was decided, and what happens next."""
    decision = told.decision
    because = ""
    if decision is not None and decision.kind == "promote":
        because = f" ({decision.reason})"
    click.echo(f"{told.title}{because}")
    if told.next_step:
        click.echo(f"next: {told.next_step}")
