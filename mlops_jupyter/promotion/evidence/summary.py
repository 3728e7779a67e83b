"""A gate report as Markdown: at most one screen, what is worst first."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_jupyter.pipelines.summary import plain
from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport
from mlops_jupyter.promotion.evidence import words
from mlops_jupyter.promotion.evidence.told import Told

MOST_CHECKS = 20
MOST_WARNINGS = 5

SIGNS = {"pass": "✅", "fail": "❌", "error": "❌", "hold": "🟠", "not_judged": "⚪"}
_OF_KIND = {"pass": "✅", "promote": "✅", "approve": "✅", "rollback": "⏪", "hold": "🟠"}


def markdown(told: Told) -> str:
    """Return what is told as Markdown."""
    return "\n".join(_lines(told)) + "\n"


def _lines(told: Told) -> Iterator[str]:
    sign = "❌" if told.decision is None else _OF_KIND.get(told.decision.kind, "❌")
    yield f"## {sign} {plain(told.title)}"
    if told.error is not None:
        yield ""
        yield plain(told.error) + (f" ({plain(told.hint)})" if told.hint else "")
    report = told.report
    if report is not None:
        yield ""
        yield f"{plain(words.title(told.model, report))}. {words.counted(report.checks)}."
        yield ""
        yield from _checks(report)
        yield from _warnings(report)
    if told.next_step:
        yield ""
        yield f"**Next:** {plain(told.next_step)}"
    if told.decision is not None:
        yield from _footer(told.decision, report)


def _checks(report: GateReport) -> Iterator[str]:
    ordered = words.worst_first(report.checks)
    yield "| | check | measured | asked | why |"
    yield "|---|---|---|---|---|"
    for check in ordered[:MOST_CHECKS]:
        yield _row(check)
    left = ordered[MOST_CHECKS:]
    if left:
        yield f"| | … {len(left)} more: {words.counted(left)} | | | |"


def _row(check: CheckResult) -> str:
    sign = f"{SIGNS[check.verdict]} {words.said(check.verdict)}"
    cells = (check.check, words.measured(check), words.asked(check), check.why)
    return f"| {sign} | {' | '.join(map(plain, cells))} |"


def _warnings(report: GateReport) -> Iterator[str]:
    for warning in report.warnings[:MOST_WARNINGS]:
        yield ""
        yield f"⚠️ {plain(warning)}"
    if len(report.warnings) > MOST_WARNINGS:
        yield ""
        yield f"⚠️ … {len(report.warnings) - MOST_WARNINGS} more warnings"


def _footer(decision: Decision, report: GateReport | None) -> Iterator[str]:
    yield ""
    told = [f"decision `{plain(decision.id)}`", f"by {plain(decision.actor)}"]
    if decision.override:
        told.append(f"override: {plain(decision.reason)}")
    if report is not None:
        told.append(f"a bound is wrong by chance in {100 * report.level:.3g} % of cases at most")
    yield " · ".join(told)
