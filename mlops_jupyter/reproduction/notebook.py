"""The clean notebook of a run: its cells in the order in which they were executed."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import NotFoundError, UsageError, refused_by_disk
from mlops_jupyter.pipelines.notebook import LOAD, to_json
from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.log import Logged, log_of
from mlops_jupyter.runs import history
from mlops_jupyter.runs.metric import metric_text
from mlops_jupyter.runs.run import Run
from mlops_jupyter.store.objects import replace_file

KERNEL = "python3"

FAILS = "raises-exception"
"""The tag of a cell that may raise: the next one is executed all the same."""

_LOADS = re.compile(r"^\s*%(?:re)?load_ext\s+mlops_jupyter\b", re.MULTILINE)


def notebook_of(
    project: Project, run_id: str, *, positions: Collection[int] | None = None
) -> bytes:
    """Return a notebook that makes a run again: one cell for each execution, in order.

    Parameters
    ----------
    project : Project
    run_id : str
        The run's id, or the beginning of it.
    positions : collection of int, optional
        Executions of the run's session. Default: those that the run stands on.

    Raises
    ------
    NotFoundError
        There is no such run, or no such position.
    UsageError
        No cells of the run were recorded.
    """
    run = history.get(project, run_id)
    log = log_of(project, run.id)
    if positions is None:
        return written(run, log.slice)
    known = {e.position: e for e in log.executions}
    unknown = sorted(set(positions) - set(known))
    if unknown:
        hint = f"positions of this run's session go up to {max(known)}"
        raise NotFoundError("execution", str(unknown[0]), hint=hint)
    return written(run, [known[position] for position in sorted(set(positions))])


def save_notebook(project: Project, run_id: str, path: Path, *, force: bool = False) -> None:
    """Write the clean notebook of a run to a file.

    Raises
    ------
    UsageError
        The file is there, and `force` was not given; or it may not be written.
    NotFoundError
        As `notebook_of`.
    """
    content = notebook_of(project, run_id)
    if path.exists() and not force:
        raise UsageError(f"{path}: is there already", hint="give another name, or `--force`")
    try:
        replace_file(path, content)
    except OSError as error:
        raise refused_by_disk(path, error) from error


def written(run: Run, executions: Sequence[Logged]) -> bytes:
    """Return the notebook of some executions."""
    cells = [text_cell("about", about(run), {"part": "about"})]
    if not executions or not _LOADS.match(executions[0].source):
        cells.append(code_cell("load", LOAD, {"part": "load"}))
    cells += [_cell(execution) for execution in executions]
    return notebook_with(run, cells)


def notebook_with(run: Run, cells: Sequence[dict[str, Any]]) -> bytes:
    """Return a notebook of these cells, which names the run that they are of."""
    return to_json(
        {
            "cells": list(cells),
            "metadata": {
                "kernelspec": {
                    "name": KERNEL,
                    "display_name": "Python 3 (ipykernel)",
                    "language": "python",
                },
                "language_info": {"name": "python"},
                "mlops": {"run": run.id},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def _cell(execution: Logged) -> dict[str, Any]:
    facts = {"cell": execution.cell_id, "position": execution.position}
    tags = [FAILS] if execution.error else []
    return code_cell(f"execution-{execution.id}", execution.source, facts, tags)


def code_cell(
    identity: str, source: str, facts: dict[str, Any], tags: Sequence[str] = ()
) -> dict[str, Any]:
    """Return a code cell; `facts` is what we note of it in its metadata."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": identity,
        "metadata": {"mlops": facts, "tags": list(tags)},
        "outputs": [],
        "source": source,
    }


def text_cell(identity: str, source: str, facts: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a Markdown cell; `facts` is what we note of it in its metadata."""
    metadata = {} if facts is None else {"mlops": facts}
    return {"cell_type": "markdown", "id": identity, "metadata": metadata, "source": source}


def about(run: Run) -> str:
    """Return what a notebook made of a run says of itself, as Markdown."""
    when = f"{run.status} {run.started_at[:16].replace('T', ' ')} UTC"
    told = f"The cells of run `{run.id}`, in the order in which they were executed; {when}."
    lines = [f"# {_plain(run.name)}", "", told]
    if run.metrics:
        lines.append("")
        lines += [
            f"- {_plain(name)} = {metric_text(value)}"
            for name, value in sorted(run.metrics.items())
        ]
    if run.data:
        lines += ["", f"Data: {', '.join(map(_plain, run.data))}"]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Return a text as Markdown that shows just it: names may hold anything."""
    one_line = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]#~$|!])", r"\\\1", one_line)
