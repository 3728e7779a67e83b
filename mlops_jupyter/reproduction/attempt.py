"""An attempt to reproduce a run: one set of its session's cells, executed and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlops_jupyter.errors import ConflictError
from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.compare import NOTHING, Comparison, compare
from mlops_jupyter.reproduction.log import Logged
from mlops_jupyter.reproduction.replay import Place, Replay, replay
from mlops_jupyter.runs import history
from mlops_jupyter.runs.certificate import Cause, Verdict
from mlops_jupyter.runs.run import Run


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """Where a re-execution is: which set of cells, from 1, and which of its cells, from 1."""

    attempt: int
    cell: int
    cells: int


Progress = Callable[[ReplayProgress], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of executing one set of cells."""

    executions: tuple[Logged, ...]
    verdict: Verdict
    reason: str | None = None
    cause: Cause | None = None
    missing: str | None = None
    done: Replay | None = None
    found: Run | None = None
    comparison: Comparison = NOTHING

    @property
    def agrees(self) -> bool:
        """Whether it gave what the run had given."""
        return self.verdict in {"exact", "within_tolerance"}


@dataclass(slots=True)
class Trial:
    """Executes sets of cells and compares what they give."""

    project: Project
    run: Run
    place: Place
    tolerance: float | None
    timeout_seconds: int | None
    progress: Progress | None
    count: int = 0
    lost: str | None = None

    def __call__(self, executions: Sequence[Logged]) -> Attempt:
        """Execute some cells."""
        self.count += 1
        chosen = tuple(executions)
        try:
            done = replay(
                self.project,
                self.run,
                chosen,
                self.place,
                pins=_pins(self.project, chosen),
                timeout_seconds=self.timeout_seconds,
                on_cell=self._tell,
            )
        except ConflictError as error:
            return Attempt(chosen, "could_not_run", error.message, "file")
        if done.failure is not None:
            missing = done.failure.missing
            return Attempt(chosen, "could_not_run", str(done.failure), "cell", missing, done)
        found = _found(self.project, self.run, done)
        if found is None:
            reason = "its cells ran, but opened no run"
            return Attempt(chosen, "could_not_run", reason, "cell", None, done)
        compared = compare(self.project, self.run, found, self.tolerance)
        verdict: Verdict = "exact"
        if compared.differences:
            within = all(difference.within for difference in compared.differences)
            verdict = "within_tolerance" if within else "differs"
        return Attempt(chosen, verdict, done=done, found=found, comparison=compared)

    def _tell(self, cell: int, cells: int) -> None:
        if self.progress is not None:
            self.progress(ReplayProgress(self.count, cell, cells))


def _found(project: Project, run: Run, done: Replay) -> Run | None:
    """Return the run that the re-execution recorded: the one that its last cell belongs to."""
    row = project.catalog.row(
        "SELECT run.id FROM run LEFT JOIN run_cell ON run_cell.run_id = run.id"
        " WHERE reproduces = ? AND instr(notebook, ?) > 0 GROUP BY run.id"
        " ORDER BY name = ? DESC, max(execution_id) DESC, started_at DESC LIMIT 1",
        (run.id, done.token, run.name),
    )
    return None if row is None else history.get(project, row["id"])


def _pins(project: Project, executions: Sequence[Logged]) -> dict[str, int]:
    """Return what the bare name of each dataset meant: the newest version that was loaded.

    What a cell took itself, it takes again.
    """
    pins: dict[str, int] = {}
    for dataset, number, _ in versions_of(project, executions, "created_at < started_at"):
        pins[dataset] = max(number, pins.get(dataset, 0))
    return pins


def versions_of(
    project: Project, executions: Sequence[Logged], where: str = "1 = 1"
) -> list[tuple[str, int, str]]:
    """Return dataset, number and digest of what the executions loaded or took."""
    wanted = {e.id for e in executions}
    rows = project.catalog.rows(
        "SELECT execution_id, dataset, number, digest FROM execution_data"
        " JOIN dataset_version ON dataset_version.id = version_id"
        " JOIN cell_execution ON cell_execution.id = execution_id"
        f" WHERE execution_id BETWEEN ? AND ? AND {where}",
        (min(wanted), max(wanted)),
    )
    return [(r[1], r[2], r[3]) for r in rows if r["execution_id"] in wanted]
