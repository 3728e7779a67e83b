"""``python -m mlops_jupyter.reproduction``: the process that executes one notebook again."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.pipelines.process import Tell, serve
from mlops_jupyter.reproduction.notebook import FAILS
from mlops_jupyter.reproduction.replay import Event, Failure, Request

WARM_UP = ("mlops_jupyter.magics.extension",)


def work(content: bytes, tell: Tell) -> int:
    """Execute the notebook that the request names."""
    running = Running(msgspec.json.decode(content, type=Request), tell)
    try:
        failure = running.run()
    except KeyboardInterrupt:
        failure = Failure("kernel", "interrupted", running.position)
    if failure is not None:
        tell(msgspec.json.encode(Event(failure=failure)))
    return 0


@dataclass(slots=True)
class Running:
    """The notebook that is executed, and where it is."""

    request: Request
    tell: Tell
    position: int | None = None
    begun: int = 0

    def run(self) -> Failure | None:
        """Start the kernel, and import what executes notebooks while it starts."""
        from jupyter_client.kernelspec import NoSuchKernel

        from mlops_jupyter.pipelines.kernel import Kernel

        request = self.request
        os.chdir(Path(request.notebook).parent)
        try:
            kernel = Kernel(request.kernel, request.environment, request.folder)
        except NoSuchKernel as error:
            return Failure("kernel", f"there is no kernel {error.name!r} on this machine")
        except (OSError, RuntimeError) as error:
            return Failure("kernel", f"the kernel did not start: {error}")
        kernel.warm_up(WARM_UP)
        return self.execute(kernel)

    def execute(self, kernel: Any) -> Failure | None:
        """Execute the cells; the kernel ends with them."""
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill.engines import papermill_engines
        from papermill.exceptions import PapermillExecutionError
        from papermill.execute import execute_notebook
        from papermill.iorw import papermill_io

        from mlops_jupyter.pipelines.engine import LocalFiles, MlopsEngine

        papermill_engines.register("mlops", MlopsEngine)
        papermill_io.register("", LocalFiles())
        name = Path(self.request.notebook).name
        timeout = self.request.timeout_seconds
        try:
            execute_notebook(
                name,
                name,
                engine_name="mlops",
                progress_bar=False,
                on_cell=self.begin,
                kernel=kernel,
                execution_timeout=timeout,
            )
        except PapermillExecutionError:
            return first_failure(Path(name))
        except CellTimeoutError:
            return Failure("timeout", f"did not end in {timeout} s", self.position)
        except DeadKernelError:
            return Failure("kernel", "the kernel died", self.position)
        except (RuntimeError, OSError) as error:
            return Failure("kernel", str(error) or type(error).__name__, self.position)
        return None

    def begin(self, index: int, cell: Mapping[str, Any]) -> None:
        """Note which cell is executed now."""
        self.position = position_of(cell)
        if self.position is not None:
            self.begun += 1
            self.tell(msgspec.json.encode(Event(cell=self.begun)))


def position_of(cell: Mapping[str, Any]) -> int | None:
    """Return the position in the session of the execution that a cell repeats."""
    position = cell["metadata"].get("mlops", {}).get("position")
    return position if isinstance(position, int) else None


def first_failure(notebook: Path) -> Failure | None:
    """Return the first cell that raised and had not raised when it was recorded."""
    for cell in json.loads(notebook.read_bytes())["cells"]:
        if FAILS in cell["metadata"].get("tags", ()):
            continue
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                first = output["evalue"].strip().partition("\n")[0]
                text = f"{output['ename']}: {first}" if first else output["ename"]
                return Failure("cell", text[:500], position_of(cell))
    return None


if __name__ == "__main__":
    sys.exit(serve(work))
