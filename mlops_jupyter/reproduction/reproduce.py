"""Execute a run again from clean state, compare, and certify what came of it."""

from __future__ import annotations

import math
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from mlops_jupyter.errors import ConflictError, ExternalError, UsageError
from mlops_jupyter.project import REPRODUCES, Project, now
from mlops_jupyter.reproduction.compare import NOTHING, Comparison, compare
from mlops_jupyter.reproduction.locked import locked
from mlops_jupyter.reproduction.log import Log, Logged, log_of
from mlops_jupyter.reproduction.replay import Place, Replay, replay
from mlops_jupyter.runs import certificate, code, environment, history
from mlops_jupyter.runs.certificate import Cause, Certificate, Verdict
from mlops_jupyter.runs.run import Run
from mlops_jupyter.runs.secret import MASK
from mlops_jupyter.store.objects import digest_of

SHOWN_PACKAGES = 5

UNSEEDED = "unseeded:"
"""How the reasons begin that name a random source without a seed."""


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


def reproduce(
    project: Project,
    run_id: str,
    *,
    tolerance: float | None = None,
    environment: Literal["here", "lock"] = "here",
    widen: bool = True,
    timeout_seconds: int | None = None,
    progress: Progress | None = None,
) -> Certificate:
    """Execute the cells of a run again in a fresh kernel and an empty folder, and compare.

    When the cells fail or differ, the executions that the run's slice left out are added, the
    nearest first, twice as many each time, in the end all of the session: so a slice that was
    too small is told from a result that does not repeat.

    Parameters
    ----------
    project : Project
    run_id : str
        The run's id, or the beginning of it.
    tolerance : float, optional
        Relative and absolute, of metrics and predictions. Default: they must be equal.
    environment : str
        ``here``: this Python and its packages. ``lock``: those of the run, in a virtual
        environment made for it.
    widen : bool
        Add executions when the slice does not agree.
    timeout_seconds : int, optional
        How long one cell may take. Default: for ever.
    progress : callable, optional
        Told when a cell begins.

    Returns
    -------
    Certificate
        Written down on the run. That it differs, or could not run, is a result too.

    Raises
    ------
    NotFoundError
        There is no such run.
    UsageError
        It is still running, was interrupted, has no cells, or is the run of a pipeline.
    ExternalError
        The kernel died or took too long, or its packages cannot be had. Nothing is certified.
    IntegrityError
        What the run kept is damaged or missing.
    """
    began = time.monotonic()
    run = _checked(project, run_id, tolerance)
    log = log_of(project, run.id)
    place = locked(project, run) if environment == "lock" else Place()
    trial = _Trial(project, run, place, tolerance, timeout_seconds, progress)
    random = _random_reasons(project, run)
    tried = _tried(trial, log, is_random=bool(random)) if widen else [trial(log.slice)]
    best = min(tried, key=lambda attempt: _RANK[attempt.verdict])
    made = Certificate(
        id=secrets.token_hex(8),
        run_id=run.id,
        verdict=best.verdict,
        reason=best.reason,
        cause=best.cause,
        positions=tuple(e.position for e in best.executions),
        widened_by=len(best.executions) - len(log.slice),
        attempts=len(tried),
        differences=best.comparison.differences,
        unseeded=(*random, *_estimators_without_seed(run, best)),
        notes=tuple(_notes(project, run, best, trial.lost)),
        tolerance=tolerance,
        environment=environment,
        code_digest=code.digest(e.code_digest for e in best.executions),
        data_digests=_data_digests(project, best),
        environment_digest=best.found.environment_digest if best.found else None,
        model_digest=best.found.model_digest if best.found else None,
        reproduction_id=best.found.id if best.found else None,
        notebook=digest_of(best.done.notebook) if best.done else None,
        python=platform.python_version(),
        duration_seconds=time.monotonic() - began,
        made_at=now(),
    )
    with project.objects.held():
        if best.done:
            project.objects.write(best.done.notebook)
        certificate.keep(project, made)
    return made


_RANK = {"exact": 0, "within_tolerance": 0, "differs": 1, "could_not_run": 2}


def _checked(project: Project, run_id: str, tolerance: float | None) -> Run:
    if REPRODUCES in os.environ:
        raise UsageError("a re-execution does not execute runs again")
    if tolerance is not None and not 0 <= tolerance < math.inf:
        raise UsageError(f"not a tolerance: {tolerance}", hint="0 or more, e.g. 1e-6")
    run = history.get(project, run_id)
    if run.status == "running":
        raise UsageError(f"run {run.id} is still running", hint="wait until it ends")
    if run.status == "interrupted":
        raise UsageError(f"run {run.id} was interrupted: there is no result to reproduce")
    if run.pipeline_run_id is not None:
        raise UsageError(
            f"run {run.id} is the run of a pipeline, which `reproduce` does not execute yet",
            hint="`mlops pipeline run` executes it again; compare with `mlops diff`",
        )
    return run


def _tried(trial: _Trial, log: Log, *, is_random: bool) -> list[Attempt]:
    """Execute the slice, and wider sets of cells until one agrees."""
    tried = [trial(log.slice)]
    full, count = log.full(), 1
    while not tried[-1].agrees and len(tried[-1].executions) < len(full):
        last = tried[-1]
        wider = log.with_name(last.executions, last.missing)
        if len(wider) == len(last.executions):
            # of chance one look at everything says enough
            only_chance = is_random and last.verdict == "differs"
            wider = full if only_chance else log.wider(last.executions, count)
            count *= 2
        try:
            tried.append(trial(wider))
        except ExternalError as error:
            trial.lost = error.message
            break
    return tried


@dataclass(slots=True)
class _Trial:
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
    for dataset, number, _ in _versions(project, executions, "created_at < started_at"):
        pins[dataset] = max(number, pins.get(dataset, 0))
    return pins


def _versions(
    project: Project, executions: Sequence[Logged], where: str
) -> list[tuple[str, int, str]]:
    wanted = {e.id for e in executions}
    rows = project.catalog.rows(
        "SELECT execution_id, dataset, number, digest FROM execution_data"
        " JOIN dataset_version ON dataset_version.id = version_id"
        " JOIN cell_execution ON cell_execution.id = execution_id"
        f" WHERE execution_id BETWEEN ? AND ? AND {where}",
        (min(wanted), max(wanted)),
    )
    return [(r[1], r[2], r[3]) for r in rows if r["execution_id"] in wanted]


def _data_digests(project: Project, best: Attempt) -> dict[str, str]:
    versions = _versions(project, best.executions, "1 = 1")
    found = {f"{dataset}@{number}": digest for dataset, number, digest in versions}
    return found | (best.done.digests if best.done else {})


def _random_reasons(project: Project, run: Run) -> tuple[str, ...]:
    row = project.catalog.row("SELECT unsure FROM run WHERE id = ?", (run.id,))
    reasons = msgspec.json.decode(row["unsure"], type=list[str]) if row is not None else []
    return tuple(r.removeprefix(UNSEEDED).strip() for r in reasons if r.startswith(UNSEEDED))


def _estimators_without_seed(run: Run, best: Attempt) -> Iterator[str]:
    """Name the estimators that may have been trained by chance, when that may be why it differs."""
    if best.verdict == "differs":
        for name, value in sorted(run.parameters.items()):
            if name.endswith("random_state") and value is None:
                yield f"{name} is None"


def _notes(project: Project, run: Run, best: Attempt, lost: str | None) -> Iterator[str]:
    for execution in best.executions:
        if MASK in execution.source:
            yield f"cell [{execution.position}] is not as it was: a secret in it is masked"
    if best.done is not None:
        yield from best.done.notes
    yield from best.comparison.notes
    if best.found is not None:
        yield from _packages(project, run.environment_digest, best.found.environment_digest)
    if lost is not None:
        yield f"more cells were not tried: {lost}"


def _packages(project: Project, recorded: str | None, found: str | None) -> Iterator[str]:
    """Say which packages are other ones now."""
    if recorded is None or found is None or recorded == found:
        return
    before, after = (environment.decode(project.objects.read(d)) for d in (recorded, found))
    changed = [
        f"{name} {before.installed.get(name, 'none')} → {after.installed.get(name, 'none')}"
        for name in sorted({**before.installed, **after.installed})
        if before.installed.get(name) != after.installed.get(name)
    ]
    if before.python != after.python:
        changed.insert(0, f"python {before.python} → {after.python}")
    if changed:
        more = len(changed) - SHOWN_PACKAGES
        rest = f" and {more} more" if more > 0 else ""
        yield f"other packages now: {', '.join(changed[:SHOWN_PACKAGES])}{rest}"
