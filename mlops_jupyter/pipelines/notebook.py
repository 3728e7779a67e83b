"""A notebook becomes a pipeline: cut into steps by its tags, and written down as notebooks.

One cell is tagged ``parameters``. A cell tagged ``step:NAME`` begins a step, to which the cells
below it belong; code before the first step is the setup, which runs in each step. Cells tagged
``skip`` are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.config import NAME
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.contract import read_parameters
from mlops_jupyter.pipelines.dataflow import StepFlow, flows_of
from mlops_jupyter.pipelines.pipeline import Pipeline, Step
from mlops_jupyter.pipelines.source import SourceCell, SourceNotebook, parse_notebook, read_notebook

LOAD = "%load_ext mlops_jupyter"
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Cut:
    """A pipeline, and all that is needed to write the notebooks of its steps.

    `given` are the names that it takes from other notebooks.
    """

    pipeline: Pipeline
    source: SourceNotebook
    flows: tuple[StepFlow, ...]
    given: tuple[str, ...] = ()


def cut(path: Path | str, name: str | None = None) -> Pipeline:
    """Cut a notebook into the steps of a pipeline; nothing is run.

    Parameters
    ----------
    path : path
        The notebook.
    name : str, optional
        Default: the name of its file.

    Raises
    ------
    UsageError
        It cannot be read or cut; the message says which cell and why.
    """
    return cut_source(read_notebook(Path(path)), name).pipeline


def cut_bytes(content: bytes, path: Path, name: str) -> Cut:
    """Cut a notebook whose bytes are at hand."""
    return cut_source(parse_notebook(content, path), name)


def cut_source(
    source: SourceNotebook,
    name: str | None = None,
    given: Collection[str] = (),
    wanted: Collection[str] = (),
) -> Cut:
    """Cut a notebook that is read already; for `given` and `wanted` see `flows_of`."""
    parameters = read_parameters(source.parameters, source.path)
    flows = flows_of(source, given, wanted)
    before = [(), *((step.name,) for step in source.steps)]
    steps = tuple(
        Step(step.name, tuple(c.position for c in step.code), flow.receives, flow.passes, follows)
        for step, flow, follows in zip(source.steps, flows, before, strict=False)
    )
    named = name if name is not None else name_of(source.path)
    return Cut(Pipeline(named, str(source.path), parameters, steps), source, flows, tuple(given))


def step_notebook(
    made: Cut,
    number: int,
    title: str,
    injected: str = "",
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the notebook of one step, as nbformat 4.5.

    Each cell's metadata say under ``mlops`` which part it is, and which cell of the source it
    was.

    Parameters
    ----------
    made : Cut
    number : int
        Of the step, from 0.
    title : str
        The source notebook, as people know it.
    injected : str
        Python that binds the parameters of the run; it stands below those that it replaces.
    given : mapping of str to value, optional
        The same as JSON, for those who read the notebook.
    """
    source, flow = made.source, made.flows[number]
    step = source.steps[number]
    text = (
        f"# {step.name}\n\nStep {number + 1} of {len(source.steps)} of the pipeline "
        f"`{made.pipeline.name}`, made from `{title}`. Change it there: this notebook is "
        "written anew by each run."
    )
    cells = [_text("about", text), _code("load", LOAD)]
    receive = _code("receive", " ".join(["%mlops receive", *flow.receives]))
    if flow.receives and not number:
        cells.append(receive)  # of other notebooks: as if they had been run before
    cells += _setup(source, injected)
    if flow.code:
        cells.append(_code("definitions", "\n\n".join(flow.code)))
    if number:
        cells.append(receive)
    cells += [_own(cell, "step") for cell in step.shown]
    if number + 1 < len(source.steps) or flow.passes:
        cells.append(_code("pass_on", " ".join(["%mlops pass_on", *flow.passes])))
    kernel = source.kernel
    return {
        "cells": list(_with_ids(cells)),
        "metadata": {
            "kernelspec": {"name": kernel, "display_name": kernel, "language": "python"},
            "language_info": {"name": "python"},
            "papermill": {
                "default_parameters": {},
                "environment_variables": {},
                "parameters": dict(given or {}),
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def to_json(notebook: Mapping[str, Any]) -> bytes:
    """Return a notebook as the bytes of its file."""
    return (json.dumps(notebook, indent=1) + "\n").encode()


def name_of(path: Path) -> str:
    """Return what a pipeline is called that is made of a notebook."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.stem).strip("-._")[:100]
    if NAME.fullmatch(name) is None:
        raise UsageError(
            f"{path}: its name cannot be a pipeline's name", hint="give one with `--name NAME`"
        )
    return name


def _text(part: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {"mlops": {"part": part}}, "source": source}


def _code(part: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"mlops": {"part": part}, "tags": []},
        "outputs": [],
        "source": source,
    }


def _own(cell: SourceCell, part: str) -> dict[str, Any]:
    metadata = cell.content.get("metadata")
    kept = {**metadata} if isinstance(metadata, dict) else {}
    made: dict[str, Any] = {
        "cell_type": cell.kind,
        "metadata": {
            **kept,
            "mlops": {"part": part, "cell": cell.position},
            "tags": list(cell.tags),
        },
        "source": cell.source,
    }
    if cell.kind == "code":
        made |= {"execution_count": None, "outputs": []}
    elif isinstance(cell.content.get("attachments"), dict):
        made["attachments"] = cell.content["attachments"]
    identity = cell.content.get("id")
    if isinstance(identity, str) and _CELL_ID.fullmatch(identity):
        made["id"] = identity
    return made


def _setup(source: SourceNotebook, injected: str) -> Iterator[dict[str, Any]]:
    """Write the setup down, and the parameters of the run below their defaults."""
    for cell in source.setup:
        yield _own(cell, "setup")
        if injected and cell is source.parameters:
            made = _code("parameters", f"# Parameters\n{injected}")
            made["metadata"]["tags"] = ["injected-parameters"]
            yield made


def _with_ids(cells: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give an id to each cell that has none, or that of another."""
    taken: set[str] = set()
    for cell in cells:
        mine = cell["metadata"]["mlops"]
        fallback = f"cell-{mine['cell']}" if "cell" in mine else f"mlops-{mine['part']}"
        identity = cell.get("id", fallback)
        while identity in taken:
            identity = f"{identity[:60]}-{len(taken)}"
        taken.add(identity)
        yield {**cell, "id": identity}
