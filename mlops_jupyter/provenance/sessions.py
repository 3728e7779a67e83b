"""Which executions stand on which, within the sessions of kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.provenance.rows import select


class _Steps(msgspec.Struct, frozen=True):
    """The executions of a run that goes over several sessions: the steps of a pipeline."""

    executions: tuple[tuple[int, str], ...]

    def before(self, execution_id: int, session_id: str) -> list[int]:
        return [e for e, session in self.executions if e < execution_id and session != session_id]

    def after(self, execution_id: int, session_id: str) -> list[int]:
        return [e for e, session in self.executions if e > execution_id and session != session_id]


class Sessions:
    """The executions of sessions, read when they are first asked for.

    Values go from a step of a pipeline to the next outside of any session: an execution of a
    step stands on all those of the steps before it.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._sessions: set[str] = set()
        self._session_of: dict[int, str] = {}
        self._parents: dict[int, list[int]] = {}
        self._children: dict[int, list[int]] = {}
        self._steps: dict[int, _Steps] = {}

    def before(self, executions: Iterable[int]) -> dict[int, list[int]]:
        """Return of each execution those on which it stands, and itself, in their order."""
        wanted = list(executions)
        self._read(wanted)
        return {e: self._all(e, self._parents, _Steps.before) for e in wanted}

    def after(self, executions: Iterable[int]) -> dict[int, list[int]]:
        """Return of each execution itself, and those that stand on it, in their order."""
        wanted = list(executions)
        self._read(wanted)
        return {e: self._all(e, self._children, _Steps.after) for e in wanted}

    def _all(
        self,
        execution_id: int,
        near: Mapping[int, Sequence[int]],
        far: Callable[[_Steps, int, str], list[int]],
    ) -> list[int]:
        found = {execution_id}
        waiting = [execution_id]
        while waiting:
            for other in near.get(waiting.pop(), ()):
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        steps = self._steps.get(execution_id)
        if steps is not None:
            found.update(far(steps, execution_id, self._session_of[execution_id]))
        return sorted(found)

    def _read(self, executions: Sequence[int]) -> None:
        unknown = [e for e in executions if e not in self._session_of]
        rows = select(
            self._project,
            "SELECT DISTINCT session_id FROM cell_execution WHERE id IN GIVEN",
            unknown,
        )
        sessions = [row[0] for row in rows if row[0] not in self._sessions]
        self._sessions.update(sessions)
        self._read_parents(sessions)
        self._read_steps(sessions)

    def _read_parents(self, sessions: Sequence[str]) -> None:
        rows = select(
            self._project,
            "SELECT id, session_id, position, parents FROM cell_execution"
            " WHERE session_id IN GIVEN",
            sessions,
        )
        at = {(row["session_id"], row["position"]): row["id"] for row in rows}
        for row in rows:
            session_id, execution_id = row["session_id"], row["id"]
            self._session_of[execution_id] = session_id
            positions = msgspec.json.decode(row["parents"], type=list[int])
            found = [at[session_id, p] for p in positions if (session_id, p) in at]
            self._parents[execution_id] = found
            for parent in found:
                self._children.setdefault(parent, []).append(execution_id)

    def _read_steps(self, sessions: Sequence[str]) -> None:
        rows = select(
            self._project,
            "SELECT run_cell.run_id, execution_id, session_id FROM run_cell JOIN cell_execution"
            " ON cell_execution.id = execution_id WHERE run_cell.run_id IN"
            " (SELECT run.id FROM run JOIN cell_execution ON run.id = cell_execution.run_id"
            " WHERE pipeline_run_id IS NOT NULL AND cell_execution.session_id IN GIVEN)",
            sessions,
        )
        runs: dict[str, list[tuple[int, str]]] = {}
        for run_id, execution_id, session_id in rows:
            runs.setdefault(run_id, []).append((execution_id, session_id))
        for executions in runs.values():
            steps = _Steps(tuple(executions))
            self._steps.update((execution_id, steps) for execution_id, _ in executions)
