"""Execute a run again from clean state, compare, and certify what came of it."""

from __future__ import annotations

import math
import os
import time
from typing import Literal

from mlops_jupyter.errors import ExternalError, UsageError
from mlops_jupyter.project import REPRODUCES, Project
from mlops_jupyter.reproduction.attempt import Attempt, Progress, Trial
from mlops_jupyter.reproduction.certify import certified, random_reasons
from mlops_jupyter.reproduction.locked import locked
from mlops_jupyter.reproduction.log import Log, log_of
from mlops_jupyter.reproduction.replay import Place
from mlops_jupyter.runs import certificate, history
from mlops_jupyter.runs.certificate import Certificate
from mlops_jupyter.runs.run import Run


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
    trial = Trial(project, run, place, tolerance, timeout_seconds, progress)
    random = random_reasons(project, run)
    tried = _tried(trial, log, is_random=bool(random)) if widen else [trial(log.slice)]
    best = min(tried, key=lambda attempt: _RANK[attempt.verdict])
    seconds = time.monotonic() - began
    made = certified(
        trial, tried, best, random=random, environment=environment, duration_seconds=seconds
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
    if history.is_of_pipeline(project, run):
        raise UsageError(
            f"run {run.id} is the run of a pipeline, which `reproduce` does not execute yet",
            hint="`mlops pipeline run` executes it again; compare with `mlops diff`",
        )
    return run


def _tried(trial: Trial, log: Log, *, is_random: bool) -> list[Attempt]:
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
