"""One notebook executed in a fresh kernel and a fresh folder, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.data.versions import PINS
from mlops_jupyter.errors import ConflictError, ExternalError, refused_by_disk
from mlops_jupyter.pipelines import process
from mlops_jupyter.project import REPRODUCES, Project
from mlops_jupyter.reproduction import inputs
from mlops_jupyter.reproduction.log import Logged
from mlops_jupyter.reproduction.notebook import written
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.run import Run, Status
from mlops_jupyter.store.lock import exclusive
from mlops_jupyter.store.objects import replace_file

FOLDER = "reproductions"
NOTEBOOK = "run.ipynb"
LOG = "log.txt"
HELD = "held.lock"

_ANOTHERS = {"MLOPS_RUN", "MLOPS_STEP_RUN"}
"""What the environment of a pipeline's step says, which is not ours."""

_PYTHONS = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
"""What would bring packages of this Python to another one."""

_MISSING = (
    re.compile(r"name '([^']+)' is not defined"),
    re.compile(r"No module named '([^']+)'"),
    re.compile(r"No such file or directory: '([^']+)'"),
)

OnCell = Callable[[int, int], None]
"""Called with the number of the cell that begins, from 1, and how many there are."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the process that executes the notebook is told."""

    notebook: str
    folder: str
    kernel: str
    environment: dict[str, str]
    timeout_seconds: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the notebook was not executed to its end.

    Attributes
    ----------
    kind : str
        ``cell``: it raised; ``timeout``, ``kernel``: it was lost.
    message : str
    position : int or None
        Of the cell's execution in the session.
    """

    kind: Literal["cell", "timeout", "kernel"]
    message: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What the process tells: the cell that begins, or why it is over."""

    cell: int | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class CellFailure:
    """A cell that raised though it had not, or did not end.

    Attributes
    ----------
    position : int or None
        Of its execution in the session.
    error : str
        The last line of the traceback.
    missing : str or None
        The name, module or file that was not there.
    """

    position: int | None
    error: str
    missing: str | None

    def __str__(self) -> str:
        where = "its first cell" if self.position is None else f"cell [{self.position}]"
        return f"{where}: {self.error}"


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of executing some cells again.

    Attributes
    ----------
    token : str
        Stands in the path of the notebook that its runs are recorded with.
    failure : CellFailure or None
    notebook : bytes
        The notebook as executed, as far as it came.
    digests : dict of str to str
        The files that it read from, and their content.
    notes : tuple of str
    """

    token: str
    failure: CellFailure | None
    notebook: bytes
    digests: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """The kernel in which cells are executed again, and where its specification is found."""

    kernel: str = "python3"
    jupyter_path: str | None = None


def replay(
    project: Project,
    run: Run,
    executions: Sequence[Logged],
    place: Place,
    *,
    pins: Mapping[str, int],
    timeout_seconds: int | None = None,
    on_cell: OnCell | None = None,
) -> Replay:
    """Execute some cells again in a fresh kernel and a folder that holds only what they read.

    Parameters
    ----------
    project : Project
    run : Run
        The run whose cells they are.
    executions : sequence of Logged
    place : Place
        The kernel.
    pins : mapping of str to int
        The version that the bare name of a dataset stands for.
    timeout_seconds : int, optional
        How long one cell may take.
    on_cell : callable, optional
        Told when a cell begins.

    Raises
    ------
    ConflictError
        A file that they read has changed since.
    ExternalError
        The kernel died or did not start, or a cell took too long.
    """
    with (
        _folder(project) as folder,
        _around(project, run, executions, folder / NOTEBOOK) as opened,
    ):
        laid = inputs.lay_out(project, executions, folder / "work")
        notebook = folder / NOTEBOOK
        replace_file(notebook, written(run, executions))
        told = {
            "MLOPS_PROJECT": str(project.root),
            "JPY_SESSION_NAME": str(notebook),
            REPRODUCES: run.id,
            PINS: msgspec.json.encode(dict(pins)).decode(),
            **opened,
        }
        environment = {**_inherited(place), **told}
        request = Request(
            str(notebook), str(laid.folder), place.kernel, environment, timeout_seconds
        )
        failure = _execute(folder, request, place, len(executions), on_cell)
        executed = notebook.read_bytes()
        if failure is not None and failure.kind != "cell":
            raise _lost(failure)
        return Replay(
            token=folder.name,
            failure=_cell_failure(failure) if failure else None,
            notebook=executed,
            digests=laid.digests,
            notes=tuple(laid.notes),
        )


def _inherited(place: Place) -> dict[str, str]:
    """Return what of our environment is also the kernel's."""
    left_out = _ANOTHERS if place.jupyter_path is None else {*_ANOTHERS, *_PYTHONS}
    return {name: value for name, value in os.environ.items() if name not in left_out}


@contextlib.contextmanager
def _around(
    project: Project, run: Run, executions: Sequence[Logged], notebook: Path
) -> Iterator[dict[str, str]]:
    """Open a run around the cells where none of them did: papermill was called for all of them.

    Gives what the kernel is told of it.
    """
    row = project.catalog.row("SELECT session_id FROM run WHERE id = ?", (run.id,))
    owner = None if row is None else row["session_id"]
    if owner is None or owner in {one.session_id for one in executions}:
        yield {}
        return
    run_id = recorder.open_run(
        project,
        run.name,
        notebook=str(notebook),
        session_id=recorder.open_session(project, None),
        reproduces=run.id,
    )
    status: Status = "failed"
    try:
        yield {"MLOPS_RUN": run_id}
        status = "finished"
    finally:
        recorder.close_run(project, run_id, status)


@contextlib.contextmanager
def _folder(project: Project) -> Iterator[Path]:
    """Give a fresh folder, which is removed in the end; those of killed processes go too."""
    root = project.folder / FOLDER
    folder = root / secrets.token_hex(8)
    try:
        root.mkdir(exist_ok=True)
        for other in root.iterdir():
            _remove_abandoned(other)
        folder.mkdir()
    except OSError as error:
        raise refused_by_disk(folder, error) from error
    try:
        with exclusive(folder / HELD, 0, "execute a run again"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    if not (folder / HELD).exists():  # just made by another process
        return
    with contextlib.suppress(ConflictError), exclusive(folder / HELD, 0, "execute a run again"):
        shutil.rmtree(folder, ignore_errors=True)


def _execute(
    folder: Path, request: Request, place: Place, count: int, on_cell: OnCell | None
) -> Failure | None:
    environment = dict(os.environ)
    if place.jupyter_path is not None:
        others = environment.get("JUPYTER_PATH")
        paths = [place.jupyter_path, *([others] if others else [])]
        environment["JUPYTER_PATH"] = os.pathsep.join(paths)
    with (folder / LOG).open("wb") as log:
        running = process.start("mlops_jupyter.reproduction", log, environment)
    failure = None
    with running:
        try:
            for line in process.events(running, msgspec.json.encode(request)):
                event = msgspec.json.decode(line, type=Event)
                failure = event.failure or failure
                if event.cell is not None and on_cell is not None:
                    on_cell(min(event.cell, count), count)
        except BaseException:
            process.stop(running)
            raise
    if running.returncode and failure is None:
        last = (folder / LOG).read_text(errors="replace").strip().splitlines()[-1:]
        hint = last[0][:300] if last else "try again"
        raise process.ended(running.returncode, "re-execution", hint)
    return failure


def _cell_failure(failure: Failure) -> CellFailure:
    found = (pattern.search(failure.message) for pattern in _MISSING)
    missing = next((match[1] for match in found if match), None)
    return CellFailure(failure.position, failure.message, missing)


def _lost(failure: Failure) -> ExternalError:
    where = "" if failure.position is None else f"cell [{failure.position}]: "
    hint = "give it longer with `--timeout`" if failure.kind == "timeout" else "try again"
    return ExternalError(f"{where}{failure.message}", hint=hint)
