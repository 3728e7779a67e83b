"""What the cells of a notebook have executed, and what running all of them would do instead.

Each execution has a *provenance*: the digest of its code and of the provenances of all that it
stands on. Two executions of the same provenance computed the same, so it does not matter that
a cell was executed again, and a cell that runs all is compared with what it really did.
"""

from __future__ import annotations

import ast
import builtins
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mlops_jupyter.cells.analysis import CellAnalysis, analyse
from mlops_jupyter.cells.mention import SEEDING
from mlops_jupyter.cells.scope import UNPARSABLE, parse
from mlops_jupyter.runs import secret
from mlops_jupyter.runs.notebook import NotebookCell
from mlops_jupyter.runs.trace import sets_options
from mlops_jupyter.store.objects import digest_of

NOTHING = analyse("").code_digest
"""Of a cell without code."""

_PROCESS = frozenset({"chdir", "environ", "putenv", "%cd", "%env", "%set_env"})
_NO_OPTIONS = frozenset({"set", "setdefault", "setattr"})
_DRAWING = frozenset({"random", "shuffle", "sample", "rand", "randn", "randint", "choice"})
_LOOKS = ("%mlops status",)


@dataclass(frozen=True, slots=True)
class ExecutedRow:
    """One recorded execution of a cell, as far as the state of the notebook asks.

    Attributes
    ----------
    position : int
        1 is the first of its kernel.
    cell_id : str or None
    source : str
        Without credentials.
    code_digest : str
        Of that source.
    reads, writes, changes, deletes : frozenset of str
        Names; files that it read and wrote too, as ``file:PATH``.
    parents : tuple of int
        Positions of the executions on which it directly stands.
    unsure : tuple of str
    error : str or None
    run : str or None
        The run that it belongs to, for people: ``boosting (3f2a1b0c)``.
    """

    position: int
    cell_id: str | None
    source: str
    code_digest: str
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    parents: tuple[int, ...] = ()
    unsure: tuple[str, ...] = ()
    error: str | None = None
    run: str | None = None

    @property
    def effects(self) -> frozenset[str]:
        """What it bound, changed or deleted."""
        return self.writes | self.changes | self.deletes


class Cell:
    """A code cell of the notebook, numbered as people count: 1 is the first code cell."""

    def __init__(self, number: int, cell: NotebookCell) -> None:
        self.number = number
        self.cell = cell
        self.is_private = secret.is_private(cell.source)
        # as it would have been written down
        source = secret.PRIVATE if self.is_private else secret.masked_source(cell.source)
        self.analysis = analyse(source)
        self.digest = self.analysis.code_digest
        code = [line.strip() for line in source.splitlines() if line.strip()]
        looks = bool(code) and all(line.startswith(_LOOKS) for line in code)
        self.is_empty = looks or (self.digest == NOTHING and not self.is_private)

    @property
    def binds(self) -> frozenset[str]:
        """Names that its source may bind or delete."""
        writes = frozenset().union(*self.analysis.function_writes.values())
        return writes | set(self.analysis.writes) | self.analysis.deletes

    @property
    def mentions(self) -> frozenset[str]:
        """Names that its source reads: what they hold may change in place."""
        return self.analysis.uses.union(*self.analysis.functions.values())


class Replay:
    """One kernel's executions beside the notebook as it is now.

    Parameters
    ----------
    cells : sequence of NotebookCell
    executions : sequence of ExecutedRow
        In the order of their positions.
    """

    def __init__(self, cells: Sequence[NotebookCell], executions: Sequence[ExecutedRow]) -> None:
        self.cells = {n: Cell(n, cell) for n, cell in enumerate(cells, 1)}
        self.rows = {row.position: row for row in executions}
        self.cell_of = _assigned(list(self.cells.values()), executions)
        self.executions: defaultdict[int, list[int]] = defaultdict(list)
        for position in sorted(self.cell_of):
            self.executions[self.cell_of[position]].append(position)
        self.last = {number: self.rows[p[-1]] for number, p in self.executions.items()}
        self._touchers: defaultdict[str, list[int]] = defaultdict(list)
        for row in executions:
            for name in row.effects:
                self._touchers[name].append(row.position)
        self._seeds = any(analyse(r.source).mentions.words & SEEDING for r in executions)
        written = {name for r in executions for name in analyse(r.source).writes}
        self.given = frozenset(dir(builtins)) - written  # ipykernel binds some of them itself
        self._called: frozenset[str] = frozenset().union(
            *(names for r in executions for names in analyse(r.source).functions.values())
        )
        self.parents: dict[int, tuple[int, ...]] = {}
        self.provenance: dict[int, str] = {}
        self._loaded: dict[str, str] = {}
        for row in executions:
            self.parents[row.position] = tuple(p for p in row.parents if self._counts(p, row))
            self.provenance[row.position] = self._provenance(row)

    def is_current(self, number: int) -> bool:
        """Return whether the cell was last executed as it is now, and did not raise."""
        row = self.last.get(number)
        return row is not None and row.code_digest == self.cells[number].digest and not row.error

    def inputs(self, row: ExecutedRow) -> frozenset[str]:
        """Return the names whose values from before an execution mattered to it.

        The trace counts a name as read when the cell reads it anywhere, also after having
        bound it itself in a loop: such names are left out, unless a function may read them.
        """
        analysis = analyse(row.source)
        own = analysis.settles | (set(analysis.writes) - self._called) | self.given
        return (row.reads - own) | analysis.reads | row.changes | row.deletes

    def toucher(self, name: str, position: int) -> int | None:
        """Return the execution that last bound, changed or deleted a name before another one."""
        positions = self._touchers.get(name, ())
        index = bisect_left(positions, position)
        return positions[index - 1] if index else None

    def passed(self, parent: int, children: Collection[int]) -> list[str]:
        """Return the names that one execution left to others."""
        return sorted(
            name
            for name in self.rows[parent].effects
            if any(
                name in self.inputs(self.rows[child]) and self.toucher(name, child) == parent
                for child in children
            )
        )

    def effects(self, number: int) -> frozenset[str]:
        """Return the names that a cell, executed as it is now, was seen to bind or change."""
        if not self.is_current(number):
            return frozenset()
        return frozenset().union(*(self.rows[p].effects for p in self._same(number)))

    def first(self, number: int) -> int:
        """Return when a cell first computed what it did last: executions since changed nothing."""
        return self._same(number)[0]

    def _same(self, number: int) -> list[int]:
        provenance = self.provenance[self.last[number].position]
        return [p for p in self.executions[number] if self.provenance[p] == provenance]

    def _counts(self, parent: int, row: ExecutedRow) -> bool:
        """Return whether an execution really stands on a parent: see `inputs`.

        An edge that no name explains is of a file, a random source or an option, and stays.
        Where cells seed random sources, each edge may be of one.
        """
        before = self.rows.get(parent)
        if before is None or self._seeds or analyse(row.source).opaque:
            return True
        names = [n for n in before.effects & row.reads if self.toucher(n, row.position) == parent]
        if not names or disturbs(analyse(before.source)):
            return True
        return not self.inputs(row).isdisjoint(names)

    def _provenance(self, row: ExecutedRow) -> str:
        if row.error is None and is_imports(row.source) and row.code_digest in self._loaded:
            return self._loaded[row.code_digest]  # loading again what is loaded does nothing
        parents = self.parents[row.position]
        for p in parents:
            if p in self.rows and self._is_again(row, self.rows[p]):
                return self.provenance[p]
        made = sorted({self.provenance.get(p, f"?{p}") for p in parents})
        digest = digest_of("\n".join([row.code_digest, *made]).encode())
        if row.error is None:
            self._loaded.setdefault(row.code_digest, digest)
        return digest

    def _is_again(self, row: ExecutedRow, before: ExecutedRow) -> bool:
        """Return whether a cell was executed on what it had left, and left it as it was."""
        analysis = analyse(row.source)
        if row.code_digest != before.code_digest or row.error or before.error:
            return False
        if row.effects - imported_names(analysis):
            return False
        words = analysis.mentions.words
        sets_up = sets_options(words) and not words & (_DRAWING | SEEDING)
        if not sets_up and not self.passed(before.position, [row.position]):
            return False
        known = {self.provenance.get(p) for p in self.parents[before.position]}
        others = (p for p in self.parents[row.position] if p != before.position)
        return all(self.provenance.get(p) in known for p in others)


def disturbs(analysis: CellAnalysis) -> bool:
    """Return whether a cell may change the process, beside its names: seeds, options, folder."""
    words = analysis.mentions.words
    return bool(words & (SEEDING | _PROCESS)) or sets_options(words - _NO_OPTIONS)


def imported_names(analysis: CellAnalysis) -> frozenset[str]:
    """Return the names that a cell binds by imports."""
    return analysis.definitions - analysis.functions.keys()


@lru_cache(maxsize=1024)
def imports(source: str) -> dict[str, str]:
    """Return what each name is imported from, of the imports that always run."""
    found = {}
    try:
        body = parse(source).body
    except UNPARSABLE:
        return {}
    for statement in body:
        if isinstance(statement, ast.Import):
            for a in statement.names:
                whole = a.name if a.asname else a.name.partition(".")[0]
                found[a.asname or whole] = whole
        elif isinstance(statement, ast.ImportFrom):
            module = "." * statement.level + (statement.module or "")
            found.update({a.asname or a.name: f"{module}:{a.name}" for a in statement.names})
    return found


def is_imports(source: str) -> bool:
    """Return whether a cell does nothing but import."""
    try:
        body = parse(source).body
    except UNPARSABLE:
        return False
    return bool(body) and all(isinstance(s, ast.Import | ast.ImportFrom) for s in body)


def _assigned(cells: Sequence[Cell], executions: Sequence[ExecutedRow]) -> dict[int, int]:
    """Return the number of the cell that each execution was of, as far as it is still there.

    By the cell's id; cells that nobody executed by their id (papermill tells none, older files
    keep none) by their code.
    """
    by_id: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.cell.id is not None:
            by_id[cell.cell.id].append(cell)
    found: dict[int, int] = {}
    for row in executions:
        same = by_id.get(row.cell_id or "", [])
        if same:  # copies may bear the same id
            alike = [c for c in same if c.digest == row.code_digest]
            found[row.position] = (alike or same)[0].number
    taken = set(found.values())
    by_code: defaultdict[str, list[int]] = defaultdict(list)
    for cell in cells:
        if cell.number not in taken and not cell.is_empty:
            by_code[cell.digest].append(cell.number)
    at = 0
    for row in executions:
        numbers = by_code.get(row.code_digest)
        if row.position in found:
            at = found[row.position]
        elif numbers:  # the next one below the cell before, from the top again after the last
            at = next((n for n in numbers if n > at), numbers[0])
            found[row.position] = at
    return found
