"""A report as Markdown, for the page that a CI shows of a job. What is worst comes first.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from mlops_jupyter.pipelines.report import FailedCell, Report, StepReport
from mlops_jupyter.runs.metric import SYSTEM, metric_text

MOST_STEPS = 24
MOST_METRICS = 12
MOST_LINES = 12
"""Of a cell, and of its traceback: all of it is one screen."""

LONGEST_TEXT = 240

_ORDER = ("failed", "interrupted", "running", "queued", "finished", "cached")
_WORDS = {"cached": "not run again", "queued": "not reached"}
_SIGNS = {"finished": "✅", "failed": "❌", "interrupted": "🟠", "refused": "❌"}

# `_` inside a word is no emphasis, and names are full of them
_MARKUP = re.compile(
    r"[\\`*\[\]<>|~#&!$@{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.|:(?=//)|^[-+=]"
)
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def markdown(report: Report) -> str:
    """Return a report as Markdown, about one screen of it."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    took = "" if report.seconds is None else f" in {report.seconds:.1f} s"
    status = "was not started" if report.status == "refused" else f"{report.status}{took}"
    yield f"## {_SIGNS[report.status]} {plain(report.pipeline)}: {status}"
    failed = [step for step in report.steps if step.status == "failed"]
    for step in failed[:3]:
        yield ""
        yield f"**{plain(step.name)}** failed: {plain(step.error or 'it says not why')}"
        if step.cell is not None:
            yield from _cell(step.cell)
    if report.error and not failed:
        yield ""
        yield plain(report.error) + (f" ({plain(report.hint)})" if report.hint else "")
    if report.steps:
        yield ""
        yield from _steps(report.steps)
    metrics = {k: v for k, v in report.metrics.items() if not k.startswith(SYSTEM)}
    if metrics:
        yield ""
        yield from _metrics(metrics)
    yield from _footer(report)


def _steps(steps: Iterable[StepReport]) -> Iterator[str]:
    ordered = sorted(steps, key=lambda step: _rank(step.status))
    yield from _row("step", "status", "seconds", "why")
    yield "|---|---|---:|---|"
    for step in ordered[:MOST_STEPS]:
        seconds = "" if step.seconds is None else f"{step.seconds:.1f}"
        status = _WORDS.get(step.status, step.status)
        yield from _row(step.name, status, seconds, step.why or "")
    left = ordered[MOST_STEPS:]
    if left:
        yield from _row(f"… {len(left)} more", _WORDS.get(left[0].status, left[0].status), "", "")


def _rank(status: str) -> int:
    return _ORDER.index(status) if status in _ORDER else _ORDER.index("queued")


def _metrics(metrics: dict[str, float | None]) -> Iterator[str]:
    yield from _row("metric", "value")
    yield "|---|---:|"
    for name, value in list(metrics.items())[:MOST_METRICS]:
        yield from _row(name, metric_text(value))
    if len(metrics) > MOST_METRICS:
        yield from _row(f"… {len(metrics) - MOST_METRICS} more", "")


def _footer(report: Report) -> Iterator[str]:
    told = [f"{plain(k)}={plain(str(v))}" for k, v in report.parameters.items()]
    if report.run_id is not None:
        told.insert(0, f"run `{report.run_id[:8]}`")
    if told:
        yield ""
        yield "  ".join(told)


def _cell(cell: FailedCell) -> Iterator[str]:
    yield ""
    yield from _fenced("python", cell.source.splitlines()[:MOST_LINES])
    yield from _fenced("text", cell.traceback.splitlines()[-MOST_LINES:])


def _fenced(kind: str, lines: list[str]) -> Iterator[str]:
    """Show lines as they are: the fence is longer than any in them."""
    text = "\n".join(map(_visible, lines))
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{kind}"
    yield text
    yield fence


def _row(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(map(plain, cells))} |"


def plain(text: str) -> str:
    """Return a text of others as Markdown that shows just it, in one line, and not too long."""
    one = " ".join(text.split())
    if len(one) > LONGEST_TEXT:
        one = one[: LONGEST_TEXT - 1] + "…"
    return _MARKUP.sub(lambda found: f"\\{found[0]}", _visible(one))


def _visible(text: str) -> str:
    """Leave out what is not seen: control characters, and those that turn a text round."""
    kept = (c for c in text if c == "\t" or unicodedata.category(c) not in _INVISIBLE)
    return "".join(kept)
