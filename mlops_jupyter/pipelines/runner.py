"""The steps of a pipeline run, one after the other, in the process that is made for them."""

from __future__ import annotations

import ast
import contextlib
import os
from types import TracebackType
from typing import Self

from jupyter_client.kernelspec import NoSuchKernel

from mlops_jupyter.cells.statement import Statement, statements
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.execute import Progress, Request, folder_of
from mlops_jupyter.pipelines.kernel import Kernel
from mlops_jupyter.pipelines.key import Keys
from mlops_jupyter.pipelines.notebook import Cut, cut_bytes
from mlops_jupyter.pipelines.source import SourceNotebook
from mlops_jupyter.pipelines.steps import Steps
from mlops_jupyter.project import Project

OURS = ("mlops_jupyter.magics.extension", "mlops_jupyter.pipelines.values")
"""What each step imports of us."""


def run(project: Project, request: Request, progress: Progress) -> None:
    """Execute all steps; statuses in the catalog are right however it ends."""
    path = project.root / request.notebook
    made = cut_bytes(request.content, path, request.pipeline)
    folder = folder_of(project, request.pipeline, request.id)
    os.chdir(folder)
    files = [f"{n:02}-{step.name}.ipynb" for n, step in enumerate(made.pipeline.steps, 1)]
    keys = Keys(project, made, request.parameters)
    steps = range(len(made.pipeline.steps))
    opened = record.begin(
        project,
        made,
        seeded=[position for position in steps if keys.is_seeded(position)],
        pipeline_run_id=request.id,
        notebook=request.notebook,
        parameters=request.parameters,
        executed=[(folder / file).relative_to(project.root).as_posix() for file in files],
    )
    try:
        with Kernels(project, request, made, opened) as kernels:
            Steps(project, request, made, opened, keys, files, progress, kernels).run()
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
        self, project: Project, request: Request, made: Cut, opened: record.Opened
    ) -> None:
        self._project, self._request, self._made, self._opened = project, request, made, opened
        self._ahead: dict[int, Kernel] = {}

    def start(self, position: int) -> None:
        """Begin to start the kernel of a step, if there is such a step."""
        if position < len(self._made.pipeline.steps) and position not in self._ahead:
            # if that fails, it fails again when the step takes its kernel
            with contextlib.suppress(NoSuchKernel, OSError, RuntimeError):
                self._ahead[position] = self._new(position)

    def take(self, position: int) -> Kernel:
        """Return the kernel of a step; who takes it ends it."""
        return self._ahead.pop(position, None) or self._new(position)

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
        source = self._made.source
        folder = source.path.parent
        environment = {
            **os.environ,
            **self._request.environment,
            "MLOPS_PROJECT": str(self._project.root),
            "MLOPS_RUN": self._opened.run_id,
            "MLOPS_STEP_RUN": self._opened.steps[position],
            "JPY_SESSION_NAME": self._request.notebook,
        }
        kernel = Kernel(source.kernel, environment, str(folder))
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
