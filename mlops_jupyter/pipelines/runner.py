"""The steps of a pipeline run, in the process that is made for them."""

from __future__ import annotations

import ast
import contextlib
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlops_jupyter.cells.statement import Statement, statements
from mlops_jupyter.errors import MlopsError, StoppedError
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.declared import graph_of
from mlops_jupyter.pipelines.execute import Progress, Request, folder_of, path_of
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.key import Keys
from mlops_jupyter.pipelines.lease import Lease
from mlops_jupyter.pipelines.schedule import Schedule
from mlops_jupyter.pipelines.source import SourceNotebook
from mlops_jupyter.pipelines.steps import Elsewhere, Steps
from mlops_jupyter.project import Project

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.kernel import Kernel

OURS = ("mlops_jupyter.magics.extension", "mlops_jupyter.pipelines.values")
"""What each step imports of us."""


MakeElsewhere = Callable[[Graph, record.Opened], Elsewhere]


def run(
    project: Project,
    request: Request,
    progress: Progress,
    make_elsewhere: MakeElsewhere | None = None,
) -> None:
    """Execute all steps; statuses in the catalog are right however it ends.

    Parameters
    ----------
    make_elsewhere : callable, optional
        Makes what runs steps on other machines.
    """
    graph = graph_of(project.root, request.pipeline, request.files)
    folder = folder_of(project, request.pipeline, request.id)
    os.chdir(folder)
    files = [f"{n:02}-{name}.ipynb" for n, name in enumerate(graph.names, 1)]
    keys = Keys(project, graph, request.parameters)
    opened = record.begin(
        project,
        graph,
        request.files,
        seeded=[position for position in range(len(files)) if keys.is_seeded(position)],
        pipeline_run_id=request.id,
        parent_run_id=request.parent_run_id,
        parameters=request.parameters,
        part_of=request.choice.part_of,
        executed=[(folder / file).relative_to(project.root).as_posix() for file in files],
    )
    try:
        schedule = Schedule(graph, request)
        kernels = Kernels(project, request, graph, opened, schedule.upcoming)
        with Lease(project, request.id), kernels:
            steps = Steps(project, request, graph, opened, keys, files, progress, kernels)
            if make_elsewhere is not None:
                steps.elsewhere = make_elsewhere(graph, opened)
            schedule.run(steps.settle, steps.kill)
        record.end(project, request.id, "finished")
    except KeyboardInterrupt:
        record.end(project, request.id, "interrupted", "interrupted")
        raise
    except BaseException as error:
        reason = error.message if isinstance(error, MlopsError) else repr(error)
        record.end(project, request.id, "failed", reason)
        raise


class Kernels:
    """The kernels of a pipeline run: the next one starts while this one works.

    A kernel needs a second to start, and often two more for the imports that every step begins
    with.
    """

    def __init__(
        self,
        project: Project,
        request: Request,
        graph: Graph,
        opened: record.Opened,
        upcoming: Callable[[], int | None],
    ) -> None:
        self._upcoming = upcoming
        self._project, self._request, self._graph, self._opened = project, request, graph, opened
        self._ahead: dict[int, Kernel] = {}
        self._taken: list[Kernel] = []
        self._lock = threading.Lock()
        self._killed = threading.Event()

    def start(self, position: int) -> None:
        """Begin to start the kernel of a step."""
        from jupyter_client.kernelspec import NoSuchKernel

        with self._lock:
            if position in self._ahead or self._killed.is_set():
                return
            # if that fails, it fails again when the step takes its kernel
            with contextlib.suppress(NoSuchKernel, OSError, RuntimeError):
                self._ahead[position] = self._new(position)

    def start_after(self, position: int) -> None:
        """Begin to start the kernel of a step that begins soon.

        That is one that could begin now, or else one that waits for this one alone.
        """
        soon = self._upcoming()
        alone = (
            at for at in self._graph.after(position) if self._graph.nodes[at].before == (position,)
        )
        soon = next(alone, None) if soon is None else soon
        if soon is not None:
            self.start(soon)

    def take(self, position: int) -> Kernel:
        """Return the kernel of a step; who takes it ends it."""
        with self._lock:
            self.pause(0)
            kernel = self._ahead.pop(position, None) or self._new(position)
            self._taken.append(kernel)
            return kernel

    def kill(self) -> None:
        """Kill those that work: who waits for them hears of it."""
        with self._lock:
            self._killed.set()
            for kernel in self._taken:
                kernel.kill()

    @property
    def are_killed(self) -> bool:
        """Whether those that worked were killed."""
        return self._killed.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, as long as nobody has ended the run."""
        if self._killed.wait(seconds):
            raise StoppedError("the pipeline was interrupted")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for kernel in self._ahead.values():
            kernel.end()

    def _new(self, position: int) -> Kernel:
        node = self._graph.nodes[position]
        source = node.cut.source
        environment = {
            **os.environ,
            **self._request.environment,
            "MLOPS_PROJECT": str(self._project.root),
            "MLOPS_RUN": self._opened.runs[position],
            "MLOPS_STEP_RUN": self._opened.steps[position],
            "JPY_SESSION_NAME": path_of(self._request, node),
        }
        # a run that takes all steps as they were needs none of this
        from mlops_jupyter.pipelines.kernel import Kernel

        kernel = Kernel(source.kernel, environment, str(source.path.parent))
        kernel.warm_up([*OURS, *first_imports(source)])
        return kernel


def first_imports(source: SourceNotebook) -> list[str]:
    """Return the modules that the setup imports before it does anything else.

    Importing them earlier changes nothing, unless they are the user's own, which may read files.
    """
    modules: list[str] = []
    for statement in (s for cell in source.setup for s in statements(cell.source)):
        if not statement.imports:
            if _is_harmless(statement):
                continue
            break
        (node,) = ast.parse(statement.source).body
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.append(node.module)
    folder = source.path.parent
    roots = {module: folder / module.partition(".")[0] for module in modules}
    return [
        m for m, root in roots.items() if not (root.is_dir() or root.with_suffix(".py").exists())
    ]


def _is_harmless(statement: Statement) -> bool:
    """Return whether a statement only binds literals, or sets up the kernel by a magic."""
    writes = set(statement.analysis.writes)
    return writes == set(statement.analysis.literals) if writes else statement.defines
