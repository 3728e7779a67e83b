"""The executions of one kernel, on their way to the catalog.

Another process may write to the catalog for longer than a cell may wait. Then executions are
kept in memory, in order, and written with the next one that gets through.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from mlops_jupyter.errors import ExternalError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.recorder import Execution, RunPart
from mlops_jupyter.store.catalog import is_busy

PATIENCE_SECONDS = 1.0
"""How long one cell waits for another process that writes."""

SHORT_PATIENCE_SECONDS = 0.05
"""The same, when the cell before has waited in vain."""

MOST_WAITING = 1000
"""Executions in memory. Those after the first `MOST_IN_FULL` wait without outputs and models."""

MOST_IN_FULL = 20


class _Waiting(msgspec.Struct, frozen=True):
    execution: Execution
    parts: tuple[RunPart, ...]
    slice: tuple[int, ...]
    unsure: tuple[str, ...]

    def bare(self) -> _Waiting:
        parts = tuple(
            replace(part, findings=replace(part.findings, figures=(), model=None, files=()))
            for part in self.parts
        )
        return replace(self, execution=replace(self.execution, outputs=()), parts=parts)


class Journal:
    """What one kernel has executed.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._rows: dict[int, int] = {}
        self._waiting: deque[_Waiting] = deque()

    @property
    def waiting(self) -> int:
        """How many executions are not written yet."""
        return len(self._waiting)

    @property
    def patience_seconds(self) -> float:
        """How long the next call may wait for another process that writes."""
        return SHORT_PATIENCE_SECONDS if self._waiting else PATIENCE_SECONDS

    def record(
        self,
        execution: Execution,
        parts: Sequence[RunPart] = (),
        slice_: Sequence[int] = (),
        unsure: Sequence[str] = (),
    ) -> bool:
        """Write an execution, after those that wait.

        Parameters
        ----------
        execution, parts, unsure
            As in `recorder.record`.
        slice_ : sequence of int
            Positions of the earlier executions on which the cell stands.

        Returns
        -------
        bool
            False: the catalog is busy, and the execution waits in memory.

        Raises
        ------
        MlopsError
            It cannot be written, now or later: the disk is full, or too many wait.
        """
        if len(self._waiting) >= MOST_WAITING:
            self.flush()
        if len(self._waiting) >= MOST_WAITING:
            raise ExternalError(
                f"{self.project.catalog.path}: another program holds it, and"
                f" {MOST_WAITING} executions wait already",
                hint="end the program that holds the file",
            )
        waiting = _Waiting(execution, tuple(parts), tuple(slice_), tuple(unsure))
        self._waiting.append(waiting)
        written = self.flush()
        if not written and len(self._waiting) > MOST_IN_FULL:
            self._waiting[-1] = waiting.bare()
        return written

    def flush(self, patience_seconds: float | None = None) -> bool:
        """Write what waits, in order; return whether nothing waits any more.

        Raises
        ------
        MlopsError
            The oldest one cannot be written, and not because the catalog is busy. It is given
            up, the others are kept.
        """
        if patience_seconds is None:
            one = len(self._waiting) == 1
            patience_seconds = PATIENCE_SECONDS if one else SHORT_PATIENCE_SECONDS
        while self._waiting:
            oldest = self._waiting[0]
            try:
                with self.project.catalog.patience(patience_seconds):
                    self._write(oldest)
            except ExternalError as error:
                if is_busy(error):
                    return False
                self._waiting.popleft()
                raise
            except BaseException:
                self._waiting.popleft()
                raise
            self._waiting.popleft()
        return True

    def late(self) -> ExternalError:
        """Return what to tell the user when executions wait."""
        return ExternalError(
            f"{self.project.catalog.path}: another program holds it",
            hint="what was executed is kept in memory, and written with a later cell",
        )

    def _write(self, waiting: _Waiting) -> None:
        before = [self._rows[p] for p in waiting.slice if p in self._rows]
        row = recorder.record(
            self.project, waiting.execution, waiting.parts, before, waiting.unsure
        )
        self._rows[waiting.execution.position] = row
