"""Reading a notebook: its cells, and what their tags, or else the headings, make of them.

Notebooks of the present format are read here, so that nothing heavy is imported to look at
one; older formats go through nbformat (https://nbformat.readthedocs.io).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from mlops_jupyter.cells.analysis import CellAnalysis, analyse
from mlops_jupyter.config import NAME
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.heading import (
    MOST,
    Heading,
    cutting_level,
    first_words,
    headings_of,
    step_name,
)
from mlops_jupyter.runs.notebook import HINT, decoded, read_file

PARAMETERS = "parameters"
SKIP = "skip"
STEP = "step:"

NEAR_THE_TOP = 5
"""Code cells among which one that looks like parameters is looked for."""

By = Literal["tags", "headings", "text", "whole"]

WHOLE = "all"
"""Name of the step of a notebook that is not cut."""


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


NO_PARAMETERS = SourceCell(-1, "code", "", (PARAMETERS,), {})
"""Stands for the cell of a notebook that has none."""


@dataclass(frozen=True, slots=True)
class SourceStep:
    """The cells of a step: its code, and the text around it."""

    name: str
    code: tuple[SourceCell, ...]
    shown: tuple[SourceCell, ...]


@dataclass(frozen=True, slots=True)
class SourceNotebook:
    """A notebook sorted by its tags or headings.

    Attributes
    ----------
    path : Path
    content : bytes
        The file.
    kernel : str
        Name of its kernel.
    parameters : SourceCell
        `NO_PARAMETERS` when there is none.
    setup : tuple of SourceCell
        Code before the first step, which runs in each step; the parameters cell is in it.
    steps : tuple of SourceStep
    skipped : tuple of SourceCell
        Code that is tagged ``skip``.
    by : str
        Whether ``tags``, ``headings`` or any ``text`` begins the steps; ``whole``: it is one.
    """

    path: Path
    content: bytes
    kernel: str
    parameters: SourceCell
    setup: tuple[SourceCell, ...]
    steps: tuple[SourceStep, ...]
    skipped: tuple[SourceCell, ...]
    by: By = "tags"


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
    told = _mapping(_mapping(notebook.get("metadata")).get("mlops"))
    chosen = told.get("parameters_cell")
    cells = _cells(notebook, path)
    cells = _with_told_parameters(cells, chosen, path)
    skipped = tuple(c for c in cells if SKIP in c.tags and c.kind == "code")
    kept = [c for c in cells if SKIP not in c.tags]
    by: By = "tags" if has_steps(kept) else "headings"
    if told.get("by") in get_args(By):
        by = told["by"]
    has_parameters = chosen != 0
    if by == "tags":
        parameters, setup, steps = _cut_by_tags(kept, path, has_parameters=has_parameters)
    elif by == "whole":
        parameters, setup, steps = _cut_nowhere(kept, path, has_parameters=has_parameters)
    else:
        starts = dict((text_starts if by == "text" else section_starts)(kept))
        parameters, setup, steps = _cut_by_sections(
            kept, path, starts, has_parameters=has_parameters
        )
    return SourceNotebook(path, content, kernel, parameters, setup, steps, skipped, by)


def cells_of(content: bytes, path: Path) -> list[SourceCell]:
    """Return the cells of a notebook, as they are.

    Raises
    ------
    UsageError
        It is no notebook.
    """
    return _cells(_decode(content, path), path)


def _cells(notebook: dict[str, Any], path: Path) -> list[SourceCell]:
    return [_cell(content, n, path) for n, content in enumerate(notebook["cells"])]


def with_choices(content: bytes, path: Path, choices: dict[str, Any]) -> bytes:
    """Return a notebook that says itself how it is to be cut; without choices, the very same.

    Parameters
    ----------
    content : bytes
    path : Path
    choices : dict
        ``by``: ``tags``, ``headings`` or ``text``. ``parameters_cell``: the id of a cell, or its
        number; 0 for none.
    """
    if not choices:
        return content
    notebook = _decode(content, path)
    metadata = _mapping(notebook.get("metadata"))
    told = {**_mapping(metadata.get("mlops")), **choices}
    return json.dumps({**notebook, "metadata": {**metadata, "mlops": told}}).encode()


def lasting_name(content: bytes, path: Path, number: int) -> str | int:
    """Return what a cell is to be remembered by: its id, or else its number, from 1.

    Raises
    ------
    UsageError
        There is no such code cell.
    """
    cells = _decode(content, path)["cells"]
    cell = _mapping(cells[number - 1]) if 0 < number <= len(cells) else {}
    if cell.get("cell_type") != "code":
        what = "text" if cell else f"not there: the notebook has {len(cells)} cells"
        raise UsageError(
            f"{path}: cell {number} is {what}", hint="cells count from 1, text cells too"
        )
    identity = cell.get("id")
    same = [c for c in cells if _mapping(c).get("id") == identity]
    return identity if isinstance(identity, str) and identity and len(same) == 1 else number


def default_choices(content: bytes, path: Path) -> dict[str, Any]:
    """Return how a notebook among others is cut when nothing is said: as its tags say."""
    cells = cells_of(content, path)
    has_parameters = any(PARAMETERS in c.tags and c.kind == "code" for c in cells)
    by = {"by": "tags" if has_steps(cells) else "whole"}
    return by if has_parameters else {**by, "parameters_cell": 0}


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


def _with_told_parameters(cells: list[SourceCell], told: Any, path: Path) -> list[SourceCell]:
    """Tag the cell that was chosen to hold the parameters, and no other."""
    if not isinstance(told, str | int):
        return cells
    others = [replace(c, tags=tuple(t for t in c.tags if t != PARAMETERS)) for c in cells]
    if told == 0:
        return others
    for cell in others:
        if cell.kind == "code" and told in (cell.content.get("id"), cell.position + 1):
            others[cell.position] = replace(cell, tags=(*cell.tags, PARAMETERS))
            return others
    raise UsageError(
        f"{path}: the cell chosen for the parameters, {told!r}, is not there",
        hint="choose another with `mlops pipeline build --parameters-cell N`, or tag it",
    )


def has_steps(cells: Sequence[SourceCell]) -> bool:
    """Return whether a tag begins a step."""
    return any(t.startswith(STEP) for c in cells if c.kind == "code" for t in c.tags)


def _sort(
    cells: list[SourceCell], begins: Callable[[SourceCell], str | None], path: Path
) -> tuple[tuple[SourceCell, ...], tuple[SourceStep, ...]]:
    """Give each cell to the setup or to a step; text goes with the code below it."""
    setup: list[SourceCell] = []
    steps: dict[str, tuple[list[SourceCell], list[SourceCell]]] = {}
    current, text = None, list[SourceCell]()
    for cell in cells:
        if cell.kind != "code":
            text.append(cell)
            continue
        name = begins(cell)
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
    if current is not None:
        steps[current][1].extend(text)
    made = (SourceStep(n, tuple(code), tuple(shown)) for n, (code, shown) in steps.items())
    return tuple(setup), tuple(made)


def _cut_by_tags(
    cells: list[SourceCell], path: Path, *, has_parameters: bool
) -> tuple[SourceCell, tuple[SourceCell, ...], tuple[SourceStep, ...]]:
    parameters = _parameters(cells, path) if has_parameters else NO_PARAMETERS
    setup, steps = _sort(cells, lambda cell: step_of(cell, path), path)
    if not steps:
        raise UsageError(
            f"{path}: no code cell is tagged `{STEP}NAME`",
            hint=_near_tag(cells) or f"tag the first cell of each step, e.g. `{STEP}train`",
        )
    if has_parameters and parameters not in setup:
        raise UsageError(
            f"{path}: the cell tagged `{PARAMETERS}` is {parameters.words}, in a step",
            hint="move it above the first step",
        )
    return parameters, setup, steps


def _cut_by_sections(
    cells: list[SourceCell], path: Path, starts: Mapping[int, str], *, has_parameters: bool
) -> tuple[SourceCell, tuple[SourceCell, ...], tuple[SourceStep, ...]]:
    """Let each section begin a step; what stands above the first one is the setup.

    Sections down to the one that holds the parameters are setup too.
    """
    if (near := _near_tag(cells)) is not None:
        raise UsageError(f"{path}: no code cell is tagged `{STEP}NAME`", hint=near)
    if not starts:
        raise UsageError(
            f"{path}: no code cell is tagged `{STEP}NAME`, and no code stands below a heading",
            hint=f"tag the first cell of each step, e.g. `{STEP}train`, or write a text cell "
            "such as `## Train` above it; `--by text`: each text cell begins a step",
        )
    tagged = [c for c in cells if PARAMETERS in c.tags and c.kind == "code"]
    parameters = NO_PARAMETERS
    if tagged:
        parameters = _parameters(cells, path)
    elif has_parameters:
        _ask_for_parameters(cells, path)
    starts = {at: name for at, name in starts.items() if at > parameters.position}
    setup, steps = _sort(cells, lambda cell: starts.get(cell.position), path)
    if not steps:
        raise UsageError(
            f"{path}: no heading stands below {parameters.words}",
            hint="move the parameters to the top",
        )
    return parameters, setup, steps


def _cut_nowhere(
    cells: list[SourceCell], path: Path, *, has_parameters: bool
) -> tuple[SourceCell, tuple[SourceCell, ...], tuple[SourceStep, ...]]:
    """Make one step of all that stands below the parameters."""
    tagged = [c for c in cells if PARAMETERS in c.tags and c.kind == "code"]
    parameters = _parameters(cells, path) if tagged and has_parameters else NO_PARAMETERS
    setup, steps = _sort(
        cells, lambda cell: WHOLE if cell.position > parameters.position else None, path
    )
    if not steps:
        raise UsageError(f"{path}: no code stands below {parameters.words}")
    return parameters, setup, steps


def section_starts(cells: Sequence[SourceCell]) -> Iterator[tuple[int, str]]:
    """Return where steps begin by headings: positions of code cells, and names.

    A heading of a higher level begins one too, once the first has begun.
    """
    found = {c.position: headings_of(c.source) for c in cells if c.kind == "markdown"}
    level = cutting_level(heading for headings in found.values() for heading in headings)
    waiting: Heading | None = None
    names: list[str] = []
    for cell in cells:
        for heading in found.get(cell.position, ()):
            if level is not None and heading.level <= level:
                is_title = heading.level < level and not names and waiting is None
                waiting = waiting if is_title else heading
        if cell.kind == "code" and waiting is not None and cell.source.strip():
            names.append(step_name(waiting.text, len(names) + 1, names))
            waiting = None
            yield cell.position, names[-1]


def text_starts(cells: Sequence[SourceCell]) -> Iterator[tuple[int, str]]:
    """Return where steps begin if any text begins one: positions of code cells, and names.

    The first text is taken for the title of the notebook where it is a heading of level 1.
    """
    waiting: Heading | None = None
    names: list[str] = []
    is_first = True
    for cell in cells:
        if cell.kind == "markdown" and cell.source.strip():
            said = (*headings_of(cell.source), first_words(cell.source))[0]
            if not (is_first and said.level == 1) and (waiting is None or waiting.level > MOST):
                waiting = said
            is_first = False
        if cell.kind == "code" and waiting is not None and cell.source.strip():
            names.append(step_name(waiting.text, len(names) + 1, names))
            waiting = None
            yield cell.position, names[-1]


def _ask_for_parameters(cells: list[SourceCell], path: Path) -> None:
    """Refuse to guess which cell holds the parameters, where one may be meant."""
    top = [c for c in cells if c.kind == "code" and c.source.strip()][:NEAR_THE_TOP]
    numbers = [c.position + 1 for c in top if looks_like_parameters(c)]
    if not numbers:
        return
    none = "`--parameters-cell none` for none"
    if len(numbers) == 1:
        told = f"cell {numbers[0]} looks like parameters, and is not tagged `{PARAMETERS}`"
        hint = f"tag it, or build with `--parameters-cell {numbers[0]}`; {none}"
    else:
        shown = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
        told = f"cells {shown} look like parameters, and none is tagged `{PARAMETERS}`"
        hint = f"tag one, or build with `--parameters-cell {numbers[0]}`; {none}"
    raise UsageError(f"{path}: {told}", hint=hint)


def looks_like_parameters(cell: SourceCell) -> bool:
    """Return whether a cell does nothing but to bind literals."""
    analysis = cell.analysis
    values = [analysis.literals[name] for name in analysis.writes if name in analysis.literals]
    is_plain = not (analysis.opaque or analysis.uses or analysis.mentions.calls)
    return (
        is_plain
        and len(values) == len(analysis.writes)
        # `rows = []` waits to be filled
        and any(value not in ([], {}, ()) for value in values)
    )


def step_of(cell: SourceCell, path: Path) -> str | None:
    """Return the step that a tag of the cell names."""
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
            if tag.lower().startswith("step") and not tag.startswith(STEP):
                return f"cell {cell.position + 1} is tagged `{tag}`; write `{STEP}NAME`"
    return None
