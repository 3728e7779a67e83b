"""Scoring a model version on the rows of a dataset version."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from mlops_jupyter.data import versions
from mlops_jupyter.project import Project, now
from mlops_jupyter.promotion.decision import Evaluation
from mlops_jupyter.promotion.scoring import metric
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.scoring.prediction import predict
from mlops_jupyter.promotion.scoring.rows import Rows
from mlops_jupyter.promotion.statistics import loss


def evaluate(project: Project, model: str, version: int, estimator: Any, rows: Rows) -> Evaluation:
    """Score a version, and keep its predictions row by row.

    Parameters
    ----------
    project : Project
    model, version : str, int
        What is scored.
    estimator : fitted estimator
        See `prediction.predict`.
    rows : Rows
        The same for all versions that are to be compared.

    Raises
    ------
    UsageError
        It cannot be scored on these rows.
    CellFailedError
        The estimator's own code raised.
    """
    scores = predict(f"{model} v{version}", estimator, rows)
    return keep(project, model, version, scores, rows, metric.score(scores))


def keep(
    project: Project, model: str, version: int, scores: Scores, rows: Rows,
    metrics: dict[str, float | None], *, is_baseline: bool = False,
) -> Evaluation:  # fmt: skip
    """Keep what a version predicted row by row, with its metrics.

    Parameters
    ----------
    is_baseline : bool
        It is a champion that another is compared with, and no candidate.
    """
    with project.objects.held():
        made = _made(project, model, version, scores, rows, metrics)
        with project.catalog.transaction() as connection:
            connection.execute(
                "INSERT INTO evaluation (id, model, version, version_id, label, row_count,"
                " left_out, rows_digest, metrics, scores, evaluated_at, is_baseline)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    made.id, model, version, versions.row_id(project, rows.data), made.label,
                    made.row_count, made.left_out, made.rows_digest,
                    msgspec.json.encode(metrics).decode(), made.scores, now(), int(is_baseline),
                ),
            )  # fmt: skip
    return made


def _made(
    project: Project, model: str, version: int, scores: Scores, rows: Rows,
    metrics: dict[str, float | None],
) -> Evaluation:  # fmt: skip
    return Evaluation(
        id=secrets.token_hex(8),
        model=model,
        version=version,
        data=rows.data.ref,
        label=rows.label,
        row_count=len(rows.positions),
        left_out=rows.left_out,
        rows_digest=rows.digest,
        metrics=metrics,
        scores=project.objects.write(_as_stream(_columns(scores, rows, metrics))),
    )


LOSSES: dict[str, Callable[[Scores], Any]] = {
    "accuracy": lambda scores: ~loss.hits(scores),
    "log_loss": loss.log_loss,
    "brier": loss.brier,
    "mae": loss.mae,
}
"""Metrics that are a mean over the rows: what each row adds is kept."""


def _as_stream(columns: Iterable[tuple[str, Any]]) -> bytes:
    import pyarrow as pa

    table = pa.table(dict(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _columns(
    scores: Scores, rows: Rows, metrics: dict[str, float | None]
) -> Iterator[tuple[str, Any]]:
    yield "row", rows.positions
    if rows.ids is not None:
        yield "id", rows.ids.array
    yield "label", scores.truth
    yield "prediction", scores.predicted
    if scores.probabilities is not None:
        for position, value in enumerate(scores.classes):
            yield f"probability of {value}", scores.probabilities[:, position]
    elif scores.decision is not None and scores.decision.ndim == 1:
        yield "decision", scores.decision
    for name, losses in LOSSES.items():
        if metrics.get(name) is not None:
            yield f"loss of {name}", losses(scores)
