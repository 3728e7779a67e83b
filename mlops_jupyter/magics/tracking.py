"""The runs that are open in this kernel, and what each executed cell says about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mlops_jupyter.cells.analysis import CellAnalysis, analyse
from mlops_jupyter.errors import MlopsError, UsageError
from mlops_jupyter.kernel import current
from mlops_jupyter.magics import track
from mlops_jupyter.magics.track import Header
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import library, live, outbox, recorder
from mlops_jupyter.runs.opened import OpenRun, Place, status_of
from mlops_jupyter.runs.recorder import Figure, Findings, RunPart
from mlops_jupyter.runs.run import Status

if TYPE_CHECKING:
    from mlops_jupyter.runs.findings import Scene, States

STATUSES: tuple[Status, ...] = ("finished", "failed", "interrupted")


class Tracking:
    """The open runs of one kernel.

    Parameters
    ----------
    shell : InteractiveShell
    project : Project
    session_id : str
    figures : callable, optional
        What the executing cell has shown so far: which of it a block has shown is known by it.
    """

    def __init__(
        self,
        shell: Any,
        project: Project,
        session_id: str,
        figures: Callable[[], Sequence[Figure]] = tuple,
    ) -> None:
        self.shell = shell
        self.project = project
        self.session_id = session_id
        self.place = live.place = Place(project, session_id, in_kernel=True, figures=figures)
        self._attached: OpenRun | None = None
        self._spanning: OpenRun | None = None
        self._cell: OpenRun | None = None
        self._before: States = {}
        self._began = now()
        self._taken: dict[str, Findings] = {}
        self._given = Given()
        current.follow(live.run_id)
        if not outbox.is_empty(project):  # runs of an earlier kernel still wait
            from mlops_jupyter.runs import mirror

            mirror.start(project)

    @property
    def run(self) -> OpenRun | None:
        """The run that is open around the executing cell, if there is one."""
        return self.place.around

    def attach(self, run_id: str) -> None:
        """Let all cells of the kernel belong to a run that others opened: a pipeline's."""
        from mlops_jupyter.runs import series

        self._attached = self.place.around = OpenRun(self.place, run_id, "")
        self._attached.go_on(series.last_steps(self.project, run_id))
        self.place.add(self._attached)

    def before(self, source: str, notebook: str | None) -> None:
        """Open the run of a tracked cell."""
        live.ignoring = False
        place = self.place
        place.notebook, place.git = notebook, None
        place.runs = [run for run in place.runs if run.status == "running"]
        self._cell, self._began = None, now()
        header = track.header_of(source)
        if header is not None and self._attached is None:
            try:
                self._cell = live.open_run(
                    place, header.name, header.selection, parent=self._spanning
                )
            except MlopsError:
                live.ignoring = True
                raise
        self._set_around()
        self._before = self._states(source)

    def start(self, header: Header) -> None:
        """Open a run that goes on until it is stopped.

        Raises
        ------
        UsageError
            One is open already.
        """
        from mlops_jupyter.magics import display

        open_ = self._spanning
        if open_ is not None and open_.closes is None:
            raise UsageError(
                f"%mlops start: run {open_.name} is open", hint="end it first: `%mlops stop`"
            )
        if header.resume is None:
            parent = live.enclosing()
            run = live.open_run(self.place, header.name, header.selection, parent=parent)
        else:
            run = live.resume(self.place, header.resume, header.selection)
        self._spanning = self.place.around = run
        display.started_line(self.shell, run, is_resumed=header.resume is not None)

    def stop(self, status: Status = "finished") -> None:
        """End the run that was started, when this cell ends.

        Raises
        ------
        UsageError
            None is open.
        """
        if self._spanning is None or self._spanning.closes is not None:
            raise UsageError("%mlops stop: no run is open", hint="begin one: `%mlops start NAME`")
        self._spanning.closes = status

    def after(
        self,
        analysis: CellAnalysis,
        error: BaseException | None,
        figures: Sequence[Figure],
        *,
        has_parameters: bool,
        changed: frozenset[str] = frozenset(),
    ) -> tuple[RunPart, ...]:
        """Return what the cell that has just ended says about each run open in it.

        Parameters
        ----------
        analysis : CellAnalysis
        error : BaseException or None
            What the cell raised.
        figures : sequence of Figure
            What it showed.
        has_parameters : bool
            It is tagged ``parameters``, or papermill has injected it.
        changed : frozenset of str
            Names whose content it changed in place.
        """
        given = self._given.after(analysis, changed, has_parameters=has_parameters)
        self._taken.clear()
        may_open = not self.place.runs and self.project.settings.capture.track_fits
        if not self.place.runs and not may_open:
            return ()
        from mlops_jupyter.runs import mlflow_attach
        from mlops_jupyter.runs.findings import Scene

        scene = Scene(analysis, self.shell.user_ns, self._before, changed, given)
        if may_open:
            self._open_for_fit(scene)
        if self._cell is not None:
            self._cell.closes = status_of(error)
        if self.place.around is not None:
            mlflow_attach.note(self.project, self.place.around.id)
        return tuple(self._part(run, scene, figures) for run in self.place.runs)

    def end(self, parts: Sequence[RunPart]) -> None:
        """Go on after a cell is written down: forget the runs that it closed, and show them."""
        runs = {run.id: run for run in self.place.runs}
        closed = [runs[part.run_id] for part in parts if part.closes is not None]
        for run in closed:
            run.status = run.closes or run.status
        self._forget()
        if closed:
            from mlops_jupyter.magics import display
            from mlops_jupyter.runs import mirror

            mirror.start(self.project)
            display.run_lines(self.shell, self.project, closed)

    def give_up(self, error: BaseException | None, text: str | None) -> None:
        """Close the runs that the cell should have closed, when it could not be written down."""
        if self._cell is not None:
            self._cell.closes = status_of(error)
        for run in self.place.runs:
            taken = self._taken.get(run.id, Findings())
            if run.closes is None or run.status != "running":
                run.give_back(taken)
                continue
            run.status = run.closes
            recorder.add(
                self.project,
                RunPart(run.id, taken, run.closes),
                None if run.closes == "finished" else text,
            )
        self._forget()

    def leave(self) -> None:
        """End what is open, because the kernel records no more."""
        for run in self.place.runs:
            if run.status == "running" and run is not self._attached:
                run.status = "interrupted"
                recorder.add(self.project, RunPart(run.id, run.take(), "interrupted"))
        if live.place is self.place:
            live.place = None

    def _open_for_fit(self, scene: Scene) -> None:
        from mlops_jupyter.runs import findings

        trained = findings.trained_here(scene)
        if trained:
            name = type(trained[-1]).__name__
            self._cell = live.open_run(self.place, name, began=self._began)

    def _part(self, run: OpenRun, scene: Scene, figures: Sequence[Figure]) -> RunPart:
        if run.is_block:
            shown = figures[run.first_figure : run.first_figure + run.figure_count]
            kept = tuple(shown) if run.selection.figures else ()
            if run.status != "running":
                run.closes = run.status
            return RunPart(run.id, replace(run.unwritten, figures=kept), run.closes)
        from mlops_jupyter.runs import environment, findings

        found = findings.gather(scene, run.selection, logged=run.logged, has_model=run.has_model)
        taken = self._taken[run.id] = run.take()
        run.note(found)
        found = replace(
            found,
            parameters={k: v for k, v in found.parameters.items() if k not in run.logged_params},
            metrics={**found.metrics, **taken.metrics},
            logged_at=taken.logged_at,
            figures=tuple(figures) if run.selection.figures else (),
            environment=environment.captured(),
        )
        return RunPart(run.id, found, run.closes)

    def _forget(self) -> None:
        if self._spanning is not None and self._spanning.status != "running":
            self._spanning = None
        self._cell = None
        self._set_around()

    def _set_around(self) -> None:
        self.place.around = self._cell or self._spanning or self._attached

    def _states(self, source: str) -> States:
        if not library.loaded():
            return {}
        from mlops_jupyter.runs import findings

        analysis = analyse(source)
        return findings.states([*analysis.reads, *analysis.writes], self.shell.user_ns)


class Given:
    """The names of the cells tagged ``parameters``, and what was made of each."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._in: dict[str, frozenset[str]] = {}

    def after(
        self, analysis: CellAnalysis, changed: frozenset[str], *, has_parameters: bool
    ) -> tuple[str, ...]:
        """Take in a cell; return the names given on which it stands."""
        for name, inside in analysis.functions.items():
            self._in[name] = self._used(inside)
        used = self._used(analysis.reads)
        for name in [*analysis.writes, *changed]:
            self._in[name] = used | self._in.get(name, frozenset()) if name in changed else used
        for name, inside in analysis.functions.items():
            self._in[name] = used | self._used(inside)
        if has_parameters:
            self._names.update(dict.fromkeys(analysis.writes))
            self._in |= {name: frozenset({name}) for name in analysis.writes}
        return tuple(name for name in self._names if name in used)

    def _used(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset().union(*(self._in.get(name, ()) for name in names))
