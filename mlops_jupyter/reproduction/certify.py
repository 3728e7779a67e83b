"""What became of attempts to reproduce a run, as its certificate."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from mlops_jupyter.project import Project, now
from mlops_jupyter.reproduction.attempt import Attempt, Trial, versions_of
from mlops_jupyter.runs import code
from mlops_jupyter.runs import environment as environments
from mlops_jupyter.runs.certificate import Certificate
from mlops_jupyter.runs.run import Run
from mlops_jupyter.runs.secret import MASK
from mlops_jupyter.store.objects import digest_of

SHOWN_PACKAGES = 5

UNSEEDED = "unseeded:"
"""How the reasons begin that name a random source without a seed."""


def certified(
    trial: Trial,
    tried: Sequence[Attempt],
    best: Attempt,
    *,
    random: Sequence[str],
    environment: Literal["here", "lock"],
    duration_seconds: float,
) -> Certificate:
    """Return the certificate of some attempts; it is not written down yet.

    Parameters
    ----------
    trial : Trial
    tried : sequence of Attempt
        All of them, the run's own slice first.
    best : Attempt
        The one that it is of.
    random : sequence of str
        Sources of randomness without a seed.
    environment : str
        ``here`` or ``lock``.
    duration_seconds : float
        Of all attempts.
    """
    project, run, found = trial.project, trial.run, best.found
    return Certificate(
        id=secrets.token_hex(8),
        run_id=run.id,
        verdict=best.verdict,
        reason=best.reason,
        cause=best.cause,
        positions=tuple(e.position for e in best.executions),
        widened_by=len(best.executions) - len(tried[0].executions),
        attempts=len(tried),
        differences=best.comparison.differences,
        unseeded=(*random, *_estimators_without_seed(run, best)),
        notes=tuple(_notes(project, run, best, trial.lost)),
        tolerance=trial.tolerance,
        environment=environment,
        code_digest=code.digest(e.code_digest for e in best.executions),
        data_digests=_data_digests(project, best),
        environment_digest=found.environment_digest if found else None,
        model_digest=found.model_digest if found else None,
        reproduction_id=found.id if found else None,
        notebook=digest_of(best.done.notebook) if best.done else None,
        python=platform.python_version(),
        duration_seconds=duration_seconds,
        made_at=now(),
    )


def _data_digests(project: Project, best: Attempt) -> dict[str, str]:
    versions = versions_of(project, best.executions)
    found = {f"{dataset}@{number}": digest for dataset, number, digest in versions}
    return found | (best.done.digests if best.done else {})


def random_reasons(project: Project, run: Run) -> tuple[str, ...]:
    """Return the sources of randomness without a seed that the run was seen to use."""
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
    before, after = (environments.decode(project.objects.read(d)) for d in (recorded, found))
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
