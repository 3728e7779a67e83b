"""The process that executes the steps of one pipeline run, one after the other.

A process of its own, because papermill belongs to one working folder at a time, because it must
outlive neither a killed command nor a closed server, and because its kernels end with it.
It is told what to do on the first line of its standard input, tells where it is on its standard
output, and ends itself when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError, strip_color
from papermill.execute import execute_notebook
from papermill.iorw import papermill_io

from mlops_jupyter import errors
from mlops_jupyter.errors import (
    CellFailedError,
    ExternalError,
    MlopsError,
    UsageError,
    did_you_mean,
    refused_by_disk,
)
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.engine import LocalFiles, MlopsEngine
from mlops_jupyter.pipelines.execute import (
    LOG,
    Event,
    Progress,
    Request,
    StepProgress,
    failure_of,
    folder_of,
)
from mlops_jupyter.pipelines.notebook import Cut, cut_bytes, step_notebook, to_json
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.store.objects import replace_file

GENERATED = {"load", "definitions", "receive", "pass_on"}


def run(project: Project, request: Request, progress: Progress) -> None:
    """Execute all steps; statuses in the catalog are right however it ends."""
    path = project.root / request.notebook
    made = cut_bytes(project.objects.read(request.content), path, request.pipeline)
    folder = folder_of(project, request.pipeline, request.id)
    os.chdir(folder)
    files = [f"{n:02}-{step.name}.ipynb" for n, step in enumerate(made.pipeline.steps, 1)]
    opened = record.begin(
        project,
        made,
        pipeline_run_id=request.id,
        notebook=request.notebook,
        parameters=request.parameters,
        executed=[(folder / file).relative_to(project.root).as_posix() for file in files],
    )
    try:
        for position, file in enumerate(files):
            _Step(project, request, made, opened, position, file, progress).run()
        record.end(project, request.id, "finished")
    except KeyboardInterrupt:
        record.end(project, request.id, "interrupted", "interrupted")
        raise
    except BaseException as error:
        reason = error.message if isinstance(error, MlopsError) else repr(error)
        record.end(project, request.id, "failed", reason)
        raise


@dataclass
class _Step:
    """One step that is executed."""

    project: Project
    request: Request
    made: Cut
    opened: record.Opened
    position: int
    file: str
    progress: Progress
    parts: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    last: int = 0
    done: int = 0

    def run(self) -> None:
        """Write its notebook, execute it, and note how it ended."""
        step_run_id = record.begin_step(self.project, self.opened, self.position)
        self.tell(0)
        try:
            self.execute(step_run_id)
        except MlopsError as error:
            record.end_step(self.project, step_run_id, "failed", error.message)
            raise
        record.end_step(self.project, step_run_id, "finished")
        self.tell(self.done, finished=True)

    def execute(self, step_run_id: str) -> None:
        """Execute its notebook by papermill, and translate what goes wrong."""
        try:
            notebook = step_notebook(self.made, self.position, self.request.notebook)
            replace_file(Path(self.file), to_json(notebook))
            execute_notebook(
                self.file,
                self.file,
                parameters=self.request.given,
                engine_name="mlops",
                progress_bar=False,
                on_cell=self.begin_cell,
                env=self.environment(step_run_id),
                kernel_cwd=str(self.made.source.path.parent),
            )
        except PapermillExecutionError as error:
            raise self.failed(error) from None
        except NoSuchKernel as error:
            known = KernelSpecManager().find_kernel_specs()
            raise UsageError(
                f"{self.request.notebook}: there is no kernel {error.name!r} on this machine",
                hint=did_you_mean(str(error.name), known),
            ) from None
        except (DeadKernelError, CellTimeoutError, RuntimeError) as error:
            raise self.lost(error) from None
        except OSError as error:
            raise refused_by_disk(error.filename or self.file, error) from error
        is_last = self.position + 1 == len(self.made.pipeline.steps)
        if not is_last and not record.has_passed(self.project, step_run_id):
            raise self.cell_failed("SystemExit: the step ended before its last cell", "")

    def environment(self, step_run_id: str) -> dict[str, str]:
        """Return the environment of the kernel."""
        return {
            **os.environ,
            "MLOPS_PROJECT": str(self.project.root),
            "MLOPS_RUN": self.opened.run_id,
            "MLOPS_STEP_RUN": step_run_id,
            "JPY_SESSION_NAME": self.request.notebook,
        }

    def begin_cell(self, index: int, cell: Mapping[str, Any]) -> None:
        """Note which cell is executed now."""
        self.parts[index] = cell["metadata"].get("mlops", {"part": "parameters"})
        self.last = index
        if self.parts[index]["part"] == "step" and cell["cell_type"] == "code":
            self.done += 1
            self.tell(self.done)

    def tell(self, cell: int, *, finished: bool = False) -> None:
        """Tell where the run is."""
        steps = self.made.pipeline.steps
        step = steps[self.position]
        status: Any = "finished" if finished else "running"
        place = StepProgress(
            step.name, self.position + 1, len(steps), cell, len(step.cells), status
        )
        self.progress(place)

    def failed(self, error: PapermillExecutionError) -> MlopsError:
        """Say which cell of the source notebook raised."""
        self.last = error.cell_index
        message, _, hint = str(error.evalue).partition("\n  hint: ")
        kind = getattr(errors, error.ename, None)
        if self.parts[self.last]["part"] in GENERATED and kind is not None:
            ours: MlopsError = kind.__new__(kind)
            MlopsError.__init__(ours, f"step {self.step}: {message}", hint=hint or None)
            return ours
        text = f"{error.ename}: {message.strip().partition(chr(10))[0]}"[:500]
        return self.cell_failed(text, strip_color("\n".join(error.traceback)))

    def cell_failed(self, text: str, traceback: str) -> CellFailedError:
        """Return the error of the cell that was executed last."""
        notebook = str(self.project.root / self.request.notebook)
        executed = str(Path(self.file).absolute())
        return CellFailedError(notebook, self.where(), text, traceback=traceback, executed=executed)

    def lost(self, error: Exception) -> ExternalError:
        """Say that there is no kernel any more."""
        reason = "the kernel died" if isinstance(error, DeadKernelError) else str(error)
        where = f", {self.where()}" if self.parts else ""
        log = Path(LOG).absolute()
        return ExternalError(
            f"{self.project.root / self.request.notebook}{where}: {reason}",
            hint=f"the notebook as executed so far: {Path(self.file).absolute()}; "
            f"what the kernel wrote: {log}",
        )

    @property
    def step(self) -> str:
        """Its name."""
        return self.made.pipeline.steps[self.position].name

    def where(self) -> str:
        """Return the last cell in words, as it is found in the source notebook."""
        part = self.parts.get(self.last, {})
        if "cell" not in part:
            return f"step {self.step}, the cell that was added for `{part.get('part')}`"
        is_setup = part["part"] == "setup"
        return f"cell {part['cell'] + 1} ({'setup of ' if is_setup else ''}step:{self.step})"


def register() -> None:
    """Make papermill use our engine, and write files in one step."""
    papermill_engines.register("mlops", MlopsEngine)
    papermill_io.register("", LocalFiles())


def main() -> int:
    """Do what the first line of standard input asks for."""
    tell = _teller(_private_stdout())
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    register()
    try:
        run(open_project(request.root), request, lambda place: tell(Event(progress=place)))
    except MlopsError as error:
        tell(Event(failure=failure_of(error)))
        return error.exit_code
    except KeyboardInterrupt:
        tell(Event(failure=failure_of(ExternalError("the pipeline was interrupted"))))
        return 130
    return 0


def _private_stdout() -> BinaryIO:
    """Keep standard output for ourselves: what kernels write to it goes to the log."""
    private = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return private


def _teller(stream: BinaryIO) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        # when the reader is gone, standard input says so too, and ends us
        with contextlib.suppress(BrokenPipeError):
            stream.write(msgspec.json.encode(event) + b"\n")

    return tell


def _interrupt(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
