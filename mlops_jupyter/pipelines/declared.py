"""The pipelines that ``mlops.yaml`` declares, read from their notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter import config
from mlops_jupyter.config import JoinedNotebook
from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines.graph import Graph, join, of_one
from mlops_jupyter.pipelines.notebook import cut_bytes
from mlops_jupyter.pipelines.source import (
    SourceNotebook,
    default_choices,
    parse_notebook,
    with_choices,
)
from mlops_jupyter.project import Project
from mlops_jupyter.runs.notebook import read_file


@dataclass(frozen=True, slots=True)
class NotebookFile:
    """A notebook of a pipeline, as it was read.

    Attributes
    ----------
    name : str
        Among those that are joined; empty where there is only one.
    path : str
        From the project's root.
    content : bytes
        It says itself how it is to be cut.
    said : JoinedNotebook
        What ``mlops.yaml`` says of it.
    """

    name: str
    path: str
    content: bytes
    said: JoinedNotebook


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


def read_graph(project: Project, name: str) -> Graph:
    """Read the notebooks of a pipeline, and cut and join them; nothing is run.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline, or its notebooks cannot be cut or joined.
    """
    return graph_of(project.root, name, read_files(project, declared(project, name)))


def read_files(project: Project, pipeline: config.Pipeline) -> tuple[NotebookFile, ...]:
    """Read the notebooks of a pipeline.

    Raises
    ------
    UsageError
        One is missing or is no notebook.
    """
    if not pipeline.joined:
        path = project.root / pipeline.notebook
        content = with_choices(read_file(path), path, choices_of(pipeline))
        said = JoinedNotebook(pipeline.notebook)
        return (NotebookFile("", pipeline.notebook, content, said),)
    files = []
    for name, said in pipeline.joined.items():
        path = project.root / said.notebook
        content = read_file(path)
        choices = {**default_choices(content, path), **choices_of(said)}
        content = with_choices(content, path, choices)
        files.append(NotebookFile(name, said.notebook, content, said))
    return tuple(files)


def graph_of(root: Path, name: str, files: Sequence[NotebookFile]) -> Graph:
    """Cut and join notebooks that are read already."""
    if not files[0].name:
        return of_one(cut_bytes(files[0].content, root / files[0].path, name))
    sources = {file.name: parse_notebook(file.content, root / file.path) for file in files}
    return join(name, sources, {file.name: file.said for file in files})


def read_sources(project: Project, pipeline: config.Pipeline) -> dict[str, SourceNotebook]:
    """Read the notebooks of a pipeline, and sort their cells as ``mlops.yaml`` says.

    Raises
    ------
    UsageError
        One is missing, is no notebook, or makes no pipeline.
    """
    return {
        file.name: parse_notebook(file.content, project.root / file.path)
        for file in read_files(project, pipeline)
    }


def choices_of(pipeline: config.Pipeline | JoinedNotebook) -> dict[str, Any]:
    """Return how the notebook is to be cut, as far as ``mlops.yaml`` says so."""
    told = {"by": pipeline.by, "parameters_cell": pipeline.parameters_cell}
    return {key: value for key, value in told.items() if value is not None}
