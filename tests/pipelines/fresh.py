"""Notebooks run whole, and step by step, each step in a process that knows of no other.

As a program: reads cases from standard input, as JSON, and writes what they printed. It has
imported what they import, and forks for each notebook and each step: that takes a hundredth of
the time of a kernel.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.notebook import cut_source, step_notebook
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.project import Project, init
from tests.pipelines.notebooks import begin, fresh_namespace, run, run_cell, steps


def printed(work: Callable[[], None]) -> str:
    """Run something in a process of its own, and return what it printed, its error too."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                work()
            except Exception as error:  # noqa: BLE001 - what the cells raise
                out.write(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        with os.fdopen(sender, "w") as file:
            file.write(out.getvalue())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


def compared(project: Project, setup: str, sources: list[str]) -> tuple[str, str]:
    """Return what the whole notebook prints, and what its steps print."""
    path = steps(project.root / "study.ipynb", setup, *sources)

    def whole() -> None:
        os.chdir(project.root)
        namespace = fresh_namespace()
        for source in ["n = 1", setup, *sources]:
            run(source, namespace)

    made = cut_source(read_notebook(path))
    opened = begin(project, made)

    def step(position: int) -> None:
        os.chdir(project.root)
        step_run_id = record.begin_step(project, opened, position)
        namespace = fresh_namespace()
        for cell in step_notebook(made, position, "study.ipynb")["cells"]:
            if cell["cell_type"] == "code":
                is_again = position and cell["metadata"]["mlops"]["part"] != "step"
                with contextlib.redirect_stdout(io.StringIO() if is_again else sys.stdout):
                    run_cell(project, step_run_id, cell["source"], namespace)

    return printed(whole), "".join(
        printed(lambda at=position: step(at)) for position in range(len(made.flows))
    )


def main() -> None:
    for module in ("matplotlib.pyplot", "pandas", "sklearn.linear_model", "sklearn.pipeline"):
        importlib.import_module(module)
    project = init(Path(tempfile.mkdtemp()) / "flights")
    found = {}
    for name, (setup, *sources) in json.load(sys.stdin).items():
        try:
            found[name] = compared(project, setup, sources)
        except UsageError as error:
            found[name] = ("", f"refused: {error.message}")
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
