"""A gate report below a cell: HTML where there is a page, text everywhere else.

Every text is escaped. Nothing in it runs, so that it reads the same in an exported notebook.
Colours are those of the page; what they say is said by a sign and a word too.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence

from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport
from mlops_jupyter.promotion.evidence import words

WIDTH, HEIGHT = 160, 18
MARGIN = 8

FEW = 6
"""Checks of one kind that passed: more of them are folded."""

SIGNS = {"pass": "✓", "fail": "✗", "error": "✗", "hold": "?", "not_judged": "·"}

NAMES = {
    "pass": "passed",
    "fail": "failed",
    "hold": "undecided",
    "error": "could not be judged",
    "not_judged": "not judged",
}

_COLORS = {
    "pass": "var(--jp-success-color1, #388e3c)",
    "fail": "var(--jp-error-color1, #d32f2f)",
    "error": "var(--jp-error-color1, #d32f2f)",
    "hold": "var(--jp-warn-color1, #d17a00)",
    "not_judged": "var(--jp-ui-font-color2, gray)",
}
_QUIET = "color: var(--jp-ui-font-color2, gray)"
_BORDER = "1px solid var(--jp-border-color2, rgba(128, 128, 128, 0.4))"
_CELL = "text-align: left; vertical-align: top; padding: 3px 14px 3px 0"
_WORDS = f"{_CELL}; white-space: normal; overflow-wrap: anywhere; min-width: 12em"
_PICTURE = f"min-width: {WIDTH}px; vertical-align: middle; stroke: currentColor"
_NUMBER = f"{_CELL}; white-space: nowrap; font-variant-numeric: tabular-nums"


def bundle(decision: Decision, next_step: str = "") -> dict[str, str]:
    """Return a decision as text and as HTML, and what people can do now."""
    return {
        "text/plain": as_text(decision, next_step),
        "text/html": as_html(decision, next_step),
    }


def as_text(decision: Decision, next_step: str = "") -> str:
    """Return a decision, and what the gate found with which it was made, as lines."""
    report = _report(decision)
    if report is None:
        return _said(decision)
    lines = [words.title(decision.model, report), words.outcome(decision)]
    lines += [f"warning: {warning}" for warning in report.warnings]
    for check in words.worst_first(report.checks):
        parts = [words.measured(check), words.asked(check) and f"limit {words.asked(check)}"]
        numbers = ", ".join(part for part in parts if part)
        sign = f"{SIGNS[check.verdict]} {NAMES[check.verdict]}"
        lines.append(f"  {sign}: {check.check}{f' · {numbers}' if numbers else ''}")
        lines += [f"      {text}" for text in _sentences(check)]
    if next_step:
        lines.append(f"next: {next_step}")
    return "\n".join(lines)


def as_html(decision: Decision, next_step: str = "") -> str:
    """Return a decision as HTML, in the colours of the page; that of a gate as a card."""
    report = _report(decision)
    parts = [_text(_said(decision))] if report is None else _parts(decision, report)
    return (
        '<div style="font-size: var(--jp-ui-font-size1, 13px); line-height: 1.5; max-width: 60em">'
        + "".join(parts)
        + (f'<div style="{_QUIET}">next: {_text(next_step)}</div>' if next_step else "")
        + "</div>"
    )


def _report(decision: Decision) -> GateReport | None:
    """Return what a gate found, of the decision that was made with it."""
    return decision.report if decision.judged is None else None


def _said(decision: Decision) -> str:
    reason = f" ({decision.reason})" if decision.reason else ""
    return f"{words.outcome(decision)}{reason}"


def _parts(decision: Decision, report: GateReport) -> Iterator[str]:
    color = _COLORS[report.verdict]
    yield (
        f'<div><span style="border: 1px solid {color}; border-radius: 3px; padding: 0 6px;'
        f' font-weight: 600"><span style="color: {color}">{SIGNS[report.verdict]}</span>'
        f" {NAMES[report.verdict]}</span>"
        f' <span style="font-weight: 600">{_text(words.title(decision.model, report))}</span></div>'
    )
    counted = f"{words.counted(report.checks)} · {words.outcome(decision)}"
    yield f'<div style="{_QUIET}">{_text(counted)}</div>'
    for warning in report.warnings:
        yield (
            f'<div style="border-left: 2px solid {_COLORS["hold"]}; padding-left: 6px;'
            f' margin: 4px 0">{_text(warning)}</div>'
        )
    shown, folded = _split(report.checks)
    yield _table(shown, report.checks)
    if folded:
        yield (
            f'<details><summary style="cursor: pointer; {_QUIET}">{len(folded)} more that did not'
            f" fail</summary>{_table(folded, report.checks)}</details>"
        )


def _split(checks: Sequence[CheckResult]) -> tuple[list[CheckResult], list[CheckResult]]:
    """Return the checks that are shown at once, and those that one must ask for."""
    ordered = words.worst_first(checks)
    fine = [c for c in ordered if c.verdict in {"pass", "not_judged"} and _is_part(c)]
    kinds = [check.kind for check in fine]
    folded = [check for check in fine if kinds.count(check.kind) > FEW]
    return [check for check in ordered if check not in folded], folded


def _is_part(check: CheckResult) -> bool:
    """Whether it is of one slice or column: a line about all of them stands above."""
    return check.id.count("/") > 1


def _table(checks: Sequence[CheckResult], all_checks: Sequence[CheckResult]) -> str:
    rows = "".join(_row(check, all_checks) for check in checks)
    look = "border-collapse: collapse; margin: 6px 0; color: inherit; font-size: inherit"
    return f'<table style="{look}">{rows}</table>'


def _row(check: CheckResult, all_checks: Sequence[CheckResult]) -> str:
    sign = (
        f'<span title="{NAMES[check.verdict]}" style="color: {_COLORS[check.verdict]};'
        f' font-weight: 700">{SIGNS[check.verdict]}</span>'
    )
    why = "".join(f'<div style="{_QUIET}">{_text(line)}</div>' for line in _sentences(check))
    limit = words.asked(check)
    numbers = _text(words.measured(check)) + (
        f'<div style="{_QUIET}">limit {_text(limit)}</div>' if limit else ""
    )
    cells = (
        (sign, _CELL),
        (f"{_text(check.check)}{why}", _WORDS),
        (svg(check, _beside(check, all_checks)), _CELL),
        (numbers, _NUMBER),
    )
    drawn = "".join(f'<td style="{style}">{content}</td>' for content, style in cells)
    return f'<tr style="border-top: {_BORDER}; background: none">{drawn}</tr>'


def _sentences(check: CheckResult) -> Iterator[str]:
    if check.why:
        yield check.why
    if check.rows_needed is not None:
        yield f"about {words.about(check.rows_needed):,} rows would settle it"


def _beside(check: CheckResult, checks: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the checks that are drawn with the same scale: the slices of one metric."""
    start = "/".join(check.id.split("/")[:2]) + "/"
    return [check] + [c for c in checks if check.kind == "slices" and c.id.startswith(start)]


def svg(check: CheckResult, beside: Sequence[CheckResult]) -> str:
    """Return the interval of a check beside its limit; what is beyond the limit is shaded."""
    ends = [_number(end) for end in (check.lower, check.upper)]
    value, limit = _number(check.value), _number(check.limit)
    if value is None or (limit is None and ends == [None, None]):
        return ""
    numbers = [n for c in beside for n in _numbers(c)]
    low, high = min(numbers), max(numbers)

    def at(number: float) -> float:
        share = (number - low) / (high - low) if high > low else 0.5
        return MARGIN + share * (WIDTH - 2 * MARGIN)

    middle = HEIGHT / 2
    drawn = [_line(0, WIDTH, middle, middle, "opacity: 0.25")]
    if limit is not None:
        drawn += _wall(at(limit), check.side)
    if words.is_difference(check):
        drawn.append(_line(at(0), at(0), 5, HEIGHT - 5, "opacity: 0.6"))
    color = f"stroke: {_COLORS[check.verdict]}; stroke-width: 2"
    if ends != [None, None]:
        begin, end = (
            edge if e is None else at(e) for e, edge in zip(ends, (0.0, WIDTH), strict=True)
        )
        drawn.append(_line(begin, end, middle, middle, color))
        drawn += [_line(at(e), at(e), 5, HEIGHT - 5, color) for e in ends if e is not None]
    drawn.append(
        f'<circle cx="{at(value):.1f}" cy="{middle:.1f}" r="3.5"'
        f' style="fill: {_COLORS[check.verdict]}; stroke: none"/>'
    )
    said = html.escape(_label(check))
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{said}" style="{_PICTURE}">'
        f"<title>{said}</title>{''.join(drawn)}</svg>"
    )


def _wall(x: float, side: str) -> Iterator[str]:
    """Draw a limit, and shade what is beyond it."""
    if side:
        begin, width = (0.0, x) if side == "above" else (x, WIDTH - x)
        yield (
            f'<rect x="{begin:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}"'
            ' style="fill: currentColor; stroke: none; opacity: 0.15"/>'
        )
    yield _line(x, x, 0, HEIGHT, "stroke-width: 1.5")


def _line(x1: float, x2: float, y1: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" style="{style}"/>'


def _label(check: CheckResult) -> str:
    """Say what the picture shows, and how its bounds were made."""
    what = "difference" if words.is_difference(check) else "value"
    limit = words.asked(check)
    parts = [f"{what} {words.measured(check)}{f'; limit {limit}' if limit else ''}"]
    if check.count is not None:
        parts.append(f"{check.count:,} rows")
    if check.method:
        parts.append(check.method)
    if check.p is not None:
        parts.append(f"p = {check.p:.3g}")
    return " · ".join(parts)


def _numbers(check: CheckResult) -> list[float]:
    zero = 0.0 if words.is_difference(check) else None
    given = (check.value, check.lower, check.upper, check.limit, zero)
    return [n for n in map(_number, given) if n is not None]


def _number(given: float | None) -> float | None:
    return given if given is not None and math.isfinite(given) else None


def _text(text: str) -> str:
    return html.escape(text)
