"""The runs that are open in this process, and which of them is meant where.

A run of a block belongs to the context (`contextvars`) in which it was opened: to this thread
or task, and to the tasks that it starts. A thread begins with an empty context: around it are
the blocks that the main thread has open, and the run of the executing cell.
"""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar
from itertools import pairwise

from msgspec.structs import replace

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import open_project
from mlops_jupyter.runs import code, recorder
from mlops_jupyter.runs.opened import OpenRun, Place, not_open
from mlops_jupyter.runs.recorder import Findings, RunPart
from mlops_jupyter.runs.run import Status
from mlops_jupyter.runs.selection import Selection

place: Place | None = None
"""Where runs are recorded; in plain Python found when one is opened."""

ignoring = False
"""The executing cell's run could not be opened, which was said: what it logs is let go."""

_context: ContextVar[OpenRun | None] = ContextVar("mlops_run", default=None)
_in_main_thread: list[OpenRun] = []


def here() -> Place:
    """Return the place of this process; in plain Python, of the project around it.

    Raises
    ------
    UsageError
        There is no project.
    """
    global place
    if place is not None and place.in_kernel and place.pid == os.getpid():
        return place
    project = open_project()
    if place is None or place.pid != os.getpid() or place.project.root != project.root:
        place = Place(project, recorder.open_session(project, None))
    return place


def open_run(
    at: Place,
    name: str,
    selection: Selection | None = None,
    *,
    parent: OpenRun | None = None,
    began: str | None = None,
) -> OpenRun:
    """Begin a run."""
    git = at.git or code.git_state(at.project.root)
    if at.in_kernel:  # it holds for the rest of the cell
        at.git = git
    run_id = recorder.open_run(
        at.project,
        name,
        notebook=at.notebook,
        session_id=at.session_id,
        parent_run_id=parent.id if parent else None,
        git=git,
        started_at=began,
    )
    run = OpenRun(at, run_id, name, parent=parent, selection=selection)
    at.add(run)
    return run


def resume(at: Place, run_id: str, selection: Selection | None = None) -> OpenRun:
    """Let an ended run go on.

    Raises
    ------
    NotFoundError
        There is no such run.
    ConflictError
        It runs.
    """
    from mlops_jupyter.runs import history, series

    found = history.get(at.project, run_id)
    recorder.resume_run(at.project, found.id, at.session_id)
    run = OpenRun(at, found.id, found.name, selection=selection)
    run.go_on(series.last_steps(at.project, found.id))
    run.has_model = found.model_digest is not None
    at.add(run)
    return run


def enter(run: OpenRun) -> None:
    """Make a run the one around what this thread or task does next."""
    run.is_block = True
    _context.set(run)
    if threading.current_thread() is threading.main_thread():
        _in_main_thread.append(run)


def leave(run: OpenRun) -> None:
    """Make the run around it the one that is meant again."""
    if _context.get() is run:
        _context.set(run.parent if run.parent and run.parent.is_block else None)
    if run in _in_main_thread:
        _in_main_thread.remove(run)


def enclosing() -> OpenRun | None:
    """Return the run that is open around this thread or task, be it of the parent process."""
    run = _context.get()
    while run is not None and run.status != "running":
        run = run.parent
    if run is not None:
        return run
    if threading.current_thread() is not threading.main_thread():
        blocks = [block for block in _in_main_thread if block.status == "running"]
        # tasks may have opened them side by side: then none of them is around all the others
        if blocks and all(inner.parent is outer for outer, inner in pairwise(blocks)):
            return blocks[-1]
    around = place.around if place else None
    return around if around is not None and around.status == "running" else None


def run_id() -> str | None:
    """Return the id of that run."""
    run = enclosing()
    return run.id if run is not None else None


def current(verb: str, name: str) -> OpenRun | None:
    """Return the run that is meant here; None when it was said that there is none.

    Raises
    ------
    UsageError
        No run is open, or only in the parent process.
    """
    run = enclosing()
    if run is None or run.place.pid != os.getpid():
        if run is None and ignoring:
            return None
        raise not_open(run, f"{verb}({name!r:.80})")
    return run


def end(run: OpenRun, status: Status, error: str | None, found: Findings) -> None:
    """End the run of a block. It is written at once; its cells follow when the cell ends."""
    from mlops_jupyter.runs import environment, mlflow_attach

    mlflow_attach.note(run.place.project, run.id)
    leave(run)
    run.status = status
    run.note(found)
    run.figure_count = len(run.place.figures()) - run.first_figure
    logged = run.take()
    findings = replace(
        found,
        metrics={**found.metrics, **logged.metrics},
        logged_at=logged.logged_at,
        environment=environment.captured(),
    )
    try:
        recorder.add(run.place.project, RunPart(run.id, findings, status), error)
    except MlopsError:
        run.unwritten = findings  # written with the cell, if it can be then
        raise
