"""``reproducible``: the challenger's run, executed again from clean state, gives the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops_jupyter.config import Reproducible
from mlops_jupyter.data import trust
from mlops_jupyter.errors import (
    CellFailedError,
    ConflictError,
    ExternalError,
    StoppedError,
    UsageError,
)
from mlops_jupyter.models import estimator
from mlops_jupyter.pipelines.repeat import repeat
from mlops_jupyter.project import REPRODUCES
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks.naming import counted, in_one_line
from mlops_jupyter.promotion.checks.words import written
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.scoring import prediction
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.reproduction.compare import compare
from mlops_jupyter.reproduction.reproduce import reproduce
from mlops_jupyter.runs import certificate, history
from mlops_jupyter.runs.certificate import Certificate, Difference
from mlops_jupyter.runs.run import Run

FIRST = 3
"""Differences that the sentence names."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of it: the run that it gave, or why there is none."""

    verdict: Any
    why: str
    differences: Sequence[Difference] = ()
    found: Run | None = None


def judge(case: Case, check: Reproducible) -> Iterator[CheckResult]:
    """Execute the run again, and compare metrics, figures and predictions.

    A run of cells in a fresh kernel and an empty folder, see `reproduction.reproduce`; the
    newest certificate of the run counts if it says enough. A run of a pipeline with all its
    steps, see `pipelines.repeat`. What is executed is marked as a re-execution: it is no run
    that is listed, no version of a model, and nobody looks at its score.

    Raises
    ------
    StoppedError
        Somebody ended it.
    IntegrityError
        Stored data is damaged or missing.
    """
    made = _outcome(case, check)
    outside = [one for one in made.differences if not one.within]
    if made.verdict == "pass" and made.found is not None:
        outside += _on_the_rows(case, made.found, check.tolerance)
    if outside:
        made = replace(made, verdict="fail", why=f"{made.why}, and differs: {_told(outside)}")
    same = "the same" if check.tolerance == 0 else f"the same within {written(check.tolerance)}"
    yield CheckResult(
        check=f"run {case.challenger.run.id}, executed again, gives {same}",
        verdict=made.verdict,
        challenger=None,
        champion=None,
        why=in_one_line(made.why, 500),
        kind="reproducible",
        id="reproducible",
        value=None if made.verdict in {"hold", "error"} else float(len(outside)),
        limit=0.0,
        side="below",
        method="executed again",
    )


def _outcome(case: Case, check: Reproducible) -> _Outcome:
    run = case.challenger.run
    try:
        trust.refuse_foreign(case.project, run.id)
        if REPRODUCES in os.environ:
            return _Outcome("hold", "this is a re-execution, which does not execute runs again")
        if history.is_of_pipeline(case.project, run):
            return _of_pipeline(case, check)
        return _of_cells(case, check)
    except StoppedError:
        raise
    except CellFailedError as error:
        return _Outcome("error", f"its code raised when it was executed again: {error.message}")
    except (UsageError, ConflictError, ExternalError) as error:
        return _Outcome("hold", f"it cannot be executed again here: {error.message}")


def _of_pipeline(case: Case, check: Reproducible) -> _Outcome:
    run = case.challenger.run
    if run.pipeline_run_id is None:
        raise UsageError(f"run {run.id} is a part of a pipeline run; judge that of the whole")
    again = repeat(case.project, run.pipeline_run_id)
    assert again.run_id is not None
    found = history.get(case.project, again.run_id)
    made = compare(case.project, run, found, check.tolerance or None)
    why = f"{again.pipeline} was executed again, {counted(len(again.steps), 'step')}"
    return _Outcome("pass", _noted(why, made.notes), made.differences, found)


def _of_cells(case: Case, check: Reproducible) -> _Outcome:
    run, known = case.challenger.run, certificate.newest(case.project, case.challenger.run.id)
    why = "its cells were executed again"
    if known is not None and _says_enough(known, check.tolerance):
        why = f"certificate {known.id} of {known.made_at[:16]} says so: its cells were executed"
    else:
        known = reproduce(case.project, run.id, tolerance=check.tolerance or None)
    if known.verdict == "could_not_run":
        verdict = "error" if known.cause == "cell" else "hold"
        return _Outcome(verdict, f"it could not be executed again: {known.reason}")
    found = None
    if known.reproduction_id is not None:
        found = history.get(case.project, known.reproduction_id)
    return _Outcome("pass", _noted(why, known.notes), known.differences, found)


def _says_enough(known: Certificate, tolerance: float) -> bool:
    """Tell whether a certificate answers what is asked.

    One that differs does: who tries again until it agrees has reproduced nothing. `mlops
    reproduce` makes a newer one.
    """
    if known.verdict == "exact":
        return True
    asked = known.tolerance or 0.0
    return (known.verdict == "within_tolerance" and asked <= tolerance) or (
        known.verdict == "differs" and asked >= tolerance
    )


def _on_the_rows(case: Case, found: Run, tolerance: float) -> list[Difference]:
    """Compare what both models say of the evaluation rows."""
    if found.model_digest is None or found.model_digest == case.challenger.version.model_digest:
        return []  # `compare` says when there is none
    name = f"{case.challenger} executed again"
    try:
        again = prediction.predict(name, estimator.load(case.project, found), case.rows)
    except (UsageError, CellFailedError) as error:
        return [Difference("model", "predictions", "some", in_one_line(error.message, 100))]
    return list(_apart(case.challenger.scores, again, tolerance))


def _apart(before: Scores, after: Scores, tolerance: float) -> Iterator[Difference]:
    import numpy as np

    for name in ("predicted", "probabilities", "decision"):
        one, other = getattr(before, name), getattr(after, name)
        if one is None and other is None:
            continue
        if one is None or other is None or one.shape != other.shape:
            yield Difference("model", name, _shape(one), _shape(other))
            continue
        if one.dtype.kind in "biuf" and other.dtype.kind in "biuf":
            same = np.isclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        else:
            same = one == other
        rows = int((~same).reshape(len(same), -1).any(axis=1).sum())
        if rows:
            first = int(np.flatnonzero(~same.ravel())[0])
            yield Difference(
                "model", f"{name} of {rows:,} of {len(same):,} evaluation rows, such as",
                str(one.ravel()[first]), str(other.ravel()[first]),
            )  # fmt: skip


def _shape(values: Any) -> str:
    return "none" if values is None else f"shape {values.shape}"


def _told(differences: Sequence[Difference]) -> str:
    more = len(differences) - FIRST
    rest = f"; and {more:,} more" if more > 0 else ""
    return "; ".join(in_one_line(str(one), 120) for one in differences[:FIRST]) + rest


def _noted(why: str, notes: Sequence[str]) -> str:
    told = [note for note in notes if "durations never repeat" not in note]
    return "; ".join([why, *(in_one_line(note, 120) for note in told[:2])])
