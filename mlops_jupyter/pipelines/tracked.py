"""The Run of a notebook that people give to papermill themselves, without any command of ours.

In a project it is recorded like any other: open while the notebook is executed, so that others see
it, with the parameters from the start, and all that the kernel records of the cells. What cannot
be recorded is said in one line, and the notebook is executed all the same.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines.ending import Ending
from mlops_jupyter.pipelines.notebook import to_json
from mlops_jupyter.project import Project, find_root, open_project
from mlops_jupyter.runs import mirror, recorder, secret
from mlops_jupyter.runs.opened import LONGEST_NAME
from mlops_jupyter.runs.recorder import File, Findings, RunPart

EXECUTED = "executed.ipynb"
"""The artifact of the run that holds the notebook with its outputs."""

LARGEST_KEPT = 32_000_000
"""Bytes of an executed notebook that is kept; a larger one stays where papermill wrote it."""

_OUTER = ("MLOPS_RUN", "MLOPS_STEP_RUN")
"""In the environment of a kernel whose cell calls papermill: of its own run, not of this one."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A Run that is open.

    Attributes
    ----------
    project : Project
    id : str
    environment : dict of str to str
        For the kernel.
    """

    project: Project
    id: str
    environment: dict[str, str]


def project_around(folder: Path, path: str | None) -> Path | None:
    """Return the project that a notebook's run belongs to.

    That of ``MLOPS_PROJECT``, else of the folder in which the notebook is executed, else of the
    folder in which it lies; None if there is none.
    """
    told = os.environ.get("MLOPS_PROJECT")
    places = [Path(told)] if told else [folder, *([Path(path).parent] if path else [])]
    return next((root for place in places if (root := find_root(place)) is not None), None)


def begin(root: Path, path: str | None, parameters: Mapping[str, Any]) -> TrackedRun | None:
    """Open a Run, which this process is going to end.

    Parameters
    ----------
    root : Path
        The project.
    path : str or None
        Of the notebook: absolute, or a URL.
    parameters : mapping of str to JSON value
        Without secrets.

    Returns
    -------
    TrackedRun or None
        None: it cannot be recorded, which was said.
    """
    try:
        project = open_project(root)
        outer = os.environ.get("MLOPS_RUN")
        known = project.catalog.row("SELECT id FROM run WHERE id = ?", (outer,))
        # a session of this process: when it is killed, the next start ends the run
        session_id = recorder.open_session(project, None)
        run_id = recorder.open_run(
            project,
            _name_of(path),
            notebook=path,
            session_id=session_id,
            parent_run_id=known["id"] if known else None,
            parameters=parameters,
        )
    except (MlopsError, OSError) as error:
        _complain(error)
        return None
    told = {"MLOPS_PROJECT": str(project.root), "MLOPS_RUN": run_id}
    return TrackedRun(project, run_id, told)


def without_outer(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the run of the cell in which papermill was called."""
    return {name: value for name, value in environment.items() if name not in _OUTER}


def end(run: TrackedRun, ending: Ending, nb: Any) -> None:
    """End a Run, keep the executed notebook with it, and hand it to the mirror."""
    try:
        _keep(run, nb)
        recorder.close_run(run.project, run.id, ending.status, ending.words)
        mirror.start(run.project)
    except (MlopsError, OSError) as error:
        _complain(error)
    finally:
        run.project.catalog.close()


def _keep(run: TrackedRun, nb: Any) -> None:
    """Keep the notebook as executed so far; that there is no room leaves no run open."""
    try:
        content = discreet(nb)
        if len(content) <= LARGEST_KEPT:
            kept = File(EXECUTED, "application/x-ipynb+json", content)
            recorder.add(run.project, RunPart(run.id, Findings(files=(kept,))))
    except (MlopsError, TypeError) as error:
        _complain(error)


def discreet(nb: Any) -> bytes:
    """Return a notebook as its file, without credentials."""
    cells = [_discreet_cell(cell) for cell in nb["cells"]]
    metadata = dict(nb["metadata"])
    told = metadata.get("papermill", {})
    if told.get("parameters"):
        plain = secret.masked_value("", dict(told["parameters"]))
        metadata["papermill"] = {**told, "parameters": plain}
    return secret.masked_bytes(to_json({**nb, "cells": cells, "metadata": metadata}))


def _discreet_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    if not secret.is_private(cell["source"]):
        return {**cell, "source": secret.masked_source(cell["source"])}
    return {**cell, "source": secret.PRIVATE} | ({"outputs": []} if "outputs" in cell else {})


def _name_of(path: str | None) -> str:
    name = "" if path is None else Path(path.partition("?")[0]).stem
    return name[:LONGEST_NAME] or "notebook"


def _complain(error: Exception) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"mlops: not recorded: {error}", file=sys.stderr)  # noqa: T201
