"""One step that papermill executes: its notebook is written, run, and its errors translated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

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
from mlops_jupyter.pipelines.execute import LOG, Progress, Request, StepProgress
from mlops_jupyter.pipelines.kernel import Kernel
from mlops_jupyter.pipelines.notebook import Cut, step_notebook, to_json
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import replace_file


class Kernels(Protocol):
    """Gives each step its kernel."""

    def start(self, position: int) -> None:
        """Begin to start the kernel of a step."""

    def take(self, position: int) -> Kernel:
        """Return the kernel of a step."""


GENERATED = {"load", "definitions", "receive", "pass_on"}


@dataclass
class Step:
    """One step that is executed."""

    project: Project
    request: Request
    made: Cut
    opened: record.Opened
    position: int
    file: str
    progress: Progress
    kernels: Kernels
    why: str = ""
    finish: Callable[[], None] | None = None
    parts: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    last: int = 0
    done: int = 0

    def run(self) -> None:
        """Write its notebook, execute it, and note how it ended."""
        step_run_id = record.begin_step(self.project, self.opened, self.position, self.why)
        self.tell(0)
        try:
            self.execute(step_run_id)
        except MlopsError as error:
            record.end_step(self.project, step_run_id, "failed", error.message)
            raise
        if self.finish is not None:
            self.finish()
        record.end_step(self.project, step_run_id, "finished")
        self.tell(self.done, finished=True)

    def execute(self, step_run_id: str) -> None:
        """Execute its notebook by papermill, and translate what goes wrong."""
        papermill_engines.register("mlops", MlopsEngine)
        papermill_io.register("", LocalFiles())
        try:
            request = self.request
            notebook = step_notebook(
                self.made, self.position, request.notebook, request.injected, request.given
            )
            replace_file(Path(self.file), to_json(notebook))
            execute_notebook(
                self.file,
                self.file,
                engine_name="mlops",
                progress_bar=False,
                on_cell=self.begin_cell,
                kernel=self.kernels.take(self.position),
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

    def begin_cell(self, index: int, cell: Mapping[str, Any]) -> None:
        """Note which cell is executed now; the kernel of the next step may start, too."""
        if not self.parts:
            self.kernels.start(self.position + 1)
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
