"""A run becomes a pipeline: the cells that it stands on, cut into steps; dead ends left out."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.cells.flow import literal_of
from mlops_jupyter.cells.scope import UNPARSABLE, python_of
from mlops_jupyter.config import NAME
from mlops_jupyter.errors import MlopsError, UsageError, refused_by_disk
from mlops_jupyter.pipelines.build import Building, building
from mlops_jupyter.pipelines.notebook import cut_bytes
from mlops_jupyter.pipelines.outline import outline
from mlops_jupyter.pipelines.source import PARAMETERS, STEP
from mlops_jupyter.project import Project
from mlops_jupyter.quiet import unwarned
from mlops_jupyter.reproduction.log import Logged, log_of
from mlops_jupyter.reproduction.notebook import FAILS, about, code_cell, notebook_with, text_cell
from mlops_jupyter.runs import history, secret
from mlops_jupyter.runs.replay import NOTHING, is_imports
from mlops_jupyter.runs.run import Run
from mlops_jupyter.store.objects import replace_file

MAIN = "main"
"""The step of a run whose notebook has no steps."""

_TRACK = re.compile(r"\s*%%track\b[^\n]*\n?")
_OURS = re.compile(
    r"^[ \t]*%(?:(?:re)?load_ext[ \t]+mlops_jupyter|mlops[ \t]+(?:start|stop|status|runs|show))"
    r"\b[^\n]*\n?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell of the notebook that is made; `step` is None above the first step."""

    id: str
    source: str
    step: str | None
    is_first: bool
    may_raise: bool
    position: int


def build_from_run(
    project: Project,
    run_id: str,
    name: str | None = None,
    path: Path | None = None,
    *,
    force: bool = False,
) -> tuple[Building, Path]:
    """Write a notebook of the cells that a run stands on, and declare it as a pipeline.

    Parameters
    ----------
    project : Project
    run_id : str
        The run's id, or the beginning of it.
    name : str, optional
        Of the pipeline. Default: from the name of the run.
    path : Path, optional
        The notebook to write. Default: ``NAME.ipynb`` in the project's folder.
    force : bool
        Overwrite it.

    Raises
    ------
    NotFoundError
        There is no such run.
    UsageError
        It was made by a pipeline, cells of it were not written down, or the notebook is there.
    """
    run = history.get(project, run_id)
    if history.is_of_pipeline(project, run):
        hint = "choose a run of cells: see `mlops runs`"
        raise UsageError(f"run {run.id} was made by a pipeline already", hint=hint)
    named = name if name is not None else _name_of(run)
    path = path if path is not None else project.root / f"{named}.ipynb"
    if path.exists() and not force:
        hint = "give another name by `--out NOTEBOOK`, or `--force`"
        raise UsageError(f"{path}: is there already", hint=hint)
    content = _written(project, run)
    cut_bytes(content, path, named)
    before = path.read_bytes() if path.exists() else None
    try:
        replace_file(path, content)
    except OSError as error:
        raise refused_by_disk(path, error) from error
    try:
        return building(project, path, named), path
    except MlopsError:
        if before is None:
            path.unlink()
        else:
            replace_file(path, before)
        raise


def _name_of(run: Run) -> str:
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", run.name).strip("-._")[:100]
    if NAME.fullmatch(slug) is None:
        hint = "give one by `--name NAME`"
        raise UsageError(f"the run's name {run.name!r} cannot be a pipeline's name", hint=hint)
    return slug


def _written(project: Project, run: Run) -> bytes:
    """Return the notebook of a run, with a parameters cell and steps."""
    executions = log_of(project, run.id).slice
    for execution in executions:
        if secret.MASK in execution.source or secret.is_private(execution.source):
            raise UsageError(
                f"run {run.id}: cell [{execution.position}] holds a credential, or is private, "
                "and was not written down",
                hint="read it from the environment there, and run again",
            )
    sources = [_plain(execution.source) for execution in executions]
    taken, sources = _take_parameters(sources, run.parameters)
    cells = list(_cells(executions, sources, _outline(project, run)))
    if not cells:
        raise UsageError(
            f"run {run.id}: its cells only bind parameters", hint="nothing is left to be run"
        )
    told = f"{about(run)}\n\nCells that it does not stand on are left out."
    made = [text_cell("about", told), code_cell("parameters", taken, {}, [PARAMETERS])]
    for cell in cells:
        if cell.is_first and cell.step is not None:
            made.append(text_cell(f"step-{cell.position}", f"## {cell.step}"))
        tags = [f"{STEP}{cell.step}"] if cell.is_first else []
        tags += [FAILS] if cell.may_raise else []
        made.append(code_cell(cell.id, cell.source, {"position": cell.position}, tags))
    return notebook_with(run, made)


def _outline(project: Project, run: Run) -> Mapping[str, str | None]:
    """Return the steps of the notebook in which the run was made, as it is now."""
    if run.notebook is None:
        return {}
    found = (outline(project.root / run.notebook), outline(Path(run.notebook)))
    return next(filter(None, found), {})


def _plain(source: str) -> str:
    """Return a cell without the magics that recorded it: the pipeline is a run by itself."""
    return _OURS.sub("", _TRACK.sub("", source, count=1) if _TRACK.match(source) else source)


def _take_parameters(sources: Sequence[str], recorded: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Take the assignments out that the run recorded as parameters; return them, and the rest.

    Only a name that one statement binds, in all of the cells, to the very literal.
    """
    counts = Counter(name for source in sources for name in analyse(source).writes)
    single = {name: value for name, value in recorded.items() if counts[name] == 1}
    lines: list[str] = []
    rest: list[str] = []
    for source in sources:
        spans = list(_assignments(source, single))
        kept = source.splitlines(keepends=True)
        for first, last in reversed(spans):
            del kept[first - 1 : last]
        text = source.splitlines()
        lines += [line for first, last in spans for line in text[first - 1 : last]]
        rest.append("".join(kept).strip("\n") if spans else source.strip("\n"))
    return "\n".join(lines) or "# nothing here was recorded as a parameter", rest


def _assignments(source: str, recorded: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Return the lines, from 1, of statements that bind a parameter to what was recorded."""
    try:
        with unwarned():
            code = python_of(source)
            body = ast.parse(code).body
    except UNPARSABLE:
        return
    if len(code.splitlines()) != len(source.splitlines()):
        return
    nodes = (node for statement in body for node in ast.walk(statement))
    bound = Counter(
        n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    )
    lines = Counter(n for s in body for n in range(s.lineno, (s.end_lineno or s.lineno) + 1))
    for statement in body:
        last = statement.end_lineno or statement.lineno
        name, value = _literal(statement)
        if name is None or name not in recorded or bound[name] != 1:
            continue
        alone = all(lines[n] == 1 for n in range(statement.lineno, last + 1))
        if alone and _is_same(value, recorded[name]):
            yield statement.lineno, last


def _literal(statement: ast.stmt) -> tuple[str | None, Any]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None, None
    if not isinstance(target, ast.Name) or statement.value is None:
        return None, None
    try:
        return target.id, literal_of(statement.value)
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        return None, None


def _is_same(value: Any, recorded: Any) -> bool:
    try:
        made = json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return False
    return type(made) is type(recorded) and bool(made == recorded)


def _cells(
    executions: Sequence[Logged], sources: Sequence[str], steps: Mapping[str, str | None]
) -> Iterator[_Cell]:
    """Give each cell to a step: of the notebook, or to one that holds all."""
    kept = [
        (execution, source)
        for execution, source in zip(executions, sources, strict=True)
        if analyse(source).code_digest != NOTHING
    ]
    has_steps = any(steps.get(execution.cell_id or "") for execution, _ in kept)
    current: str | None = None
    of: str | None = None
    counts: Counter[str] = Counter()
    for number, (execution, source) in enumerate(kept, 1):
        is_last = number == len(kept)
        wanted = steps.get(execution.cell_id or "", of)
        if not has_steps and current is None and (is_last or not is_imports(source)):
            wanted = MAIN
        is_first = wanted is not None and wanted != of
        if is_first and wanted is not None:
            counts[wanted] += 1
            of = wanted
            current = wanted if counts[wanted] == 1 else f"{wanted}-{counts[wanted]}"
        identity = f"execution-{execution.id}"
        yield _Cell(identity, source, current, is_first, bool(execution.error), execution.position)
