"""Declaring a notebook as a pipeline of the project."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter import config
from mlops_jupyter.config import NAME
from mlops_jupyter.errors import UsageError, refused_by_disk
from mlops_jupyter.pipelines.changes import built_of, changes, last_built, remember
from mlops_jupyter.pipelines.declared import choices_of
from mlops_jupyter.pipelines.notebook import Cut, cut_source, name_of
from mlops_jupyter.pipelines.pipeline import Pipeline
from mlops_jupyter.pipelines.source import By, lasting_name, parse_notebook, with_choices
from mlops_jupyter.project import Project
from mlops_jupyter.runs.notebook import read_file
from mlops_jupyter.store.lock import exclusive
from mlops_jupyter.store.objects import replace_file

LOCK = "settings.lock"
LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Building:
    """What building a notebook gave.

    Attributes
    ----------
    pipeline : Pipeline
    by : str
        What began its steps: ``tags``, ``headings`` or ``text``.
    setup : tuple of int
        Positions of the cells that run in each step, from 0.
    parameters_cell : int or None
        Position of the cell that sets the parameters.
    changes : tuple of str or None
        What is different since it was built the last time; None when it was not built before.
    """

    pipeline: Pipeline
    by: By
    setup: tuple[int, ...]
    parameters_cell: int | None
    changes: tuple[str, ...] | None


def build(
    project: Project,
    notebook: Path | str,
    name: str | None = None,
    *,
    by: By | None = None,
    parameters_cell: int | None = None,
) -> Pipeline:
    """Cut a notebook, and declare it in ``mlops.yaml``; doing it again changes nothing.

    Parameters
    ----------
    project : Project
    notebook : path
        A notebook in the project, from the working directory.
    name : str, optional
        Of the pipeline. Default: the name of the notebook's file.
    by : str, optional
        ``tags``, ``headings`` or ``text``. Default: as it was built before, or else tags if
        there are any, or else headings.
    parameters_cell : int, optional
        The cell that sets the parameters, from 1; 0: none does. Default: as it was built
        before, or else the one that is tagged.

    Raises
    ------
    UsageError
        The notebook cannot be cut, lies outside the project, or another one has the name.
    """
    return building(project, notebook, name, by=by, parameters_cell=parameters_cell).pipeline


def building(
    project: Project,
    notebook: Path | str,
    name: str | None = None,
    *,
    by: By | None = None,
    parameters_cell: int | None = None,
) -> Building:
    """Do what `build` does, and tell more of it."""
    if name is not None and NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot be a pipeline's name",
            hint="a name is letters, digits, '_', '.' and '-', e.g. `train`",
        )
    notebook = Path(notebook)
    content = read_file(notebook)
    given: dict[str, Any] = {"by": by} if by is not None else {}
    if parameters_cell is not None:
        number = parameters_cell
        given["parameters_cell"] = lasting_name(content, notebook, number) if number else 0
    before = _before(project, notebook, name)
    choices = {**(choices_of(before) if before is not None else {}), **given}
    source = parse_notebook(with_choices(content, notebook, choices), notebook)
    made = cut_source(source, name)
    path = from_root(project, notebook)
    named = made.pipeline.name
    _declare(project, named, path, given)
    differences = _differences(project, made)
    parameters = source.parameters.position
    return Building(
        pipeline=Pipeline(named, path, made.pipeline.parameters, made.pipeline.steps),
        by=source.by,
        setup=tuple(c.position for c in source.setup if c is not source.parameters),
        parameters_cell=parameters if parameters >= 0 else None,
        changes=differences,
    )


def _before(project: Project, notebook: Path, name: str | None) -> config.Pipeline | None:
    """Return what ``mlops.yaml`` says of this very notebook under this name, now."""
    file = project.root / config.FILE
    found = config.load(file, {}).pipelines.get(name if name is not None else name_of(notebook))
    if found is None or project.root / found.notebook != Path(os.path.abspath(notebook)):  # noqa: PTH100
        return None
    return found


def _differences(project: Project, made: Cut) -> tuple[str, ...] | None:
    now, before = built_of(made), last_built(project, made.pipeline.name)
    remember(project, made.pipeline.name, now)
    return None if before is None else changes(before, now)


def from_root(project: Project, notebook: Path) -> str:
    """Return the path of a notebook from the project's root.

    Raises
    ------
    UsageError
        It lies outside.
    """
    # not resolved at first: the notebook may be a link to a file elsewhere
    for path in (Path(os.path.abspath(notebook)), notebook.resolve()):  # noqa: PTH100
        if path.is_relative_to(project.root):
            return path.relative_to(project.root).as_posix()
    raise UsageError(
        f"{notebook}: outside the project {project.root}", hint="move it into the project's folder"
    )


def declare_joined(project: Project, name: str, notebooks: Mapping[str, str]) -> None:
    """Declare a pipeline of several notebooks; one that is declared of the same stays as it is.

    Raises
    ------
    UsageError
        Another pipeline has the name.
    """
    file = (project.root / config.FILE).resolve()
    with exclusive(project.folder / LOCK, LOCK_SECONDS, f"change {config.FILE}"):
        declared = config.load(file, {}).pipelines.get(name)
        if declared is not None:
            if {n: one.notebook for n, one in declared.joined.items()} == dict(notebooks):
                return
            raise _is_taken(file, name, declared)
        try:
            text = config.add_pipeline(file.read_bytes().decode(), name, notebooks, file)
            replace_file(file, text.encode())
        except OSError as error:
            raise refused_by_disk(file, error) from error


def _is_taken(file: Path, name: str, declared: config.Pipeline) -> UsageError:
    return UsageError(
        f"{file}: the pipeline {name!r} is made of {', '.join(declared.files)}",
        hint="give this one another name with `--name NAME`",
    )


def _declare(project: Project, name: str, notebook: str, choices: dict[str, Any]) -> None:
    file = (project.root / config.FILE).resolve()
    with exclusive(project.folder / LOCK, LOCK_SECONDS, f"change {config.FILE}"):
        declared = config.load(file, {}).pipelines.get(name)
        if declared is not None and declared.notebook != notebook:
            raise _is_taken(file, name, declared)
        if declared is not None and choices_of(declared) == {**choices_of(declared), **choices}:
            return
        try:
            text = file.read_bytes().decode()
            if declared is None:
                text = config.add_pipeline(text, name, notebook, file)
            if choices:
                text = config.change_pipeline(text, name, choices, file)
            replace_file(file, text.encode())
        except OSError as error:
            raise refused_by_disk(file, error) from error
