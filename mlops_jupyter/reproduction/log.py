"""The executions of a session: those that a run stands on, and those beside them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec

from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project

INTERRUPTED = "KeyboardInterrupt"


@dataclass(frozen=True, slots=True)
class Logged:
    """One execution of one cell, as it was recorded.

    Attributes
    ----------
    id : int
        Its row.
    session_id : str
    position : int
    cell_id : str or None
    source : str
    code_digest : str
    writes : frozenset of str
        Names that it bound.
    parents : tuple of int
        Positions of the executions that it stands on directly.
    error : str or None
    run_id : str or None
        The innermost run that it belonged to.
    """

    id: int
    session_id: str
    position: int
    cell_id: str | None
    source: str
    code_digest: str
    writes: frozenset[str]
    parents: tuple[int, ...]
    error: str | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Log:
    """All executions up to the last one of a run, in order, and which of them are its slice."""

    executions: tuple[Logged, ...]
    slice: tuple[Logged, ...]

    def full(self) -> tuple[Logged, ...]:
        """Return all that can be executed again: what was interrupted may never end."""
        kept = {e.id for e in self.slice}
        return tuple(e for e in self.executions if e.id in kept or not _was_interrupted(e))

    def wider(self, executed: Collection[Logged], count: int) -> tuple[Logged, ...]:
        """Return the executions and the `count` nearest before the last that are left out."""
        taken = {e.id for e in executed}
        left_out = [e for e in self.full() if e.id not in taken]
        return self.ordered([*executed, *left_out[len(left_out) - count :]])

    def with_name(self, executed: Collection[Logged], name: str | None) -> tuple[Logged, ...]:
        """Return the executions, the last one left out that bound a name, and what that needs."""
        taken = {e.id for e in executed}
        writers = [e for e in self.full() if e.id not in taken and name in e.writes]
        if not writers:
            return tuple(executed)
        by_position = {(e.session_id, e.position): e for e in self.full()}
        wanted, found = [writers[-1]], {writers[-1].id: writers[-1]}
        while wanted:
            one = wanted.pop()
            for parent in one.parents:
                before = by_position.get((one.session_id, parent))
                if before is not None and before.id not in found:
                    found[before.id] = before
                    wanted.append(before)
        return self.ordered([*executed, *found.values()])

    @staticmethod
    def ordered(executions: Iterable[Logged]) -> tuple[Logged, ...]:
        """Return executions in the order in which they were executed, each once."""
        by_id = {e.id: e for e in executions}
        return tuple(by_id[key] for key in sorted(by_id))


def log_of(project: Project, run_id: str) -> Log:
    """Return what a run's session executed, up to the run's last cell.

    Raises
    ------
    UsageError
        No cells of the run were recorded.
    """
    mine = "cell_execution.id IN (SELECT execution_id FROM run_cell WHERE run_id = ?)"
    chosen = _select(project, mine, run_id)
    if not chosen:
        raise UsageError(
            f"run {run_id} has no recorded cells", hint="only runs of cells can be executed again"
        )
    everything = _select(
        project,
        "session_id IN (SELECT session_id FROM cell_execution JOIN run_cell"
        " ON execution_id = cell_execution.id WHERE run_cell.run_id = ?)"
        f" AND cell_execution.id <= {chosen[-1].id:d}",
        run_id,
    )
    return Log(everything, chosen)


def _select(project: Project, where: str, run_id: str) -> tuple[Logged, ...]:
    rows = project.catalog.rows(
        "SELECT cell_execution.id, session_id, position, cell_id, text, code_digest, writes,"
        " parents, error, run_id FROM cell_execution JOIN source ON digest = source_digest"
        f" WHERE {where} ORDER BY cell_execution.id",
        (run_id,),
    )
    return tuple(
        Logged(
            id=row["id"],
            session_id=row["session_id"],
            position=row["position"],
            cell_id=row["cell_id"],
            source=row["text"],
            code_digest=row["code_digest"],
            writes=frozenset(msgspec.json.decode(row["writes"])),
            parents=tuple(msgspec.json.decode(row["parents"])),
            error=row["error"],
            run_id=row["run_id"],
        )
        for row in rows
    )


def _was_interrupted(execution: Logged) -> bool:
    return bool(execution.error and re.match(rf"{INTERRUPTED}\b", execution.error))
