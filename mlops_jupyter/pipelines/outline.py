"""Which step each cell of a notebook belongs to, whether it makes a pipeline or not."""

from __future__ import annotations

from pathlib import Path

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.source import cells_of, has_steps, section_starts, step_of
from mlops_jupyter.runs.notebook import read_file


def outline(path: Path) -> dict[str, str | None]:
    """Return the step of each code cell by its id; None: it stands above the first step.

    Empty when the file is gone, is no notebook, or has neither tags nor headings.
    """
    try:
        cells = cells_of(read_file(path), path)
        if has_steps(cells):
            starts = {c.position: name for c in cells if (name := step_of(c, path)) is not None}
        else:
            starts = dict(section_starts(cells))
    except UsageError:
        return {}
    found: dict[str, str | None] = {}
    current: str | None = None
    for cell in cells:
        identity = cell.content.get("id")
        current = starts.get(cell.position, current)
        if cell.kind == "code" and isinstance(identity, str) and starts:
            found[identity] = current
    return found
