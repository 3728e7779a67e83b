"""Reading a notebook: its cells, and what their tags make of them.

Notebooks of the present format are read here, so that nothing heavy is imported to look at
one; older formats go through nbformat (https://nbformat.readthedocs.io).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.cells.analysis import CellAnalysis, analyse
from mlops_jupyter.config import NAME
from mlops_jupyter.errors import UsageError
from mlops_jupyter.runs.notebook import HINT, decoded, read_file

PARAMETERS = "parameters"
SKIP = "skip"
STEP = "step:"


@dataclass(frozen=True, slots=True)
class SourceCell:
    """A cell of the notebook.

    Attributes
    ----------
    position : int
        From 0, in the notebook.
    kind : str
        ``code``, ``markdown`` or ``raw``.
    source : str
    tags : tuple of str
    content : dict
        The cell as it is in the file.
    """

    position: int
    kind: str
    source: str
    tags: tuple[str, ...]
    content: dict[str, Any]

    @property
    def analysis(self) -> CellAnalysis:
        """What its source says."""
        return analyse(self.source)

    @property
    def words(self) -> str:
        """How people find it: ``cell 4 (step:train)``; they count from 1."""
        shown = [t for t in self.tags if t == PARAMETERS or t.startswith(STEP)]
        return f"cell {self.position + 1}" + (f" ({shown[0]})" if shown else "")


@dataclass(frozen=True, slots=True)
class SourceStep:
    """The cells of a step: its code, and the text around it."""

    name: str
    code: tuple[SourceCell, ...]
    shown: tuple[SourceCell, ...]


@dataclass(frozen=True, slots=True)
class SourceNotebook:
    """A notebook sorted by its tags.

    Attributes
    ----------
    path : Path
    content : bytes
        The file.
    kernel : str
        Name of its kernel.
    parameters : SourceCell
    setup : tuple of SourceCell
        Code before the first step, which runs in each step; the parameters cell is in it.
    steps : tuple of SourceStep
    skipped : tuple of SourceCell
        Code that is tagged ``skip``.
    """

    path: Path
    content: bytes
    kernel: str
    parameters: SourceCell
    setup: tuple[SourceCell, ...]
    steps: tuple[SourceStep, ...]
    skipped: tuple[SourceCell, ...]


def read_notebook(path: Path) -> SourceNotebook:
    """Read a notebook and sort its cells.

    Raises
    ------
    UsageError
        It is missing, is no notebook, or its tags do not make a pipeline.
    """
    return parse_notebook(read_file(path), path)


def parse_notebook(content: bytes, path: Path) -> SourceNotebook:
    """Sort the cells of a notebook whose bytes are at hand."""
    notebook = _decode(content, path)
    kernel, language = _kernel(notebook)
    if language not in {"python", "ipython"}:
        raise UsageError(f"{path}: its language is {language}", hint="pipelines are Python")
    cells = [_cell(content, n, path) for n, content in enumerate(notebook["cells"])]
    skipped = tuple(c for c in cells if SKIP in c.tags and c.kind == "code")
    kept = [c for c in cells if SKIP not in c.tags]
    parameters = _parameters(kept, path)
    setup, steps = _sort(kept, path)
    if parameters not in setup:
        raise UsageError(
            f"{path}: the cell tagged `{PARAMETERS}` is {parameters.words}, in a step",
            hint="move it above the first step",
        )
    return SourceNotebook(path, content, kernel, parameters, setup, steps, skipped)


def _decode(content: bytes, path: Path) -> dict[str, Any]:
    notebook = decoded(content, path)
    if isinstance(notebook, dict) and notebook.get("nbformat") in {1, 2, 3}:
        notebook = _upgrade(notebook, path)
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise UsageError(f"{path}: not a notebook: it has no list of cells", hint=HINT)
    return notebook


def _upgrade(notebook: dict[str, Any], path: Path) -> dict[str, Any]:
    import nbformat

    try:
        upgraded = nbformat.convert(nbformat.from_dict(notebook), 4)
    except (AttributeError, KeyError, TypeError, ValueError, nbformat.ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(
            f"{path}: not a notebook of format {notebook['nbformat']}: {reason}",
            hint="save it with a newer Jupyter first",
        ) from None
    result: dict[str, Any] = json.loads(nbformat.v4.writes(upgraded))
    return result


def _kernel(notebook: dict[str, Any]) -> tuple[str, str]:
    metadata = _mapping(notebook.get("metadata"))
    spec = _mapping(metadata.get("kernelspec"))
    told = _mapping(metadata.get("language_info")).get("name") or spec.get("language")
    name = spec.get("name")
    kernel = name if isinstance(name, str) and name else "python3"
    return kernel, told.lower() if isinstance(told, str) else "python"


def _cell(content: Any, position: int, path: Path) -> SourceCell:
    cell = _mapping(content)
    kind, source = cell.get("cell_type"), cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if kind not in {"code", "markdown", "raw"} or not isinstance(source, str):
        raise UsageError(
            f"{path}: not a notebook: cell {position + 1} has no type or no source",
            hint="open it in JupyterLab, or take it from version control",
        )
    tags = _mapping(cell.get("metadata")).get("tags")
    texts = [t.strip() for t in tags if isinstance(t, str)] if isinstance(tags, list) else []
    return SourceCell(position, str(kind), source, tuple(texts), cell)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _parameters(cells: list[SourceCell], path: Path) -> SourceCell:
    found = [c for c in cells if PARAMETERS in c.tags and c.kind == "code"]
    if not found:
        raise UsageError(
            f"{path}: no code cell is tagged `{PARAMETERS}`",
            hint="tag the cell that sets the parameters: select it in JupyterLab, then "
            "Property Inspector > Common Tools > Cell Tags",
        )
    if len(found) > 1:
        numbers = " and ".join(str(c.position + 1) for c in found)
        raise UsageError(
            f"{path}: cells {numbers} are tagged `{PARAMETERS}`", hint="put them into one cell"
        )
    return found[0]


def _sort(
    cells: list[SourceCell], path: Path
) -> tuple[tuple[SourceCell, ...], tuple[SourceStep, ...]]:
    """Give each cell to the setup or to a step; text goes with the code below it."""
    setup: list[SourceCell] = []
    steps: dict[str, tuple[list[SourceCell], list[SourceCell]]] = {}
    current, text = None, list[SourceCell]()
    for cell in cells:
        if cell.kind != "code":
            text.append(cell)
            continue
        name = _step_name(cell, path)
        if name is not None and name != current:
            if name in steps:
                raise UsageError(
                    f"{path}: {cell.words} goes back to the step {name!r}",
                    hint="the cells of a step stand together; give this one another name",
                )
            current = name
            steps[name] = ([], [])
        if current is None:
            setup.append(cell)
        else:
            code, shown = steps[current]
            code.append(cell)
            shown.extend([*text, cell])
        text.clear()
    if not steps:
        raise UsageError(
            f"{path}: no code cell is tagged `{STEP}NAME`",
            hint=_near_tag(cells) or f"tag the first cell of each step, e.g. `{STEP}train`",
        )
    if current is not None:
        steps[current][1].extend(text)
    made = (SourceStep(n, tuple(code), tuple(shown)) for n, (code, shown) in steps.items())
    return tuple(setup), tuple(made)


def _step_name(cell: SourceCell, path: Path) -> str | None:
    names = [t.removeprefix(STEP).strip() for t in cell.tags if t.startswith(STEP)]
    if not names:
        return None
    if len(set(names)) > 1:
        raise UsageError(
            f"{path}: cell {cell.position + 1} is tagged with two steps: {', '.join(names)}",
            hint="a cell belongs to one step",
        )
    if NAME.fullmatch(names[0]) is None:
        raise UsageError(
            f"{path}: cell {cell.position + 1} is tagged `{STEP}{names[0]}`",
            hint="a step's name is letters, digits, '_', '.' and '-', e.g. `step:train`",
        )
    return names[0]


def _near_tag(cells: list[SourceCell]) -> str | None:
    for cell in cells:
        for tag in cell.tags:
            if tag.lower().startswith("step"):
                return f"cell {cell.position + 1} is tagged `{tag}`; write `{STEP}NAME`"
    return None
