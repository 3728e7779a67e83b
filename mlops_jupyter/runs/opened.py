"""A run while it is open: what is logged to it.

A metric is put into a dictionary, and the clock is looked at: once in half a second what has
come since is written to the catalog, in the thread that logs. No thread of ours runs beside
the user's loops.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import MlopsError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.recorder import Figure, Findings, RunPart
from mlops_jupyter.runs.run import Status
from mlops_jupyter.runs.selection import Selection

if TYPE_CHECKING:
    from mlops_jupyter.runs.monitor import Monitor

WRITE_SECONDS = 0.5
"""How old a logged metric may be before others see it."""

RETRY_SECONDS = 30.0
"""How long a catalog that could not be written is left alone."""

LONGEST_NAME = 200

_LARGEST_STEP = 2**63 - 1


class Place:
    """Where the runs of this process are recorded.

    Attributes
    ----------
    project : Project
    session_id : str
    in_kernel : bool
        Cells are recorded too: the kernel's capture owns the place.
    figures : callable
        What the executing cell has shown so far.
    notebook : str or None
    around : OpenRun or None
        The run of the executing cell, or the one that spans cells: what is open around
        threads and tasks that have opened none.
    runs : list of OpenRun
        Those that were open at any time since the executing cell began.
    git : tuple or None
        The state of git when the executing cell's first run was opened.
    """

    def __init__(
        self,
        project: Project,
        session_id: str,
        *,
        in_kernel: bool = False,
        figures: Callable[[], Sequence[Figure]] = tuple,
    ) -> None:
        self.project = project
        self.session_id = session_id
        self.in_kernel = in_kernel
        self.figures = figures
        self.notebook: str | None = None
        self.around: OpenRun | None = None
        self.runs: list[OpenRun] = []
        self.git: tuple[str | None, bool | None] | None = None
        self.pid = os.getpid()
        self._adding = threading.Lock()
        self._monitor: Monitor | None = None

    def add(self, run: OpenRun) -> None:
        """Take in a run that begins, or that another process began."""
        from mlops_jupyter.runs.monitor import Monitor

        self.runs.append(run)
        with self._adding:  # threads open runs at the same time
            if self._monitor is None:
                self._monitor = Monitor(self.project, self.session_id, self._ages)
        self._monitor.watch()

    def _ages(self) -> dict[str, float]:
        return {r.id: time.time() - r.began for r in [*self.runs] if r.status == "running"}


class OpenRun:
    """A run while it is open: what ``with track(…) as run`` gives.

    Attributes
    ----------
    id : str
        Sixteen hex digits.
    name : str
    parent : OpenRun or None
        The run around it.
    status : str
        ``running`` until it has ended.
    """

    def __init__(
        self,
        place: Place,
        run_id: str,
        name: str,
        *,
        parent: OpenRun | None = None,
        selection: Selection | None = None,
    ) -> None:
        self.id = run_id
        self.name = name
        self.parent = parent
        self.status: Status = "running"
        # the rest is ours
        self.place = place
        self.selection = selection or Selection()
        self.closes: Status | None = None
        self.is_block = False
        self.has_model = False
        self.last: dict[str, float] = {}
        self.logged_params: set[str] = set()
        self.notes: tuple[str, ...] = ()
        self.unwritten = Findings()
        self.first_figure = 0
        self.figure_count = 0
        self.began = time.time()
        self._waiting: dict[tuple[str, int], tuple[float, float]] = {}
        self._steps: dict[str, int] = {}
        self._lock = threading.Lock()
        self._write_at = self.began + WRITE_SECONDS

    def __repr__(self) -> str:
        return f"<run {self.name} {self.status} {self.id[:8]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a child process have it: it knows the run, and says that it cannot log to it."""
        return _elsewhere, (self.id, self.name)

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a metric; see `mlops_jupyter.log_metric`."""
        if type(value) is not float:
            value = _number(name, value)
        if step is not None and (type(step) is not int or abs(step) > _LARGEST_STEP):
            step = _whole(name, step)
        self._check("log_metric", name)
        at = time.time()
        with self._lock:
            last = self._steps.get(name, -1)
            if step is None:
                step = last + 1
            if step >= last:
                self._steps[name] = step
                self.last[name] = value
            self._waiting[name, step] = value, at
            if at < self._write_at:
                return
            self._write_at = at + WRITE_SECONDS
        self._write()

    def log_param(self, name: str, value: Any) -> None:
        """Record a parameter: plain data as it is, anything else as its text."""
        self.log_params({name: value})

    def log_params(self, parameters: Mapping[str, Any]) -> None:
        """Record parameters."""
        from mlops_jupyter.runs.findings import plain

        for name in parameters:
            self._check("log_param", name)
        self.logged_params |= set(parameters)
        self._add(Findings(parameters={name: plain(v) for name, v in parameters.items()}))

    def log_figure(self, fig: Any, name: str) -> None:
        """Record a figure under a name."""
        from mlops_jupyter.runs.logged import figure_of

        self._check("log_figure", name)
        self._add(Findings(files=(figure_of(fig, name),)))

    def log_artifact(self, file: str | os.PathLike[str] | bytes, name: str | None = None) -> None:
        """Record a file, or bytes under a name."""
        from mlops_jupyter.runs.logged import file_of

        self._check("log_artifact", "" if name is None else name)
        self._add(Findings(files=(file_of(file, name),)))

    @property
    def logged(self) -> Mapping[str, int]:
        """The names of the metrics that were logged, and their last steps."""
        return self._steps

    def go_on(self, steps: Mapping[str, int]) -> None:
        """Let the next steps of its metrics follow the last ones."""
        self._steps.update(steps)

    def take(self) -> Findings:
        """Return the metrics that wait to be written; the caller writes them."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        return Findings(
            metrics={key: value for key, (value, _) in waiting.items()},
            logged_at={
                key: datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
                for key, (_, at) in waiting.items()
            },
        )

    def give_back(self, findings: Findings) -> None:
        """Let metrics that could not be written wait on."""
        with self._lock:
            at = time.time()
            self._waiting = {k: (v, at) for k, v in findings.metrics.items()} | self._waiting
            self._write_at = at + RETRY_SECONDS

    def note(self, findings: Findings) -> None:
        """Remember for people what was found last."""
        for (name, _), value in sorted(findings.metrics.items()):
            if name not in self._steps:
                self.last[name] = value
        self.has_model = self.has_model or findings.model is not None
        self.notes = (*self.notes, *findings.notes)

    def _write(self) -> None:
        taken = self.take()
        try:
            recorder.add(self.place.project, RunPart(self.id, taken))
        except MlopsError as error:
            self.give_back(taken)
            complain(error)

    def _add(self, findings: Findings) -> None:
        try:
            recorder.add(self.place.project, RunPart(self.id, findings))
        except MlopsError as error:
            complain(error)

    def _check(self, verb: str, name: str) -> None:
        if type(name) is not str or len(name) > LONGEST_NAME:
            raise UsageError(f"{verb}: not a name: {name!r:.80}", hint="a text, at most 200 long")
        if self.status != "running" or self.place.pid != os.getpid():
            raise not_open(self, f"{verb}({name!r})")


def _elsewhere(run_id: str, name: str) -> OpenRun:
    run = OpenRun.__new__(OpenRun)
    run.id, run.name, run.parent, run.status = run_id, name, None, "running"
    run.place = _Elsewhere()
    return run


class _Elsewhere(Place):
    """The place of a run that another process has open."""

    def __init__(self) -> None:
        self.pid = 0


_complaints: set[str] = set()


def complain(error: MlopsError) -> None:
    """Say once that something was not recorded, and why."""
    if error.message not in _complaints:
        _complaints.add(error.message)
        print(f"mlops: not recorded: {error}", file=sys.stderr)  # noqa: T201


def status_of(error: BaseException | None) -> Status:
    """Return the status of a run that ended so."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "finished"
    interrupted = (KeyboardInterrupt, asyncio.CancelledError, GeneratorExit)
    return "interrupted" if isinstance(error, interrupted) else "failed"


def not_open(run: OpenRun | None, call: str) -> UsageError:
    """Return the error for a call for which no run is open here."""
    if run is not None and run.status != "running":
        return UsageError(
            f"{call}: run {run.name} has ended",
            hint=f"go on with it: `with mlops_jupyter.track(resume={run.id[:8]!r})`",
        )
    if run is not None or _is_child():
        return UsageError(
            f"{call}: this is a child process, and the run is open in its parent",
            hint="return the value and log it there, or open a run here: `with track(NAME)`",
        )
    return UsageError(
        f"{call}: no run is open",
        hint="put `%%track NAME` on top of the cell, or use `with mlops_jupyter.track(NAME)`",
    )


def _is_child() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.current_process().name != "MainProcess"


def _number(name: str, value: Any) -> float:
    detach = getattr(value, "detach", None)  # a loss of PyTorch warns when it is made a float
    try:
        return float(value if detach is None else detach())
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise UsageError(f"log_metric({name!r}): not a number: {value!r:.80}") from None


def _whole(name: str, step: Any) -> int:
    try:
        whole = int(step)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or whole != step or abs(whole) > _LARGEST_STEP:
        raise UsageError(f"log_metric({name!r}): not a step: {step!r:.80}", hint="a whole number")
    return whole
