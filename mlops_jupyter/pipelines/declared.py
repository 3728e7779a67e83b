"""The pipelines that ``mlops.yaml`` declares, read from their notebooks."""

from __future__ import annotations

from typing import Any

from mlops_jupyter import config
from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines.source import SourceNotebook, parse_notebook, with_choices
from mlops_jupyter.project import Project
from mlops_jupyter.runs.notebook import read_file


def declared(project: Project, name: str) -> config.Pipeline:
    """Return what ``mlops.yaml`` says of a pipeline.

    Raises
    ------
    NotFoundError
        It declares no such pipeline.
    """
    found = project.settings.pipelines.get(name)
    if found is None:
        hint = "declare it with `mlops pipeline build NOTEBOOK`"
        raise NotFoundError("pipeline", name, project.settings.pipelines, hint=hint)
    return found


def read_declared(project: Project, pipeline: config.Pipeline) -> SourceNotebook:
    """Read the notebook of a pipeline, and sort its cells as ``mlops.yaml`` says.

    Raises
    ------
    UsageError
        It is missing, is no notebook, or makes no pipeline.
    """
    path = project.root / pipeline.notebook
    content = with_choices(read_file(path), path, choices_of(pipeline))
    return parse_notebook(content, path)


def choices_of(pipeline: config.Pipeline) -> dict[str, Any]:
    """Return how the notebook is to be cut, as far as ``mlops.yaml`` says so."""
    told = {"by": pipeline.by, "parameters_cell": pipeline.parameters_cell}
    return {key: value for key, value in told.items() if value is not None}
