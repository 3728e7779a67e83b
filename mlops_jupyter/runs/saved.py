"""The state of a notebook that was never recorded, guessed from its file alone.

The file holds the number and the outputs of the last execution of each cell, not the code that
was executed then: where the numbers leave a doubt, the state is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlops_jupyter.cells.scope import UNPARSABLE, parse
from mlops_jupyter.runs.draws import unseeded_cells
from mlops_jupyter.runs.notebook import NotebookFile
from mlops_jupyter.runs.replay import Cell, disturbs, imported_names
from mlops_jupyter.runs.state import (
    SHOWN,
    WORDS,
    CellState,
    Finding,
    HiddenName,
    NotebookState,
    State,
    cells_text,
    overall,
)


def state_of_file(saved: NotebookFile, *, notebook: str | None = None) -> NotebookState:
    """Judge a notebook by what its file says.

    Parameters
    ----------
    saved : NotebookFile
    notebook : str, optional
        Its path, passed on.
    """
    reading = _Reading(saved)
    states = tuple(reading.judge(cell) for cell in reading.cells)
    filled = [s for s in states if s.state == "stale" or not reading.cells[s.number - 1].is_empty]
    verdict, why = overall(filled)
    if verdict == "reproducible":
        why = "all cells were executed once, from the top to the bottom"
    hidden = tuple(_hidden(reading)) if reading.is_python else ()
    return NotebookState(notebook, verdict, why, "file", states, hidden, None)


class _Reading:
    """The cells of a file, and what can be said of each."""

    def __init__(self, saved: NotebookFile) -> None:
        self.is_python = saved.language == "python"
        self.cells = [Cell(n, cell) for n, cell in enumerate(saved.cells, 1)]
        if not self.is_python:
            for cell in self.cells:
                cell.is_empty = not cell.cell.source.strip()
        self.states: dict[int, State] = {}
        self.counts = [c.cell.count for c in self.cells if c.cell.count is not None]
        sources = [cell.source for cell in saved.cells]
        self.draws = unseeded_cells([cell.analysis for cell in self.cells], sources)

    def judge(self, cell: Cell) -> CellState:
        """Judge one cell when those above it have been judged."""
        state, why = self._judge(cell)
        self.states[cell.number] = state
        return CellState(cell.number, cell.cell.id, state, why)

    def _judge(self, cell: Cell) -> Finding:
        if cell.is_empty and cell.cell.error:
            return "stale", f"its output, {cell.cell.error}, is of code that is not there any more"
        if cell.is_empty:
            return "reproducible", "nothing to execute"
        checks: list[Callable[[Cell], Finding | None]] = [self._raised]
        if self.is_python:
            checks += [self._no_code, self._missing, self._below, self._unseeded]
        checks += [self._not_executed]
        if self.is_python:
            checks += [self._on_wrong, self._since]
        checks += [self._gap]
        if self.is_python:
            checks += [self._above, self._standing]
        for check in checks:
            finding = check(cell)
            if finding is not None:
                return finding
        return "reproducible", "executed in order"

    def _raised(self, cell: Cell) -> Finding | None:
        if cell.cell.error is None or cell.cell.may_raise:
            return None
        return "not_reproducible", f"raised {cell.cell.error}"

    def _no_code(self, cell: Cell) -> Finding | None:
        try:
            parse(cell.cell.source)
        except UNPARSABLE:
            return "not_reproducible", "is not Python 3"
        return None

    def _missing(self, cell: Cell) -> Finding | None:
        """Find a name that the cell needs and that no cell above binds."""
        missing = self.missing(cell)
        if not missing:
            return None
        name = missing[0]
        below = [c.number for c in self.cells[cell.number :] if name in c.binds]
        if below:
            return "not_reproducible", f"stands on cell {below[0]}, which is below it (`{name}`)"
        shown = ", ".join(f"`{n}`" for n in missing[:SHOWN])
        return "not_reproducible", f"reads {shown}, which no cell binds"

    def missing(self, cell: Cell) -> list[str]:
        """Return the names that a cell needs and that no cell above can have bound."""
        above = self.cells[: cell.number - 1]
        if any(c.analysis.opaque for c in above):
            return []
        bound = frozenset().union(*(c.binds for c in above))
        return sorted(cell.analysis.required - bound)

    def _below(self, cell: Cell) -> Finding | None:
        """Find a cell below that bound a name last before this one read it."""
        count = cell.cell.count
        for name, binders in self._binders(cell):
            before = [c for c in binders if _number(c) and count and _number(c) < count]
            if not before:
                continue
            last = max(before, key=_number)
            if last.number > cell.number and name not in imported_names(last.analysis):
                why = f"stands on cell {last.number}, which is below it (`{name}`)"
                return "not_reproducible", why
        return None

    def _unseeded(self, cell: Cell) -> Finding | None:
        drawn = self.draws[cell.number - 1] or next(iter(cell.analysis.mentions.unseeded), None)
        if drawn is None:
            return None
        return "not_reproducible", f"draws unseeded random numbers: {drawn}"

    def _not_executed(self, cell: Cell) -> Finding | None:
        if cell.cell.count is not None:
            return None
        if not self.counts:
            return "unknown", "never executed, or its number was cleared"
        return "unknown", "not executed"

    def _since(self, cell: Cell) -> Finding | None:
        """Find a cell above that was executed later, or never, and binds what this one reads."""
        count = cell.cell.count or 0
        for name, binders in self._binders(cell):
            above = [c for c in binders if c.number < cell.number]
            if not above or name in imported_names(above[-1].analysis):
                continue
            if _number(above[-1]) > count:
                why = f"cell {above[-1].number}, which binds `{name}`, was executed after it"
                return "stale", why
        return None

    def _gap(self, cell: Cell) -> Finding | None:
        """Find numbers before this one that no cell bears, or that several do."""
        count = cell.cell.count or 0
        if self.counts.count(count) > 1:
            same = cells_text(c.number for c in self.cells if c.cell.count == count)
            return "unknown", f"{same} bear the number [{count}]: they are of several kernels"
        gaps = sorted(set(range(1, count)) - set(self.counts)) if count < 100_000 else [1]
        if not gaps:
            return None
        shown = ", ".join(f"[{n}]" for n in gaps[:SHOWN]) + (" …" if len(gaps) > SHOWN else "")
        what = "a cell that was" if len(gaps) == 1 else "cells that were"
        return "unknown", f"{shown} before it: {what} deleted, or executed again since"

    def _above(self, cell: Cell) -> Finding | None:
        """Find a cell above that was executed later, or never, and may do anything."""
        count = cell.cell.count or 0
        reads = cell.analysis.uses
        for above in self.cells[: cell.number - 1]:
            if above.is_empty or 0 < _number(above) < count:
                continue
            how = "was executed after it" if _number(above) else "was not executed"
            names = sorted(reads & (above.binds | above.mentions) - imported_names(above.analysis))
            if names and not _number(above):
                return "unknown", f"cell {above.number}, above it, {how}, and names `{names[0]}`"
            if above.analysis.opaque or disturbs(above.analysis):
                return "unknown", f"cell {above.number}, above it, {how}, and may change anything"
        return None

    def _on_wrong(self, cell: Cell) -> Finding | None:
        """Find a cell above that binds what this one reads, and is not reproducible itself."""
        finding = self._standing(cell)
        return finding if finding and finding[0] == "not_reproducible" else None

    def _standing(self, cell: Cell) -> Finding | None:
        """Find a cell above that binds what this one reads, and is not well itself."""
        makers = {
            max(above)
            for _, binders in self._binders(cell)
            if (above := [c.number for c in binders if c.number < cell.number])
        }
        for verdict in ("not_reproducible", "stale", "unknown"):
            for number in sorted(makers):
                state = self.states[number]
                if state == verdict:
                    return state, f"stands on cell {number}, which is {WORDS[state]}"
        return None

    def _binders(self, cell: Cell) -> Iterator[tuple[str, list[Cell]]]:
        """Yield each name that a cell reads with the other cells that bind it."""
        for name in sorted(cell.analysis.reads):
            found = [c for c in self.cells if c is not cell and name in c.binds]
            if found:
                yield name, found


def _number(cell: Cell) -> int:
    return cell.cell.count or 0


def _hidden(reading: _Reading) -> Iterator[HiddenName]:
    seen: dict[str, list[int]] = {}
    for cell in reading.cells:
        for name in reading.missing(cell):
            seen.setdefault(name, []).append(cell.number)
    for name, numbers in sorted(seen.items()):
        if not any(name in cell.binds for cell in reading.cells):
            yield HiddenName(name, f"read by {cells_text(numbers)}, bound by none")
