"""One step that papermill executes: its notebook is written, run, and its errors translated."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
from mlops_jupyter.pipelines import attempts, record, retry
from mlops_jupyter.pipelines.engine import LocalFiles, MlopsEngine
from mlops_jupyter.pipelines.execute import LOG, Progress, Request, StepProgress, path_of
from mlops_jupyter.pipelines.graph import Graph, Node
from mlops_jupyter.pipelines.kernel import Kernel
from mlops_jupyter.pipelines.limits import Limits
from mlops_jupyter.pipelines.live import StepLog
from mlops_jupyter.pipelines.notebook import step_notebook, to_json
from mlops_jupyter.pipelines.watch import Watch
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import replace_file


class Kernels(Protocol):
    """Gives each step its kernel."""

    @property
    def are_killed(self) -> bool:
        """Whether those that worked were killed."""

    def kill(self) -> None:
        """Kill those that work."""

    def start(self, position: int) -> None:
        """Begin to start the kernel of a step."""

    def start_after(self, position: int) -> None:
        """Begin to start the kernel of the step that follows a step."""

    def take(self, position: int) -> Kernel:
        """Return the kernel of a step."""

    def pause(self, seconds: float) -> None:
        """Wait, as long as nobody has ended the run."""


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
    limits: Limits = field(default_factory=Limits)
    parts: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    log: StepLog = field(init=False)
    last: int = 0
    done: int = 0
    watch: Watch | None = None

    def __post_init__(self) -> None:
        """Begin its log."""
        self.log = StepLog(Path(self.file).absolute(), self.request.environment.values())

    def run(self) -> None:
        """Execute it, again where it failed and may be, and note how it ended."""
        retries = self.limits.retries or 0
        run_id = self.opened.runs[self.position]
        held = attempts.Held(self.project, run_id) if retries else None

        def attempt(number: int) -> None:
            if held is not None and number > 1:
                held.put_back()
            self.attempt()

        retry.run(attempt, retries, self.note_failure, self.kernels.pause)
        if self.finish is not None:
            self.finish()
        record.end_step(self.project, self.step_run_id, "finished")
        self.tell(self.done, finished=True)

    def attempt(self) -> None:
        """Write its notebook, and execute it."""
        record.begin_step(self.project, self.opened, self.position, self.why)
        self.parts, self.last, self.done, self.watch = {}, 0, 0, None
        self.tell(0)
        self.execute(self.step_run_id)

    def note_failure(self, number: int, error: MlopsError, wait_seconds: float | None) -> None:
        """Write down that an attempt has failed; without a time to wait it was the last."""
        file = Path(self.file)
        is_last = wait_seconds is None or self.kernels.are_killed
        if not is_last:
            file = attempts.put_aside(file, number)
        attempts.note(self.project, self.step_run_id, number, error.message, file.name)
        if is_last:
            status: record.End = "interrupted" if self.kernels.are_killed else "failed"
            record.end_step(self.project, self.step_run_id, status, error.message)
        else:
            self.tell(self.done, error=error.message)

    def execute(self, step_run_id: str) -> None:
        """Execute its notebook by papermill, and translate what goes wrong."""
        began = time.monotonic()
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
            kernel = self.kernels.take(self.position)
            with Watch(kernel, self.limits, began) as self.watch:
                executed = execute_notebook(
                    self.file,
                    self.file,
                    engine_name="mlops",
                    progress_bar=False,
                    on_cell=self.begin_cell,
                    on_output=self.log.add,
                    kernel=kernel,
                )
        except PapermillExecutionError as error:
            raise self.failed(error) from None
        except NoSuchKernel as error:
            known = KernelSpecManager().find_kernel_specs()
            raise UsageError(
                f"{self.path}: there is no kernel {error.name!r} on this machine",
                hint=did_you_mean(str(error.name), known),
            ) from None
        except DeadKernelError:
            reason = "the kernel died" if self.watch is None else self.watch.died()
            raise self.lost(reason) from None
        except (CellTimeoutError, RuntimeError) as error:
            raise self.lost(str(error)) from None
        except OSError as error:
            raise refused_by_disk(error.filename or self.file, error) from error
        finally:
            self.log.end()
        if self.watch.reason is not None:  # its last cell heard of it, and ended all the same
            raise self.lost(self.watch.reason)
        hands_on = not self.node.is_last or self.node.flow.passes
        has_handed_on = not hands_on or record.has_passed(self.project, step_run_id)
        if _has_pending(executed) or not has_handed_on:
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
        self.log.begin(self.where(), self.done, len(self.node.step.cells))

    def tell(self, cell: int, *, finished: bool = False, error: str | None = None) -> None:
        """Tell where the run is."""
        step = self.node.step
        status: Any = "finished" if finished else "running"
        steps = len(self.graph.nodes)
        place = StepProgress(step.name, self.position + 1, steps, cell, len(step.cells), status)
        self.progress(replace(place, error=error))

    def failed(self, error: PapermillExecutionError) -> MlopsError:
        """Say which cell of the source notebook raised."""
        self.last = error.cell_index
        if self.watch is not None and self.watch.reason is not None:
            return self.lost(self.watch.reason)
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

    def lost(self, reason: str) -> ExternalError:
        """Say that there is no kernel any more, or that it was ended."""
        if self.watch is not None and self.watch.reason is not None:
            reason = self.watch.reason
        where = f", {self.where()}" if self.parts else ""
        log = Path(LOG).absolute()
        return ExternalError(
            f"{self.project.root / self.path}{where}: {reason}",
            hint=f"the notebook as executed so far: {Path(self.file).absolute()}; "
            f"what the kernel wrote: {log}",
        )

    @property
    def step_run_id(self) -> str:
        """The run of the step."""
        return self.opened.steps[self.position]

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


def _has_pending(notebook: Any) -> bool:
    """Return whether cells are left that nobody executed: one before them has ended the step."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return any(cell.metadata.papermill["status"] == "pending" for cell in code)
