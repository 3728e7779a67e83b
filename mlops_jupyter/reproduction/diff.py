"""What two runs differ in: cells, parameters, data, files, packages, metrics."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.runs import environment, history
from mlops_jupyter.runs.metric import metric_text
from mlops_jupyter.runs.run import CodeCell, Run


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is another in the second run; None where a run does not have it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class CellChange:
    """Cells that only one of the runs has, or that are written otherwise in the second.

    Attributes
    ----------
    kind : str
        ``added``, ``removed`` or ``changed``.
    before, after : int or None
        Positions in the runs' sessions.
    text : str
        The lines that differ, as a unified diff writes them.
    """

    kind: Literal["added", "removed", "changed"]
    before: int | None
    after: int | None
    text: str


@dataclass(frozen=True, slots=True)
class RunDiff:
    """The difference of two runs; all empty when there is none."""

    before: str
    after: str
    cells: tuple[CellChange, ...]
    parameters: tuple[Change, ...]
    data: tuple[Change, ...]
    files: tuple[Change, ...]
    packages: tuple[Change, ...]
    metrics: tuple[Change, ...]


def diff(project: Project, before: str, after: str) -> RunDiff:
    """Compare two runs.

    Parameters
    ----------
    project : Project
    before, after : str
        Their ids, or the beginnings of them.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    one, other = history.detail(project, before), history.detail(project, after)
    runs = one.run, other.run
    return RunDiff(
        before=one.run.id,
        after=other.run.id,
        cells=tuple(_cells(one.cells, other.cells)),
        parameters=_changes(*({k: _json(v) for k, v in run.parameters.items()} for run in runs)),
        data=_changes(*(_data(run) for run in runs)),
        files=_changes(*(_files(project, run) for run in runs)),
        packages=_changes(*(_packages(project, run) for run in runs)),
        metrics=_changes(*({k: _number(v) for k, v in run.metrics.items()} for run in runs)),
    )


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted({**before, **after})
        if before.get(name) != after.get(name)
    )


def _cells(before: Sequence[CodeCell], after: Sequence[CodeCell]) -> Iterator[CellChange]:
    """Let nbdime say which cell of one run is which of the other."""
    from nbdime import diff_notebooks

    operations: list[Any] = []
    for part in diff_notebooks(_notebook(before), _notebook(after)):
        if part.key == "cells":
            operations = part.diff
    shift = 0  # of a cell's index in the second run
    for operation in operations:
        at = operation.key
        if operation.op == "addrange":
            for number in range(len(operation.valuelist)):
                yield _added(after[at + shift + number])
            shift += len(operation.valuelist)
        elif operation.op == "removerange":
            for cell in before[at : at + operation.length]:
                yield CellChange("removed", cell.position, None, _lines("-", cell.source))
            shift -= operation.length
        elif before[at].source != after[at + shift].source:
            yield _changed(before[at], after[at + shift])


def _added(cell: CodeCell) -> CellChange:
    return CellChange("added", None, cell.position, _lines("+", cell.source))


def _changed(before: CodeCell, after: CodeCell) -> CellChange:
    lines = difflib.unified_diff(
        before.source.splitlines(), after.source.splitlines(), lineterm="", n=1
    )
    text = "\n".join(list(lines)[2:])  # without the names of files
    return CellChange("changed", before.position, after.position, text)


def _lines(sign: str, source: str) -> str:
    return "\n".join(f"{sign}{line}" for line in source.splitlines())


def _notebook(cells: Sequence[CodeCell]) -> Any:
    from nbformat import v4

    # of a format without ids: nbdime would take cells with one id for one cell, and a cell that
    # is executed twice has one, as have cells of two sessions by chance
    notebook = v4.new_notebook(nbformat_minor=4)
    for cell in cells:
        made = v4.new_code_cell(cell.source)
        del made["id"]
        notebook.cells.append(made)
    return notebook


def _data(run: Run) -> dict[str, str]:
    return {ref.partition("@")[0]: ref for ref in run.data}


def _files(project: Project, run: Run) -> dict[str, str]:
    rows = project.catalog.rows(
        "SELECT path, max(digest) AS digest FROM execution_file JOIN run_cell USING (execution_id)"
        " WHERE run_cell.run_id = ? AND access = 'read' GROUP BY path",
        (run.id,),
    )
    return {row["path"]: row["digest"] or "unknown" for row in rows}


def _packages(project: Project, run: Run) -> dict[str, str]:
    if run.environment_digest is None:
        return {}
    captured = environment.decode(project.objects.read(run.environment_digest))
    return {"python": captured.python, **captured.installed}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _number(value: float | None) -> str:
    """Return all digits: two runs may differ in the last one."""
    if value is None or not math.isfinite(value):
        return metric_text(value)
    return repr(value)
