"""A notebook and its kernel in one process: cells are edited, moved, deleted and executed.

The kernel is plain ``exec``, watched by the observer that watches real kernels; what it saw
becomes the rows that `state_of` judges.
"""

from __future__ import annotations

import copy
from typing import Any

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.runs.notebook import NotebookCell
from mlops_jupyter.runs.observer import Observer
from mlops_jupyter.runs.replay import ExecutedRow
from mlops_jupyter.runs.state import CellState, NotebookState, state_of


class Bench:
    """Cells are known by letters, in the order in which they are made: a, b, c …"""

    def __init__(self, *sources: str) -> None:
        self.space: dict[str, Any] = {"__name__": "__main__"}
        self.rows: list[ExecutedRow] = []
        self.left: list[dict[str, Any]] = []
        self.cells: list[NotebookCell] = []
        self._made = 0
        self.watch()
        for source in sources:
            self.add(source)

    def watch(self) -> None:
        """Begin to record."""
        self._observer = Observer(self.space)

    def add(self, source: str, at: int | None = None) -> str:
        """Add a cell; return its letter."""
        letter = chr(ord("a") + self._made)
        self._made += 1
        self.cells.insert(len(self.cells) if at is None else at, NotebookCell(letter, source))
        return letter

    def edit(self, letter: str, source: str) -> Bench:
        self.cells = [NotebookCell(letter, source) if c.id == letter else c for c in self.cells]
        return self

    def delete(self, letter: str) -> Bench:
        self.cells = [cell for cell in self.cells if cell.id != letter]
        return self

    def move(self, letter: str, at: int) -> Bench:
        cell = next(c for c in self.cells if c.id == letter)
        self.delete(letter)
        self.cells.insert(at, cell)
        return self

    def execute(self, letters: str, run: str | None = None) -> Bench:
        """Execute cells, one after the other, as they are now."""
        for letter in letters.replace(" ", ""):
            self._execute(next(c for c in self.cells if c.id == letter), run)
        return self

    def _execute(self, cell: NotebookCell, run: str | None) -> None:
        self._observer.begin()
        error = run_cell(cell.source, self.space)
        analysis, position = analyse(cell.source), len(self.rows) + 1
        observed = self._observer.end(position, analysis, failed=error is not None)
        traced = observed.traced
        self.rows.append(
            ExecutedRow(
                position=position,
                cell_id=cell.id,
                source=cell.source,
                code_digest=analysis.code_digest,
                reads=observed.needs | analysis.reads,
                writes=traced.bound,
                changes=traced.changed,
                deletes=traced.deleted,
                parents=traced.parents,
                unsure=traced.unsure,
                error=error,
                run=run,
            )
        )
        self.left.append(values(self.space))

    def state(self) -> NotebookState:
        return state_of(self.cells, self.rows)

    def of(self, letter: str) -> CellState:
        """Return the state of one cell."""
        return next(s for s in self.state().cells if s.cell_id == letter)

    def said(self, letter: str) -> str:
        """Return it as people read it."""
        found = self.of(letter)
        return f"{found.state.replace('_', ' ')}: {found.why}"


def run_cell(source: str, space: dict[str, Any]) -> str | None:
    """Execute a cell; return what it raised."""
    try:
        exec(compile(source, "<cell>", "exec"), space)
    except Exception as error:  # noqa: BLE001 - the cell's own
        return f"{type(error).__name__}: {error}"
    return None


def values(space: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of what the names hold now, modules and functions left out."""
    return {
        name: copy.deepcopy(value)
        for name, value in space.items()
        if isinstance(value, int | str | list | tuple | dict) and not name.startswith("__")
    }
