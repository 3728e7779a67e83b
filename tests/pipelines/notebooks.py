"""Notebooks written down in a line or two, and run without a kernel."""

from __future__ import annotations

import builtins
import json
import secrets
from pathlib import Path
from typing import Any

from mlops_jupyter import config
from mlops_jupyter.cells.scope import python_of
from mlops_jupyter.config import JoinedNotebook
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.declared import NotebookFile
from mlops_jupyter.pipelines.graph import of_one
from mlops_jupyter.pipelines.notebook import Cut, cut_source, step_notebook
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.pipelines.values import restore_values, store_values
from mlops_jupyter.project import Project

PARAMETERS = "parameters"


def code(source: str, *tags: str, **more: Any) -> dict[str, Any]:
    """Return a code cell."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": list(tags)},
        "outputs": [],
        "source": source,
        **more,
    }


def text(source: str, **more: Any) -> dict[str, Any]:
    """Return a markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


def content(*cells: dict[str, Any], **top: Any) -> dict[str, Any]:
    """Return a notebook of the present format."""
    made = [{"id": f"id-{n}", **cell} for n, cell in enumerate(cells)]
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **top}


def write(path: Path, *cells: dict[str, Any], **top: Any) -> Path:
    """Write a notebook to a file."""
    path.write_text(json.dumps(content(*cells, **top)), encoding="utf-8")
    return path


def steps(path: Path, setup: str, *sources: str) -> Path:
    """Write a notebook of a setup cell, if any, and of steps ``s1``, ``s2`` …, one cell each."""
    cells = [code(source, f"step:s{n}") for n, source in enumerate(sources, 1)]
    before = [code(setup)] if setup else []
    return write(path, code("n = 1", PARAMETERS), *before, *cells)


def declare(project: Project, **notebooks: str) -> None:
    """Write ``mlops.yaml``."""
    file = project.root / "mlops.yaml"
    text = "version: 1\n"
    for name, notebook in notebooks.items():
        text = config.add_pipeline(text, name, notebook, file)
    file.write_text(text, encoding="utf-8")


def begin(project: Project, made: Cut) -> record.Opened:
    """Write a pipeline run down, as the runner does."""
    path = "study.ipynb"
    file = NotebookFile("", path, made.source.content, JoinedNotebook(path))
    return record.begin(
        project,
        of_one(made),
        [file],
        pipeline_run_id=secrets.token_hex(8),
        parameters={},
        executed=[f"{step.name}.ipynb" for step in made.pipeline.steps],
    )


def run_steps(project: Project, path: Path) -> dict[str, Any]:
    """Run the notebooks of all steps, each in a namespace of its own; return the last one."""
    made = cut_source(read_notebook(path))
    opened = begin(project, made)
    namespace: dict[str, Any] = {}
    for position in range(len(made.flows)):
        step_run_id = record.begin_step(project, opened, position)
        namespace = fresh_namespace()
        for cell in step_notebook(made, position, "study.ipynb")["cells"]:
            if cell["cell_type"] == "code":
                run_cell(project, step_run_id, cell["source"], namespace)
    return namespace


def fresh_namespace() -> dict[str, Any]:
    """Return the namespace of a new kernel."""
    return {"__name__": "__main__", "__builtins__": builtins}


def run(source: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Run a cell in a namespace."""
    exec(compile(python_of(source), "cell", "exec"), namespace)
    return namespace


def run_cell(project: Project, step_run_id: str, source: str, namespace: dict[str, Any]) -> None:
    """Run a cell of a step's notebook, also those that were added."""
    magic, *words = source.split()
    if magic == "%mlops" and words[0] == "receive":
        restore_values(project, step_run_id, namespace, words[1:])
    elif magic == "%mlops":
        store_values(project, step_run_id, namespace, words[1:])
    elif magic != "%load_ext":
        run(source, namespace)
