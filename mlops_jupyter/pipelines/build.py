"""Declaring a notebook as a pipeline of the project."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_jupyter import config
from mlops_jupyter.config import NAME
from mlops_jupyter.errors import UsageError, refused_by_disk
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.pipeline import Pipeline
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.project import Project
from mlops_jupyter.store.lock import exclusive
from mlops_jupyter.store.objects import replace_file

LOCK = "settings.lock"
LOCK_SECONDS = 10.0


def build(project: Project, notebook: Path | str, name: str | None = None) -> Pipeline:
    """Cut a notebook, and declare it in ``mlops.yaml``; doing it again changes nothing.

    Parameters
    ----------
    project : Project
    notebook : path
        A notebook in the project, from the working directory.
    name : str, optional
        Of the pipeline. Default: the name of the notebook's file.

    Raises
    ------
    UsageError
        The notebook cannot be cut, lies outside the project, or another one has the name.
    """
    if name is not None and NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot be a pipeline's name",
            hint="a name is letters, digits, '_', '.' and '-', e.g. `train`",
        )
    made = cut_source(read_notebook(Path(notebook)), name).pipeline
    path = _from_root(project, Path(notebook))
    _declare(project, made.name, path)
    return Pipeline(made.name, path, made.parameters, made.steps)


def _from_root(project: Project, notebook: Path) -> str:
    # not resolved at first: the notebook may be a link to a file elsewhere
    for path in (Path(os.path.abspath(notebook)), notebook.resolve()):  # noqa: PTH100
        if path.is_relative_to(project.root):
            return path.relative_to(project.root).as_posix()
    raise UsageError(
        f"{notebook}: outside the project {project.root}", hint="move it into the project's folder"
    )


def _declare(project: Project, name: str, notebook: str) -> None:
    file = (project.root / config.FILE).resolve()
    with exclusive(project.folder / LOCK, LOCK_SECONDS, f"change {config.FILE}"):
        declared = config.load(file, {}).pipelines.get(name)
        if declared is not None and declared.notebook == notebook:
            return
        if declared is not None:
            raise UsageError(
                f"{file}: the pipeline {name!r} is made of {declared.notebook}",
                hint="give this one another name with `--name NAME`",
            )
        try:
            text = file.read_bytes().decode()
            replace_file(file, config.add_pipeline(text, name, notebook, file).encode())
        except OSError as error:
            raise refused_by_disk(file, error) from error
