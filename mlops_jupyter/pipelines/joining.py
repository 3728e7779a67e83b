"""Declaring several notebooks as one pipeline of the project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_jupyter.config import NAME
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.build import declare_joined, from_root
from mlops_jupyter.pipelines.declared import read_graph
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.notebook import name_of
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs.notebook import read_file


def build_joined(project: Project, notebooks: Sequence[Path | str], name: str) -> Graph:
    """Declare notebooks as one pipeline in ``mlops.yaml``, and join them; nothing is run.

    Doing it again changes nothing; what was written by hand beside the paths stays.

    Parameters
    ----------
    project : Project
    notebooks : sequence of path
        From the working directory. Each is called as its file is.
    name : str
        Of the pipeline.

    Raises
    ------
    UsageError
        One cannot be read or lies outside the project, two have one name, or another pipeline
        has this one. Or they are declared, but cannot be joined as they are: the message says
        what is to be written to ``mlops.yaml``.
    """
    if NAME.fullmatch(name) is None:
        raise UsageError(f"{name!r} cannot be a pipeline's name", hint="e.g. `--name train`")
    paths = [Path(notebook) for notebook in notebooks]
    named: dict[str, str] = {}
    for path in paths:
        read_file(path)
        one = name_of(path)
        if one in named:
            raise UsageError(
                f"two of the notebooks are called {one}",
                hint="give one of the files another name, or write `notebooks:` in mlops.yaml",
            )
        named[one] = from_root(project, path)
    declare_joined(project, name, named)
    return read_graph(open_project(project.root), name)
