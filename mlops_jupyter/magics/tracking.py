"""The runs that are open in this kernel, and what each executed cell says about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_jupyter.cells.analysis import CellAnalysis, analyse
from mlops_jupyter.errors import UsageError
from mlops_jupyter.magics import display, track
from mlops_jupyter.project import Project
from mlops_jupyter.runs import environment, findings, mirror, recorder
from mlops_jupyter.runs.recorder import Figure, Findings, RunPart
from mlops_jupyter.runs.run import Status


@dataclass(slots=True)
class OpenRun:
    """A run that the executing cell, or the whole kernel, belongs to."""

    id: str
    name: str
    spans_kernel: bool
    has_model: bool = False
    metrics: dict[tuple[str, int], float] = field(default_factory=dict)
    fitted_before: frozenset[str] = frozenset()


class Tracking:
    """The open runs of one kernel.

    Parameters
    ----------
    shell : InteractiveShell
    project : Project
    session_id : str
    """

    def __init__(self, shell: Any, project: Project, session_id: str) -> None:
        self.shell = shell
        self.project = project
        self.session_id = session_id
        self.run: OpenRun | None = None
        self._parameters: dict[str, None] = {}

    def attach(self, run_id: str) -> None:
        """Let all cells of the kernel belong to a run that others opened: a pipeline's."""
        self.run = OpenRun(run_id, "", spans_kernel=True)

    def before(self, source: str, notebook: str | None) -> None:
        """Open the run of a tracked cell."""
        name = track.name_of(source)
        if name is not None and self.run is None:
            run_id = recorder.open_run(
                self.project, name, notebook=notebook, session_id=self.session_id
            )
            self.run = OpenRun(run_id, name, spans_kernel=False)
        if self.run is not None:
            fitted = findings.estimators(analyse(source).reads, self.shell.user_ns)
            self.run.fitted_before = frozenset(fitted)

    def after(
        self,
        analysis: CellAnalysis,
        error: BaseException | None,
        figures: Sequence[Figure],
        *,
        has_parameters: bool,
    ) -> tuple[RunPart, ...]:
        """Return what the cell that has just ended says about each open run.

        Parameters
        ----------
        analysis : CellAnalysis
        error : BaseException or None
            What the cell raised.
        figures : sequence of Figure
            What it showed.
        has_parameters : bool
            It is tagged ``parameters``, or papermill has injected it.
        """
        if has_parameters:
            self._parameters.update(dict.fromkeys(analysis.writes))
        if self.run is None:
            return ()
        found = self._findings(self.run, analysis, figures)
        return (RunPart(self.run.id, found, self._closes(error)),)

    def end(self, parts: Sequence[RunPart]) -> None:
        """Go on after a cell is written down: forget the runs that it closed, and show them."""
        run = self.run
        if run is None:
            return
        for part in parts:
            run.has_model = run.has_model or part.findings.model is not None
            run.metrics.clear()
            if part.closes is not None:
                self.run = None
                display.run_line(self.shell, run.name, run.id, part.closes, part.findings)
                mirror.start(self.project)

    def give_up(self, error: BaseException | None, text: str | None) -> None:
        """Close the runs that the cell should have closed, when it could not be written down."""
        run, closes = self.run, self._closes(error)
        if run is not None and closes is not None:
            self.run = None
            recorder.close_run(self.project, run.id, closes, text)

    def log_metric(self, name: str, value: float, step: int | None) -> None:
        """Take a metric of the open run."""
        if self.run is None:
            raise UsageError(
                f"log_metric({name!r}): no run is open",
                hint="put `%%track NAME` on top of the cell",
            )
        taken = self.run.metrics
        if step is None:
            step = max((s for n, s in taken if n == name), default=-1) + 1
        taken[str(name), int(step)] = value

    def _closes(self, error: BaseException | None) -> Status | None:
        return None if self.run is None or self.run.spans_kernel else status_of(error)

    def _findings(
        self, run: OpenRun, analysis: CellAnalysis, figures: Sequence[Figure]
    ) -> Findings:
        space = self.shell.user_ns
        fitted = findings.estimators([*analysis.writes, *sorted(analysis.reads)], space)
        bound = set(analysis.writes)
        fresh = {n: e for n, e in fitted.items() if n in bound or n not in run.fitted_before}
        if not fresh and not run.has_model:
            fresh = fitted
        names = dict.fromkeys([*self._parameters, *analysis.literals])
        seen = [*analysis.writes, *sorted(analysis.reads)]
        frames = [space[name] for name in seen if name in space]
        return Findings(
            parameters={
                **findings.parameters(names, space),
                **findings.estimator_parameters(fresh),
            },
            metrics={**findings.metrics(analysis.assigned, space), **run.metrics},
            figures=tuple(figures),
            model=findings.model(fresh, frames) if fresh else None,
            environment=environment.encode(environment.capture()),
        )


def status_of(error: BaseException | None) -> Status:
    """Return the status of a run whose last cell ended so."""
    if error is None:
        return "finished"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
