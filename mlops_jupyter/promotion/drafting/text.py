"""The text of a drafted policy: YAML in which each part says why it is there."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines import history as pipeline_history
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.scoring import metric
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.statistics.interval import Interval
from mlops_jupyter.runs.metric import metric_text
from mlops_jupyter.runs.run import Run


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of the run that a policy is drafted from.

    Attributes
    ----------
    run : Run
    data : DatasetVersion
        On which it was scored.
    asked : str
        That version as it is written in the draft.
    label : str
    scores : Scores
    """

    run: Run
    data: DatasetVersion
    asked: str
    label: str
    scores: Scores


def written(
    project: Project, found: Found, chosen: str, interval: Interval, warnings: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what the draft means, and its lines."""
    run = found.run
    kind = run.model_kind or "model"
    lines = [
        f"# Drafted from run {run.id[:8]} ({_comment(kind)}). Change what does not fit.",
        "# `mlops gate` judges by it; `mlops promote` gives the alias `champion`.",
    ]
    said: dict[str, Any] = {}
    pipeline = _pipeline(project, run)
    if pipeline is not None:
        said["pipeline"] = pipeline
        lines.append(f"pipeline: {_scalar(pipeline)}")
    lines += [
        "evaluate:",
        "  # Challenger and champion are both scored on these rows, and only on rows that",
        "  # neither was trained on; the label is the column to predict.",
        *(f"  # CAREFUL: {_comment(warning)}." for warning in warnings),
        f"  data: {_scalar(found.asked)}",
        f"  label: {_scalar(found.label)}",
        "checks:",
    ]
    said["evaluate"] = {"data": found.asked, "label": found.label}
    said["checks"] = []
    for comment, check in _checks(project, found, chosen, interval):
        said["checks"].append(check)
        lines += [f"  # {line}" for line in comment]
        lines.append(f"  - {_flow(check)}")
    return said, tuple(lines)


def _limit(name: str, interval: Interval) -> tuple[str, float]:
    """Return a limit that the run itself keeps: its bound, rounded away from it."""
    above = metric.get(name).greater_is_better
    bound = interval.lower if above else interval.upper
    if not math.isfinite(bound):
        bound = interval.value
    if bound == 0:
        return ("at_least" if above else "at_most"), 0.0
    digits = 1 - math.floor(math.log10(abs(bound)))
    scale = 10.0**digits
    rounded = (math.floor if above else math.ceil)(bound * scale) / scale
    return ("at_least" if above else "at_most"), round(rounded, max(digits, 0))


def _checks(
    project: Project, found: Found, chosen: str, interval: Interval
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    side, limit = _limit(chosen, interval)
    compare: dict[str, Any] = {"metric": chosen}
    if chosen in {"roc_auc", "accuracy"}:
        compare["margin"] = 0.01
    yield (
        (
            "Against the champion on the same rows: not worse by more than the margin,",
            "chance allowed for. What the rows do not settle is held, not passed.",
        ),
        {"compare": compare},
    )
    value, lower, upper = (metric_text(n, 3) for n in (interval.value, interval.lower,
                                                        interval.upper))  # fmt: skip
    yield (
        (
            f"Whoever is champion. This run: {value} ({lower} to {upper}) on these rows;",
            "the limit is the end of that interval, rounded.",
        ),
        {"floor": {"metric": chosen, side: limit}},
    )
    if (project.root / "contracts" / f"{found.data.dataset}.py").is_file():
        yield (
            (
                f"The rows keep contracts/{found.data.dataset}.py: types, ranges, what may be",
                "missing. Broken data is no evidence.",
            ),
            {"schema": {}},
        )
    trained = sorted({ref.partition("@")[0] for ref in found.run.data} - {found.data.dataset})
    is_read = found.data.ref in found.run.data
    yield (
        (
            "No row stands in the training data too, and no single column gives the label",
            "away. `time: COLUMN` says that training ends before evaluation begins.",
        ),
        {"leakage": {"train": f"{trained[0]}@latest"} if is_read and trained else {}},
    )
    yield (
        (
            "Predictions are there for all rows, are among the labels, and are not all the",
            "same. `range: [lowest, highest]` bounds numbers.",
        ),
        {"predictions": {}},
    )


def _pipeline(project: Project, run: Run) -> str | None:
    """Return the pipeline that made a run, if ``mlops.yaml`` still declares it."""
    if run.pipeline_run_id is None:
        return None
    try:
        name = pipeline_history.get(project, run.pipeline_run_id).pipeline
    except NotFoundError:
        return None
    return name if name in project.settings.pipelines else None


def _flow(value: Any) -> str:
    """Write a mapping in one line."""
    if isinstance(value, dict):
        inside = ", ".join(f"{key}: {_flow(one)}" for key, one in value.items())
        if len(value) == 1 and isinstance(next(iter(value.values())), dict):
            return inside
        return f"{{{inside}}}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    import yaml

    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./@-]*", str(value))
    style = (
        '"'
        if isinstance(value, str) and not (is_plain and yaml.safe_load(value) == value)
        else None
    )
    text: str = yaml.safe_dump(value, default_style=style, allow_unicode=True, width=math.inf)
    return text.removesuffix("...\n").strip()


def _comment(text: str) -> str:
    one = "".join(c if c.isprintable() else " " for c in text)
    return one if len(one) <= 200 else one[:199] + "…"
