"""What is told of a pipeline run when it has ended, however it did: for CI, and for people."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.live import SHORTEST, without_colours
from mlops_jupyter.pipelines.pipeline import PipelineRun, StepRun
from mlops_jupyter.pipelines.trial import Sweep, Trial
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history as runs
from mlops_jupyter.runs import secret

Ending = Literal["finished", "failed", "interrupted", "refused"]

LAST_LINES = 30
"""Lines of a traceback, and of the cell that raised, that are told."""

LONGEST_LINE = 400

LONGEST_RETRIES = 5


@dataclass(frozen=True, slots=True)
class FailedCell:
    """The cell that raised.

    Attributes
    ----------
    source : str
    error : str
        The last line of the traceback.
    traceback : str
        Its end, without colours.
    """

    source: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """How a step ended; `cell` is the one that raised, if one did."""

    name: str
    status: str
    seconds: float | None
    why: str | None = None
    error: str | None = None
    cell: FailedCell | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a pipeline run ended.

    Attributes
    ----------
    pipeline : str
    status : str
        ``refused``: nothing was started.
    error : str or None
        What the command says; of the run as a whole.
    hint : str or None
    started_at : str or None
    seconds : float or None
    run_id : str or None
        Of the Run that holds what was recorded.
    parameters : dict
        As they are recorded, so without secrets.
    metrics : dict of str to (float or None)
    steps : tuple of StepReport
        In the order of the pipeline.
    """

    pipeline: str
    status: Ending
    error: str | None = None
    hint: str | None = None
    started_at: str | None = None
    seconds: float | None = None
    run_id: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    steps: tuple[StepReport, ...] = ()


def report(
    project: Project,
    pipeline: str,
    pipeline_run_id: str,
    error: BaseException | None = None,
) -> Report:
    """Return what is to be told of a pipeline run that has ended, or was never begun.

    Parameters
    ----------
    project : Project
    pipeline : str
        Its name.
    pipeline_run_id : str
    error : exception, optional
        With which it ended.
    """
    if not project.catalog.row("SELECT 1 FROM pipeline_run WHERE id = ?", (pipeline_run_id,)):
        return refused(pipeline, error)
    message, hint = _words(error)
    run = history.get(project, pipeline_run_id)
    hide = _Hidden(project, run.parameters)
    recorded = None if run.run_id is None else runs.get(project, run.run_id)
    return Report(
        pipeline=pipeline,
        status="interrupted" if run.status == "running" else run.status,
        error=message and hide(message),
        hint=hint,
        started_at=run.started_at,
        seconds=_between(run.started_at, run.ended_at),
        run_id=run.run_id,
        parameters=run.parameters,
        metrics={} if recorded is None else dict(sorted(recorded.metrics.items())),
        steps=tuple(_steps(project, run, hide)),
    )


def of_sweep(project: Project, made: Sweep) -> Report:
    """Return what is to be told of a sweep that has ended: its trials stand for steps."""
    best = made.best
    return Report(
        pipeline=made.pipeline,
        status="interrupted" if made.status == "running" else made.status,
        started_at=made.started_at,
        seconds=_between(made.started_at, made.ended_at),
        run_id=made.run_id,
        parameters=dict(made.varied),
        metrics={} if best is None else dict(sorted(best.metrics.items())),
        steps=tuple(_trial(project, one) for one in sorted(made.trials, key=lambda t: t.number)),
    )


def _trial(project: Project, one: Trial) -> StepReport:
    values = "  ".join(f"{name}={value}" for name, value in one.parameters.items())
    name = f"trial {one.number}: {values}"
    try:
        told = report(project, name, one.pipeline_run_id)
    except MlopsError:  # what it recorded is gone
        told = refused(name, None)
    failed = next((step for step in told.steps if step.cell is not None), None)
    is_known = one.cached and one.status == "finished"
    return StepReport(
        name=name,
        status="cached" if is_known else one.status,
        seconds=told.seconds,
        why="all steps were known" if is_known else None,
        error=failed.error if failed is not None else one.error,
        cell=None if failed is None else failed.cell,
    )


def refused(pipeline: str, error: BaseException | None) -> Report:
    """Return what is to be told of a pipeline run that was not begun."""
    message, hint = _words(error)
    is_stopped = isinstance(error, KeyboardInterrupt)
    return Report(pipeline, "interrupted" if is_stopped else "refused", message, hint)


class _Hidden:
    """Takes secrets out of texts, and the path of the project, which tells others nothing.

    Secrets are those that are known, and those that parameters refer to.
    """

    def __init__(self, project: Project, parameters: Mapping[str, Any]) -> None:
        self._folder = f"{project.root}{os.sep}"
        told = [v for v in parameters.values() if isinstance(v, str) and v.startswith("env:")]
        values = {os.environ.get(reference.removeprefix("env:"), "") for reference in told}
        self._values = sorted((v for v in values if len(v) >= SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        text = text.replace(self._folder, "")
        for value in self._values:
            text = text.replace(value, secret.MASK)
        return secret.masked(text)


def _words(error: BaseException | None) -> tuple[str | None, str | None]:
    if error is None:
        return None, None
    if isinstance(error, MlopsError):
        return error.message, error.hint
    return ("interrupted" if isinstance(error, KeyboardInterrupt) else repr(error)), None


def _steps(project: Project, run: PipelineRun, hide: _Hidden) -> Iterator[StepReport]:
    for step in run.steps:
        # a run that is killed with its command leaves this to the next start
        status = "interrupted" if step.status == "running" else step.status
        yield StepReport(
            name=step.step,
            status=status,
            seconds=_between(step.started_at, step.ended_at),
            why=hide(_why(step)) or None,
            error=step.error and hide(step.error),
            cell=_failed_cell(project, step, hide) if status == "failed" else None,
        )


def _why(step: StepRun) -> str:
    """Return why it was run, and how often it was tried."""
    # the last failure is how it ended, unless it did not
    before = step.failures[:-1] if step.status == "failed" else step.failures
    tried = [f"tried again after {error}" for error in before[:LONGEST_RETRIES]]
    return "; ".join(filter(None, (step.why, *tried)))


def _failed_cell(project: Project, step: StepRun, hide: _Hidden) -> FailedCell | None:
    """Return the cell that raised, from the executed notebook; None where none did."""
    if step.executed is None:
        return None
    for cell in _cells(project.root / step.executed):
        for output in cell.get("outputs", ()):
            if output.get("output_type") == "error" and _is_failed(cell):
                lines = "\n".join(map(str, output.get("traceback", ())))
                last = f"{output.get('ename')}: {output.get('evalue')}".strip()
                source = "".join(cell.get("source", ""))
                return FailedCell(
                    source=_ends(hide(secret.masked_source(source)), LAST_LINES),
                    error=hide(last.partition("\n")[0])[:LONGEST_LINE],
                    traceback=_ends(hide(without_colours(lines)), -LAST_LINES),
                )
    return None


def _cells(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_bytes())
        return [c for c in content["cells"] if c.get("cell_type") == "code"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # a report says what is known


def _is_failed(cell: Mapping[str, Any]) -> bool:
    told = cell.get("metadata", {}).get("papermill", {})
    return bool(told.get("exception")) or told.get("status") == "failed"


def _ends(text: str, lines: int) -> str:
    """Return the first lines of a text, or the last ones for a negative number."""
    found = [line[:LONGEST_LINE] for line in text.splitlines()]
    if len(found) <= abs(lines):
        return "\n".join(found)
    return "\n".join([*found[:lines], "…"] if lines > 0 else ["…", *found[lines:]])


def _between(begin: str | None, end: str | None) -> float | None:
    if begin is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
