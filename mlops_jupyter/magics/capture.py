"""Capture: what each executed cell read, bound and showed, written down when it ends.

Only public IPython events and hooks; the user's code and namespace stay as they are. This
module holds the one broad ``except`` behind all of it: whatever goes wrong in recording, the
user's cell is not disturbed, and one line says what was not recorded. Others stand only where
code of the user, or of a library, may raise anything.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import msgspec
from msgspec.structs import replace

from mlops_jupyter.cells.analysis import CellAnalysis, analyse
from mlops_jupyter.data import touched
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import MlopsError, last_line
from mlops_jupyter.kernel import current as executing
from mlops_jupyter.kernel import notebook
from mlops_jupyter.kernel.current import Cell
from mlops_jupyter.kernel.files import Accesses
from mlops_jupyter.magics.outputs import Outputs, publishers
from mlops_jupyter.magics.tracking import Tracking
from mlops_jupyter.project import REPRODUCES, Project, now, open_project
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.journal import Journal
from mlops_jupyter.runs.observer import Observed, Observer
from mlops_jupyter.runs.recorder import Execution, RunPart
from mlops_jupyter.runs.run import ReadFile
from mlops_jupyter.runs.taken import Taken

INJECTED = "# Parameters\n"
"""First line of the cell that papermill injects; the kernel is not told its tags."""

current: Capture | None = None
"""The recording of this kernel; None when there is none."""


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a failure of ours end in one line, said once, and nothing else."""

    @functools.wraps(method)
    def guard(self: Capture, *arguments: Any) -> Any:
        if os.getpid() != self.pid:  # a child that the cell has forked: its parent records
            return arguments[0] if arguments else None
        try:
            return method(self, *arguments)
        except Exception as error:  # noqa: BLE001 - recording never breaks a cell
            self.complain(error)
            return arguments[0] if arguments else None

    return guard


class Live(msgspec.Struct):
    """What is there while a project is recorded into."""

    project: Project
    session_id: str
    notebook: str | None
    tracking: Tracking
    observer: Observer
    journal: Journal
    taken: Taken
    position: int = 0


class _Touched(msgspec.Struct, frozen=True):
    """A data version that a cell loaded, or took of a value that bears these names."""

    version: DatasetVersion
    is_taken: bool
    names: tuple[str, ...]


class Capture:
    """The recording of one kernel.

    Parameters
    ----------
    shell : InteractiveShell
        The kernel's shell.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.pid = os.getpid()
        self.live: Live | None = None
        self._depth = 0
        self._began = (now(), perf_counter())
        self._touched: list[_Touched] = []
        self._outputs = Outputs()
        self._complaints: set[str] = set()

    @property
    def project(self) -> Project | None:
        """The project recorded into; None outside of any."""
        return self.live.project if self.live else None

    @property
    def tracking(self) -> Tracking | None:
        """The runs that are open."""
        return self.live.tracking if self.live else None

    def begin(self, project: Project) -> None:
        """Begin to record into a project."""
        path = notebook.path_of(self.shell)
        # papermill's kernels work where papermill was called, wherever the notebook lies
        folder = os.getcwd() if notebook.VARIABLE in os.environ else None  # noqa: PTH109
        session_id = recorder.open_session(project, path, folder)
        tracking = Tracking(self.shell, project, session_id, lambda: self._outputs.figures)
        observer = Observer(self.shell.user_ns, project.root)
        observer.start()
        observer.begin()
        taken = Taken(observer.trace)
        self.live = Live(project, session_id, path, tracking, observer, Journal(project), taken)
        self.keep(project)  # some may wait since an earlier kernel
        run_id = os.environ.get("MLOPS_RUN")
        if run_id:  # a step of a pipeline: all its cells belong to the pipeline's run
            tracking.attach(run_id)

    @guarded
    def end(self) -> None:
        """Stop recording."""
        executing.clear()
        if self.live is not None:
            self.live.observer.stop()
            self.live.tracking.leave()
            self.live.journal.flush()
            self.keep(self.live.project)

    @guarded
    def pre_run_cell(self, info: Any) -> None:
        """Note the time, and open the run of a tracked cell."""
        self._depth += 1
        live = self.live
        if self._depth > 1 or live is None:
            return
        self._touched.clear()
        self._outputs.clear()
        path = notebook.path_told_with(info.cell_id) or live.notebook
        executing.set_cell(
            Cell(live.project.root, live.session_id, live.position + 1, info.cell_id, path)
        )
        with live.project.catalog.patience(live.journal.patience_seconds):
            live.tracking.before(info.raw_cell, path)
        live.observer.begin()
        self._began = (now(), perf_counter())

    @guarded
    def post_run_cell(self, result: Any) -> None:
        """Write the cell down, and what it says about the open runs."""
        self._depth = max(0, self._depth - 1)
        live = self.live
        if self._depth or live is None or not result.info.raw_cell:
            return
        error = result.error_before_exec or result.error_in_exec
        try:
            parts = self._write(live, result.info, error)
        except Exception:
            live.tracking.give_up(error, error and last_line(error))
            raise
        live.tracking.end(parts)

    def _write(self, live: Live, info: Any, error: BaseException | None) -> tuple[RunPart, ...]:
        """Write the executed cell, and what it says about its runs."""
        seconds = max(0.0, perf_counter() - self._began[1])
        live.position += 1
        analysis = analyse(info.raw_cell)
        observed = live.observer.end(live.position, analysis, failed=error is not None)
        parts = live.tracking.after(
            analysis,
            error,
            self._outputs.figures,
            has_parameters="parameters" in _tags(info) or info.raw_cell.startswith(INJECTED),
            changed=observed.traced.changed,
        )
        trace = live.observer.trace
        slice_ = trace.slice_of(live.position) if parts else []
        for one in self._touched:
            for row in _rows_of(live.project, [one.version] if one.names else []):
                live.taken.add(one.names, row, observed.traced)
        parts = tuple(replace(part, data=live.taken.read_by(slice_)) for part in parts)
        execution = self._execution(live, info, analysis, observed, error, seconds)
        if not live.journal.record(execution, parts, slice_[:-1], trace.doubts(slice_)):
            self.complain(live.journal.late())
        if execution.keeps:
            self.keep(live.project)
        return parts

    @guarded
    def see(self, message: dict[str, Any]) -> dict[str, Any]:
        """Keep what a cell shows (a hook of ipykernel's publisher)."""
        if self.live is not None and self.live.project.settings.capture.figures:
            self._outputs.see(message)
        return message

    @guarded
    def keep(self, project: Project) -> None:
        """Let the files that wait become data versions, by the process beside the kernel."""
        if project.settings.capture.files != "snapshot":
            return
        from mlops_jupyter.runs import keeping, mirror

        if keeping.is_waiting(project):
            mirror.start(project)

    def touch(self, version: DatasetVersion, taken: bool, value: Any) -> None:
        """Note a data version that the executing cell loaded, or took of a value."""
        space = self.shell.user_ns if taken else {}
        names = tuple(name for name, held in list(space.items()) if held is value)
        self._touched.append(_Touched(version, taken, names))

    def complain(self, error: BaseException) -> None:
        """Say once that something was not recorded, and why."""
        reason = error.message if isinstance(error, MlopsError) else repr(error)
        if reason not in self._complaints:
            self._complaints.add(reason)
            print(f"mlops: not recorded: {reason}", file=sys.stderr)  # noqa: T201
            if isinstance(error, MlopsError) and error.hint:
                print(f"  hint: {error.hint}", file=sys.stderr)  # noqa: T201

    def _execution(
        self,
        live: Live,
        info: Any,
        analysis: CellAnalysis,
        observed: Observed,
        error: BaseException | None,
        seconds: float,
    ) -> Execution:
        traced, project = observed.traced, live.project
        files = _files_of(project, observed.accesses)
        return Execution(
            session_id=live.session_id,
            position=traced.position,
            cell_id=info.cell_id,
            source=info.raw_cell,
            source_digest=analysis.digest,
            code_digest=analysis.code_digest,
            reads=tuple(sorted(observed.needs | analysis.reads)),
            writes=tuple(sorted(traced.bound)),
            changes=tuple(sorted(traced.changed)),
            deletes=tuple(sorted(traced.deleted)),
            parents=traced.parents,
            unsure=traced.unsure,
            started_at=self._began[0],
            duration_seconds=seconds,
            error=None if error is None else last_line(error),
            versions=_rows_of(project, [one.version for one in self._touched]),
            made=_rows_of(project, [one.version for one in self._touched if one.is_taken]),
            notebook=notebook.path_told_with(info.cell_id),
            outputs=self._outputs.shown,
            files=files,
            keeps=_kept_of(project, files),
        )


def _rows_of(project: Project, used: Sequence[DatasetVersion]) -> tuple[int, ...]:
    if not used or REPRODUCES in os.environ:  # what a run is given again is no use of it
        return ()
    from mlops_jupyter.data import versions

    return tuple(sorted({versions.row_id(project, version) for version in used}))


def _files_of(project: Project, accesses: Accesses) -> tuple[ReadFile, ...]:
    if not accesses.accesses or project.settings.capture.files == "off":
        return ()
    from mlops_jupyter.runs.files import read_files

    return read_files(project, accesses)


def _kept_of(project: Project, files: tuple[ReadFile, ...]) -> tuple[ReadFile, ...]:
    if not files or project.settings.capture.files != "snapshot" or REPRODUCES in os.environ:
        return ()
    from mlops_jupyter.runs.keeping import chosen

    return chosen(project, files)


def start(shell: Any) -> Capture:
    """Begin to record what `shell` executes."""
    global current
    capture = current = Capture(shell)
    shell.events.register("pre_run_cell", capture.pre_run_cell)
    shell.events.register("post_run_cell", capture.post_run_cell)
    for publisher in publishers(shell):
        publisher.register_hook(capture.see)
    touched.listeners.append(capture.touch)
    try:
        capture.begin(open_project())
    except MlopsError as error:
        capture.complain(error)
    return capture


def stop(shell: Any) -> None:
    """Stop recording."""
    global current
    if current is None:
        return
    shell.events.unregister("pre_run_cell", current.pre_run_cell)
    shell.events.unregister("post_run_cell", current.post_run_cell)
    for publisher in publishers(shell):
        publisher.unregister_hook(current.see)
    touched.listeners.remove(current.touch)
    current.end()
    current = None


def _tags(info: Any) -> list[str]:
    # JupyterLab sends the cell's metadata along with the cell
    meta = getattr(info, "cell_meta", None)
    tags = meta.get("tags") if isinstance(meta, Mapping) else None
    return list(tags) if isinstance(tags, list | tuple) else []
