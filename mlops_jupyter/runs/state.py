"""The state of a notebook: whether running all of it again gives what is there now.

The words are those of https://github.com/jupyterlab/jupyterlab/issues/5213.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_jupyter.runs.notebook import NotebookCell
from mlops_jupyter.runs.replay import (
    Cell,
    ExecutedRow,
    Replay,
    disturbs,
    imported_names,
    imports,
    is_imports,
)
from mlops_jupyter.runs.trace import closure

State = Literal["unknown", "stale", "reproducible", "not_reproducible"]

WORDS: dict[State, str] = {
    "unknown": "unknown",
    "stale": "stale",
    "reproducible": "reproducible",
    "not_reproducible": "not reproducible",
}
"""How people read them."""

NOT_EXECUTED = "not executed in this session"
SHOWN = 4
"""Names, and numbers of cells, that are written out in one reason."""


@dataclass(frozen=True, slots=True)
class CellState:
    """The state of one code cell, and why.

    Attributes
    ----------
    number : int
        1 is the first code cell.
    cell_id : str or None
    state : str
        ``unknown``: it was not executed as it is now, or a cell above it was not, and might
        matter. ``stale``: it, or a cell on which it stands, was edited or executed again since.
        ``reproducible``: running all cells from the top gives the same.
        ``not_reproducible``: it does not.
    why : str
        For people; it goes on after ``cell 4: ``.
    """

    number: int
    cell_id: str | None
    state: State
    why: str


@dataclass(frozen=True, slots=True)
class HiddenName:
    """A name that lives in the kernel, but that no cell of the notebook binds any more."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class NotebookState:
    """The state of a notebook.

    Attributes
    ----------
    notebook : str or None
        Its path.
    verdict : str
        That of its worst cell: not reproducible, else stale, else unknown.
    why : str
    basis : str
        ``recorded``: known from the executions of a kernel. ``file``: guessed from the numbers
        and outputs that the file holds.
    cells : tuple of CellState
    hidden : tuple of HiddenName
    session_id : str or None
        The kernel.
    """

    notebook: str | None
    verdict: State
    why: str
    basis: Literal["recorded", "file"]
    cells: tuple[CellState, ...]
    hidden: tuple[HiddenName, ...]
    session_id: str | None


Finding = tuple[State, str]


def state_of(
    cells: Sequence[NotebookCell],
    executions: Sequence[ExecutedRow],
    *,
    notebook: str | None = None,
    session_id: str | None = None,
) -> NotebookState:
    """Judge a notebook by what one kernel executed of it.

    Parameters
    ----------
    cells : sequence of NotebookCell
        The code cells as they are now.
    executions : sequence of ExecutedRow
        All of the kernel, in order.
    notebook, session_id : str, optional
        Passed on.
    """
    replay = Replay(cells, executions)
    judge = _Judge(replay)
    states = tuple(judge.judge(number) for number in replay.cells)
    filled = [s for s in states if not replay.cells[s.number].is_empty]
    verdict, why = overall(filled)
    hidden = tuple(_hidden(replay))
    return NotebookState(notebook, verdict, why, "recorded", states, hidden, session_id)


def overall(states: Sequence[CellState]) -> Finding:
    """Return the verdict of the worst cell, and why."""
    if not states:
        return "unknown", "it has no code"
    for verdict in ("not_reproducible", "stale", "unknown"):
        found = [s for s in states if s.state == verdict]
        if not found:
            continue
        if len(found) > 1 and all(s.why == found[0].why for s in found):
            whole = (
                "all cells" if len(found) == len(states) else cells_text(s.number for s in found)
            )
            return found[0].state, f"{whole}: {found[0].why}"
        more = len(found) - 1
        rest = f"; and {more} more" if more else ""
        return found[0].state, f"cell {found[0].number}: {found[0].why}{rest}"
    return "reproducible", "running all cells gives the same"


class _Judge:
    """Judges cells from the top: the state of a cell depends on those above it."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.states: dict[int, State] = {}
        self._touched: dict[int, frozenset[str]] = {}

    def judge(self, number: int) -> CellState:
        """Judge a cell when those above it have been judged."""
        cell = self.replay.cells[number]
        state, why = self._alone(cell) or self._standing(number)
        self.states[number] = state
        clean = cell.is_empty or state == "reproducible"
        observed = self.replay.effects(number)
        self._touched[number] = observed if clean else observed | cell.binds
        return CellState(number, cell.cell.id, state, why)

    def _alone(self, cell: Cell) -> Finding | None:
        """Judge what can be said without looking at other cells."""
        row = self.replay.last.get(cell.number)
        if cell.is_empty:
            return "reproducible", "nothing to execute"
        if cell.is_private:
            return "unknown", "private: it is not written down"
        if row is None:
            return "unknown", NOT_EXECUTED
        if row.code_digest != cell.digest:
            return "stale", f"edited after {f'run {row.run}' if row.run else 'it was executed'}"
        if row.error and not cell.cell.may_raise:
            return "not_reproducible", f"raised {row.error}"
        return None

    def _standing(self, number: int) -> Finding:
        """Judge a cell by all that it stands on."""
        row = self.replay.last[number]
        slice_ = closure(self.replay.parents, row.position)
        for check in (
            self._deleted, self._edited, self._raised, self._repeated, self._order,
            self._displaced, self._unseeded, self._unsure, self._above,
        ):  # fmt: skip
            finding = check(number, slice_)
            if finding is not None:
                return finding
        others = sorted({self.replay.cell_of[p] for p in slice_ if p in self.replay.cell_of})
        others.remove(number)
        where = cells_text(others) if others else "no other cell"
        return "reproducible", f"stands on {where}"

    def _mapped(self, slice_: Iterable[int]) -> Iterator[tuple[ExecutedRow, Cell, ExecutedRow]]:
        """Yield the executions whose cells are there, the cells, and their last executions."""
        for p in slice_:
            number = self.replay.cell_of.get(p)
            if number is not None:
                yield self.replay.rows[p], self.replay.cells[number], self.replay.last[number]

    def _children(self, parent: int, slice_: Iterable[int]) -> list[int]:
        return [p for p in slice_ if parent in self.replay.parents.get(p, ())]

    def _deleted(self, number: int, slice_: Sequence[int]) -> Finding | None:
        for p in slice_:
            if p in self.replay.cell_of or p not in self.replay.rows:
                continue
            children = self._children(p, slice_)
            if not self._is_imported_elsewhere(p, children):
                names = self.replay.passed(p, children)
                known = all(c.cell.id is not None for c in self.replay.cells.values())
                what = "a cell that was deleted" if known else "a cell that was deleted or edited"
                if self.replay.rows[p].cell_id is None and known:
                    what = "code that is in no cell"
                return "not_reproducible", f"stands on {what}{names_text(names, 'it bound ')}"
        return None

    def _is_imported_elsewhere(self, parent: int, children: Sequence[int]) -> bool:
        """Return whether all that a deleted cell left are imports that a cell has, too."""
        source = self.replay.rows[parent].source
        names = [(n, c) for c in children for n in self.replay.passed(parent, [c])]
        if not names or not is_imports(source):
            return False
        for name, child in names:
            number = self.replay.cell_of.get(child)
            provider = number and self._provider(name, number)
            if not provider or not self._imports_alike(name, provider, source):
                return False
        return True

    def _imports_alike(self, name: str, number: int, source: str) -> bool:
        told = imports(self.replay.cells[number].cell.source).get(name)
        return told is not None and told == imports(source).get(name)

    def _provider(self, name: str, number: int) -> int:
        """Return the last cell above that would bind or change a name, or 0."""
        return next((d for d in range(number - 1, 0, -1) if name in self._touched[d]), 0)

    def _edited(self, number: int, slice_: Sequence[int]) -> Finding | None:
        row = self.replay.last[number]
        for executed, cell, last in self._mapped(slice_):
            if executed.code_digest == cell.digest:
                continue
            children = self._children(executed.position, slice_)
            names = names_text(self.replay.passed(executed.position, children), "", "what")
            if cell.number == number:
                return "not_reproducible", f"stands on {names}, which it left before it was edited"
            if executed.position < last.position < row.position:
                before = f"which cell {cell.number} left before it was edited"
                return "not_reproducible", f"stands on {names}, {before}"
            if row.run:
                return "not_reproducible", f"cell {cell.number} was edited after run {row.run}"
            if last.code_digest == cell.digest:
                return "stale", f"cell {cell.number} was edited and executed again since"
            return "stale", f"cell {cell.number}, on which it stands, was edited"
        return None

    def _raised(self, number: int, slice_: Sequence[int]) -> Finding | None:
        for executed, cell, _ in self._mapped(slice_):
            if executed.error and cell.number != number and not cell.cell.may_raise:
                return "not_reproducible", f"stands on cell {cell.number}, which raised"
        return None

    def _repeated(self, number: int, slice_: Sequence[int]) -> Finding | None:
        row = self.replay.last[number]
        provenance = self.replay.provenance
        for executed, cell, last in self._mapped(slice_):
            if provenance[executed.position] == provenance[last.position]:
                continue
            if last.position > row.position:
                return "stale", f"cell {cell.number} was executed again since"
            children = self._children(executed.position, slice_)
            names = names_text(self.replay.passed(executed.position, children), "")
            times = len(self.replay.executions[cell.number])
            who = "" if cell.number == number else f"stands on cell {cell.number}, which "
            return (
                "not_reproducible",
                f"{who}was executed {times} times, and builds on what it had left{names}",
            )
        return None

    def _order(self, number: int, slice_: Sequence[int]) -> Finding | None:
        for executed, cell, _ in self._mapped(slice_):
            for p in self.replay.parents[executed.position]:
                below = self.replay.cell_of.get(p, 0)
                if below > cell.number:
                    names = names_text(self.replay.passed(p, [executed.position]), "")
                    who = "" if cell.number == number else f"stands on cell {cell.number}, which "
                    return (
                        "not_reproducible",
                        f"{who}stands on cell {below}, which is below it{names}",
                    )
        return None

    def _displaced(self, number: int, slice_: Sequence[int]) -> Finding | None:
        """Find a cell that would bind a name anew before it is read, when all cells run."""
        for name, executed, cell, source in self._inputs(slice_):
            nearer = self._provider(name, cell.number)
            if nearer <= source or nearer == cell.number:
                continue
            imported = self.replay.rows[executed].source if source else ""
            if imported and self._imports_alike(name, nearer, imported):
                continue
            who = "" if cell.number == number else f"stands on cell {cell.number}, which "
            if name in self.replay.effects(nearer):
                return (
                    "not_reproducible",
                    f"{who}was executed before cell {nearer}, which binds {quoted(name)} above it",
                )
            how = self._how(nearer)
            return "unknown", f"cell {nearer}, above it, {how}, and may bind {quoted(name)}"
        return None

    def _inputs(self, slice_: Iterable[int]) -> Iterator[tuple[str, int, Cell, int]]:
        """Yield each name read, the execution that bound it, the cell that read it, and whose."""
        for executed, cell, _ in self._mapped(slice_):
            for name in sorted(self.replay.inputs(executed)):
                source = self.replay.toucher(name, executed.position)
                if source is None:
                    yield name, 0, cell, 0
                elif source in self.replay.cell_of:
                    yield name, source, cell, self.replay.cell_of[source]

    def _unseeded(self, number: int, slice_: Sequence[int]) -> Finding | None:
        for p in slice_:
            row = self.replay.rows.get(p)
            if row is not None and any(r.startswith("unseeded") for r in row.unsure):
                at = self.replay.cell_of.get(p, number)
                who = "" if at == number else f"stands on cell {at}, which "
                return "not_reproducible", f"{who}draws unseeded random numbers"
        return None

    def _unsure(self, number: int, slice_: Sequence[int]) -> Finding | None:
        for p in slice_:
            row = self.replay.rows.get(p)
            if row is None:
                return "unknown", "stands on an execution that was not recorded"
            if self.replay.cell_of.get(p) and self.replay.cells[self.replay.cell_of[p]].is_private:
                return "unknown", f"stands on cell {self.replay.cell_of[p]}, which is private"
            for reason in row.unsure:
                kind = reason.partition(":")[0]
                if kind in _DOUBTS:
                    return "unknown", _DOUBTS[kind]
        return None

    def _above(self, number: int, slice_: Sequence[int]) -> Finding | None:
        """Find a cell above that was not executed as it is, or later, and might matter."""
        stands_on = {self.replay.cell_of.get(p) for p in slice_}
        read = [
            (name, source)
            for name, executed, _, source in self._inputs(slice_)
            if not executed or name not in imported_names(self.replay.cells[source].analysis)
        ]
        for above in range(1, number):
            cell = self.replay.cells[above]
            if cell.is_empty or above in stands_on:
                continue
            how = self._how(above)
            if not self.replay.is_current(above):
                if cell.analysis.opaque:
                    return "unknown", f"cell {above}, above it, {how}, and may change anything"
                names = sorted({n for n, at in read if at < above and n in cell.mentions})
                if names:
                    return (
                        "unknown",
                        f"cell {above}, above it, {how}, and may change `{names[0]}`",
                    )
            elif self.replay.first(above) < self.replay.last[number].position:
                continue
            else:
                how = "was executed after it"
            if disturbs(cell.analysis):
                return "unknown", f"cell {above}, above it, {how}, and may set options or seeds"
        return None

    def _how(self, number: int) -> str:
        if number not in self.replay.last:
            return "was not executed"
        if self.replay.last[number].code_digest != self.replay.cells[number].digest:
            return "was edited"
        return "raised" if self.replay.last[number].error else "is not up to date"


_DOUBTS = {
    "not recorded": "reads what was bound before recording began",
    "private": "stands on a private cell",
    "history": "reads earlier outputs, which depend on the order of all cells",
    "thread": "stands on a thread or a task, which may go on beside other cells",
}


def _hidden(replay: Replay) -> Iterator[HiddenName]:
    """Yield the names that live in the kernel without a cell that binds them."""
    last: dict[str, ExecutedRow] = {}
    for row in replay.rows.values():
        last |= dict.fromkeys(row.writes | row.changes, row)
        for name in row.deletes:
            last.pop(name, None)
    bound = frozenset().union(
        *(cell.binds | replay.effects(number) for number, cell in replay.cells.items())
    )
    for name, row in sorted(last.items()):
        number = replay.cell_of.get(row.position)
        if name.startswith("file:") or name in replay.given:
            continue
        if name not in bound:
            who = (
                f"by cell {number} before it was edited" if number else "by a cell that was deleted"
            )
            yield HiddenName(name, f"bound {who}")
        elif number is None and name not in imports(row.source):
            yield HiddenName(name, "changed last by a cell that was deleted")


def names_text(names: Sequence[str], verb: str, nothing: str = "") -> str:
    """Write names: `` (it bound `a`, `b`)``; without a verb before them only when bare."""
    if not names:
        return nothing
    shown = ", ".join(quoted(name) for name in names[:SHOWN])
    text = shown + (" …" if len(names) > SHOWN else "")
    return text if nothing else f" ({verb}{text})"


def quoted(name: str) -> str:
    """Write the name of a variable, or of a file that stands among them."""
    return f"`{name.removeprefix('file:')}`"


def cells_text(numbers: Iterable[int]) -> str:
    """Write numbers of cells: ``cell 3``, ``cells 1, 2 and 5``."""
    every = list(numbers)
    if len(every) == 1:
        return f"cell {every[0]}"
    if len(every) > 2 * SHOWN:
        return f"{len(every)} cells, {every[0]} to {every[-1]}"
    return f"cells {', '.join(map(str, every[:-1]))} and {every[-1]}"
