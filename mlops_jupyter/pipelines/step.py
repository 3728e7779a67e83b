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
from mlops_jupyter.pipelines.execute import LOG, Progress, Request, StepProgress, path_of
from mlops_jupyter.pipelines.graph import Graph, Node
from mlops_jupyter.pipelines.kernel import Kernel
from mlops_jupyter.pipelines.notebook import step_notebook, to_json
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import replace_file


class Kernels(Protocol):
    """Gives each step its kernel."""

    are_killed: bool

    def start(self, position: int) -> None:
        """Begin to start the kernel of a step."""

    def start_after(self, position: int) -> None:
        """Begin to start the kernel of the step that follows a step."""

    def take(self, position: int) -> Kernel:
        """Return the kernel of a step."""


GENERATED = {"load", "definitions", "receive", "pass_on"}


@dataclass
class Step:
    """One step that is executed."""

    project: Project
    request: Request
    graph: Graph
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
            status: record.End = "interrupted" if self.kernels.are_killed else "failed"
            record.end_step(self.project, step_run_id, status, error.message)
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
            node, request = self.node, self.request
            own = {parameter.name for parameter in node.cut.pipeline.parameters}
            notebook = step_notebook(
                node.cut,
                node.number,
                self.path,
                request.injected.get(node.notebook, ""),
                {name: value for name, value in request.given.items() if name in own},
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
                f"{self.path}: there is no kernel {error.name!r} on this machine",
                hint=did_you_mean(str(error.name), known),
            ) from None
        except (DeadKernelError, CellTimeoutError, RuntimeError) as error:
            raise self.lost(error) from None
        except OSError as error:
            raise refused_by_disk(error.filename or self.file, error) from error
        hands_on = not self.node.is_last or self.node.flow.passes
        if hands_on and not record.has_passed(self.project, step_run_id):
            raise self.cell_failed("SystemExit: the step ended before its last cell", "")

    def begin_cell(self, index: int, cell: Mapping[str, Any]) -> None:
        """Note which cell is executed now; the kernel of the step after may start, too."""
        if not self.parts:
            self.kernels.start_after(self.position)
        self.parts[index] = cell["metadata"].get("mlops", {"part": "parameters"})
        self.last = index
        if self.parts[index]["part"] == "step" and cell["cell_type"] == "code":
            self.done += 1
            self.tell(self.done)

    def tell(self, cell: int, *, finished: bool = False) -> None:
        """Tell where the run is."""
        step = self.node.step
        status: Any = "finished" if finished else "running"
        steps = len(self.graph.nodes)
        place = StepProgress(step.name, self.position + 1, steps, cell, len(step.cells), status)
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
        notebook = str(self.project.root / self.path)
        executed = str(Path(self.file).absolute())
        return CellFailedError(notebook, self.where(), text, traceback=traceback, executed=executed)

    def lost(self, error: Exception) -> ExternalError:
        """Say that there is no kernel any more."""
        reason = "the kernel died" if isinstance(error, DeadKernelError) else str(error)
        where = f", {self.where()}" if self.parts else ""
        log = Path(LOG).absolute()
        return ExternalError(
            f"{self.project.root / self.path}{where}: {reason}",
            hint=f"the notebook as executed so far: {Path(self.file).absolute()}; "
            f"what the kernel wrote: {log}",
        )

    @property
    def node(self) -> Node:
        """What it executes."""
        return self.graph.nodes[self.position]

    @property
    def path(self) -> str:
        """Its notebook, from the project's root."""
        return path_of(self.request, self.node)

    @property
    def step(self) -> str:
        """Its name."""
        return self.node.step.name

    def where(self) -> str:
        """Return the last cell in words, as it is found in the source notebook."""
        part = self.parts.get(self.last, {})
        if "cell" not in part:
            return f"step {self.step}, the cell that was added for `{part.get('part')}`"
        setup = "setup of " if part["part"] == "setup" else ""
        return f"cell {part['cell'] + 1} ({setup}step:{self.node.source.name})"
