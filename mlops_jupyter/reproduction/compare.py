"""What a re-execution gave otherwise than the run: metrics, figures, predictions of the model."""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.data import trust
from mlops_jupyter.errors import IntegrityError, MlopsError
from mlops_jupyter.models import estimator
from mlops_jupyter.project import Project
from mlops_jupyter.reproduction import figure
from mlops_jupyter.runs.certificate import Difference
from mlops_jupyter.runs.metric import metric_text
from mlops_jupyter.runs.run import Artifact, Run

FIGURE_SHARE = 0.02
"""With a tolerance, a figure may differ in this share of its pixels: lines move with values."""

MISSING = "missing"

_DURATION = re.compile(
    r"(?:^|[_./ -])(?:seconds?|secs?|ms|elapsed|duration|wall|runtime|took)$"
    r"|(?:^|[_./ -])(?:fit|train|training|wall|cpu|run|score|predict)[_ -]?time$"
    r"|^system[./]",
    re.IGNORECASE,
)
"""Names of durations and of the machine's load: never the same twice."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, and what could not or need not be compared."""

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


NOTHING = Comparison((), ())


def compare(
    project: Project, recorded: Run, found: Run, tolerance: float | None = None
) -> Comparison:
    """Compare a run with its re-execution.

    Parameters
    ----------
    project : Project
    recorded, found : Run
    tolerance : float, optional
        Relative and absolute, of metrics and predictions. Default: they must be equal; NaN is
        equal to NaN.

    Raises
    ------
    IntegrityError
        A kept figure or model is damaged or missing.
    """
    notes: list[str] = []
    differences = [
        *_errors(recorded, found),
        *_metrics(project, recorded, found, tolerance, notes),
        *_figures(project, recorded, found, tolerance, notes),
        *_predictions(project, recorded, found, tolerance, notes),
    ]
    return Comparison(tuple(differences), tuple(notes))


def _errors(recorded: Run, found: Run) -> Iterator[Difference]:
    if (recorded.error or "") != (found.error or ""):
        yield Difference("error", "error", recorded.error or "none", found.error or "none")


def _metrics(
    project: Project, recorded: Run, found: Run, tolerance: float | None, notes: list[str]
) -> Iterator[Difference]:
    before, after = _steps(project, recorded.id), _steps(project, found.id)
    several = {name for name, step in [*before, *after] if step != 0}
    durations = sorted({name for name, _ in [*before, *after] if _DURATION.search(name)})
    if durations:
        notes.append(f"not compared, durations never repeat: {', '.join(durations)}")
    for key in sorted({**before, **after}):
        name, step = key
        if name in durations:
            continue
        shown = f"{name}[{step}]" if name in several else name
        if key not in after:
            yield Difference("metric", shown, _number(before[key]), MISSING)
        elif key not in before:
            yield Difference("metric", shown, MISSING, _number(after[key]))
        else:
            yield from _unequal("metric", shown, before[key], after[key], tolerance)


def _steps(project: Project, run_id: str) -> dict[tuple[str, int], float]:
    rows = project.catalog.rows("SELECT name, step, value FROM metric WHERE run_id = ?", (run_id,))
    return {(r["name"], r["step"]): math.nan if r[2] is None else r[2] for r in rows}


def _unequal(
    kind: Any, name: str, recorded: float, found: float, tolerance: float | None
) -> Iterator[Difference]:
    if recorded == found or (math.isnan(recorded) and math.isnan(found)):
        return
    apart = abs(recorded - found)
    within = tolerance is not None and math.isclose(
        recorded, found, rel_tol=tolerance, abs_tol=tolerance
    )
    by = apart if math.isfinite(apart) else None
    texts = _number(recorded), _number(found)
    if texts[0] == texts[1]:  # they differ in later digits
        texts = repr(recorded), repr(found)
    yield Difference(kind, name, *texts, by, within)


def _number(value: float) -> str:
    return metric_text(None if math.isnan(value) else value)


def _figures(
    project: Project, recorded: Run, found: Run, tolerance: float | None, notes: list[str]
) -> Iterator[Difference]:
    before, after = _images(recorded), _images(found)
    for name in sorted({**before, **after}):
        if name not in before or name not in after:
            one_text = "a figure" if name in before else MISSING
            yield Difference("figure", name, one_text, "a figure" if name in after else MISSING)
        elif before[name].digest != after[name].digest:
            read = project.objects.read
            one, other = before[name], after[name]
            share = figure.apart(read(one.digest), read(other.digest), one.media_type)
            if share is None:
                notes.append(f"{name}: other bytes; `pip install pillow` to compare its pixels")
            elif share:
                within = tolerance is not None and share <= FIGURE_SHARE
                yield Difference("figure", name, "a figure", "another", share, within)


def _images(run: Run) -> dict[str, Artifact]:
    return {a.name: a for a in run.artifacts if a.media_type.startswith("image/")}


def _predictions(
    project: Project, recorded: Run, found: Run, tolerance: float | None, notes: list[str]
) -> Iterator[Difference]:
    if recorded.model_digest == found.model_digest:
        return
    if recorded.model_digest is None or found.model_digest is None:
        yield Difference(
            "model", "model", recorded.model_kind or MISSING, found.model_kind or MISSING
        )
        return
    row = project.catalog.row("SELECT model_example FROM run WHERE id = ?", (recorded.id,))
    if row is None or row["model_example"] is None:
        notes.append("the model was not compared: no rows to try it on were kept")
        return
    try:
        with _quiet():
            yield from _outputs(project, recorded, found, row["model_example"], tolerance)
    except MlopsError as error:
        if isinstance(error, IntegrityError):
            raise
        notes.append(f"the model was not compared: {error.message}")
    except Exception as error:  # noqa: BLE001 - the user's model may raise anything
        notes.append(f"the model was not compared: {type(error).__name__}: {str(error)[:200]}")


def _outputs(
    project: Project, recorded: Run, found: Run, example: str, tolerance: float | None
) -> Iterator[Difference]:
    """Let both models predict on the rows that the run kept."""
    import cloudpickle
    import numpy as np

    trust.refuse_foreign(project, recorded.id)
    rows = cloudpickle.loads(project.objects.read(example))
    models = [estimator.load(project, run) for run in (recorded, found)]
    for method in ("predict", "predict_proba"):
        if not all(hasattr(model, method) for model in models):
            continue
        one, other = (np.asarray(getattr(model, method)(rows)) for model in models)
        name = f"{recorded.model_kind}.{method}"
        if one.shape != other.shape:
            yield Difference("model", name, f"shape {one.shape}", f"shape {other.shape}")
        elif not np.issubdtype(one.dtype, np.number) or not np.issubdtype(other.dtype, np.number):
            changed = int((one != other).sum())
            if changed:
                share = changed / one.size
                yield Difference("model", name, str(one.flat[0]), str(other.flat[0]), share)
        elif not np.array_equal(one, other, equal_nan=True):
            gaps = np.abs(one.astype(float) - other.astype(float))
            gaps[np.isnan(one) & np.isnan(other)] = 0
            worst = int(np.nan_to_num(gaps, nan=np.inf).argmax())
            yield from _unequal(
                "model", name, float(one.flat[worst]), float(other.flat[worst]), tolerance
            )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let a model of other versions predict without saying so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
