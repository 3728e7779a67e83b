"""A project with a past, as rows: what the panel looks like after a week of work."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from mlops_jupyter.project import Project
from mlops_jupyter.runs import certificate
from mlops_jupyter.runs.certificate import Certificate
from tests.ui.decided import decide

NOW = datetime.now(UTC)


def tell(project: Project) -> None:
    """Write datasets, runs, pipeline runs, model versions and decisions."""
    _datasets(project)
    runs = _runs(project)
    _pipelines(project)
    decide(project, runs)


def _ago(**past: float) -> str:
    return (NOW - timedelta(**past)).isoformat(timespec="microseconds")


def _insert(project: Project, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    with project.catalog.transaction() as rows:
        rows.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def _datasets(project: Project) -> None:
    columns = [
        {"name": "month", "type": "int64", "missing": 0},
        {"name": "carrier", "type": "str", "missing": 0},
        {"name": "dep_delay", "type": "float64", "missing": 8_255},
        {"name": "arr_delay", "type": "float64", "missing": 9_430},
        {"name": "distance", "type": "int64", "missing": 0},
    ]
    story = [
        ("flights", 1, 27_004, 3_100_000, "January 2013", 9.0),
        ("flights", 2, 51_955, 6_000_000, "with February", 6.2),
        ("flights", 3, 80_789, 9_300_000, "with March", 3.1),
        ("flights", 4, 109_119, 12_600_000, "with April", 0.2),
        ("weather", 1, 26_115, 2_400_000, None, 9.0),
    ]
    for dataset, number, rows, size, note, days in story:
        _insert(
            project,
            "dataset_version",
            dataset=dataset,
            number=number,
            digest=f"blake3:{number:064x}",
            kind="frame",
            manifest="blake3:" + "f" * 64,
            row_count=rows,
            columns=json.dumps(columns),
            size_bytes=size,
            note=note,
            created_at=_ago(days=days),
        )
    _insert(
        project,
        "dataset_version",
        dataset="airports.csv",
        number=1,
        digest="blake3:" + "9" * 64,
        kind="file",
        manifest="blake3:" + "e" * 64,
        row_count=None,
        columns="[]",
        size_bytes=108_416,
        note=None,
        created_at=_ago(days=9),
    )


SOURCES = (
    """\
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score""",
    """\
flights = mlops_jupyter.load('flights@4')
late = flights['arr_delay'] > 15  # the question
X, y = features(flights), late""",
    """\
%%track "deeper trees"
depth = 8
learning_rate = 0.1
model = HistGradientBoostingClassifier(max_depth=depth, learning_rate=learning_rate)
model.fit(X_train, y_train)
p = model.predict_proba(X_test)[:, 1]
roc_auc = roc_auc_score(y_test, p)
log_loss_ = log_loss(y_test, p)""",
)


def _runs(project: Project) -> list[str]:
    _insert(
        project,
        "session",
        id="5" * 16,
        host="elsewhere",
        pid=1,
        notebook="a.ipynb",
        started_at=_ago(days=4),
    )
    for number, source in enumerate(SOURCES, 1):
        _insert(project, "source", digest=f"blake3:{number:064x}", text=source)
        _insert(
            project,
            "cell_execution",
            id=number,
            session_id="5" * 16,
            position=number,
            cell_id=None,
            source_digest=f"blake3:{number:064x}",
            code_digest=f"blake3:{number:064x}",
            reads="[]",
            writes="[]",
            started_at=_ago(days=3),
            duration_seconds=[0.41, 0.087, 12.4][number - 1],
        )
    story: list[tuple[str, str, dict[str, float], dict[str, Any], dict[str, float], str | None]] = [
        ("baseline", "finished", {"roc_auc": 0.7012, "log_loss": 0.5123},
         {"C": 1.0, "penalty": "l2"}, {"days": 3.2}, None),
        ("baseline, all carriers", "finished", {"roc_auc": 0.7344, "log_loss": 0.4871},
         {"C": 1.0, "penalty": "l2"}, {"days": 3.1}, None),
        ("boosted trees", "finished",
         {"roc_auc": 0.78123, "log_loss": 0.4412, "brier": 0.1423, "rows": 27321.0},
         {"depth": 5, "learning_rate": 0.1, "max_iter": 200, "seed": 7}, {"days": 1.2}, None),
        ("no learning rate", "failed", {}, {"depth": 5, "learning_rate": -1},
         {"hours": 5}, "ValueError: learning_rate must be greater than 0, got -1"),
        ("wide search over everything that there is", "interrupted", {"roc_auc": 0.7801},
         {"depth": [3, 5, 8], "folds": 5}, {"hours": 3}, None),
        ("deeper trees", "finished",
         {"roc_auc": 0.79456, "log_loss": 0.4301, "brier": 0.1388, "rows": 27321.0},
         {"depth": 8, "learning_rate": 0.1, "max_iter": 200, "seed": 7}, {"minutes": 12}, None),
        ("lower learning rate", "running", {}, {"depth": 8, "learning_rate": 0.05},
         {"seconds": 8}, None),
    ]  # fmt: skip
    ids = []
    for number, (name, status, metrics, parameters, past, error) in enumerate(story, 1):
        run = f"{number:016x}"
        ids.append(run)
        ended = None if status == "running" else (NOW - timedelta(**past) + timedelta(seconds=13.2))
        _insert(
            project, "run", id=run, name=name, status=status, notebook="flights/delays.ipynb",
            started_at=_ago(**past), ended_at=ended and ended.isoformat(), error=error,
            git_commit="4f2c9e1b" * 5, git_dirty=1, code_digest="blake3:" + "c" * 64,
            model_digest="blake3:" + "d" * 64 if metrics else None,
            model_kind="HistGradientBoostingClassifier" if metrics else None,
            mlflow_run_id="8c1f0d5b2c7e4f6f9d5f4b8a3b2e1d0c" if number < 6 else None,
        )  # fmt: skip
        for key, value in metrics.items():
            _insert(project, "metric", run_id=run, name=key, step=0, value=value)
        for key, value in parameters.items():
            _insert(project, "parameter", run_id=run, name=key, value=json.dumps(value))
        if number > 1:
            _insert(project, "run_data", run_id=run, version_id=min(number, 4))
    for cell in (1, 2, 3):
        _insert(project, "run_cell", run_id=ids[5], execution_id=cell)
    _proof(project, ids[5])
    png = _figure()
    _insert(
        project, "artifact", run_id=ids[5], name="figure-1.png", media_type="image/png",
        digest=project.objects.write(png), size_bytes=len(png),
    )  # fmt: skip
    _insert(project, "outbox", run_id=ids[5], created_at=_ago(minutes=11))
    return ids


def _proof(project: Project, run: str) -> None:
    """Give a run a training curve, a certificate, and a doubt."""
    for step in range(60):
        for name, floor in (("train_loss", 0.31), ("valid_loss", 0.41)):
            value = floor + 0.35 * 0.93**step + (0.0004 * step if name[0] == "v" else 0)
            _insert(project, "metric", run_id=run, name=name, step=step, value=value)
    doubt = "unseeded: execution 3 draws from numpy.random, which no cell has seeded"
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE run SET unsure = ? WHERE id = ?", (json.dumps([doubt]), run))
    certificate.keep(
        project,
        Certificate(
            id="c" * 16, run_id=run, verdict="exact", reason=None, cause=None,
            positions=(1, 2, 3), widened_by=0, attempts=1, differences=(), unseeded=(), notes=(),
            tolerance=None, environment="here", code_digest="blake3:" + "c" * 64,
            data_digests={}, environment_digest=None, model_digest=None, reproduction_id=None,
            notebook=None, python="3.11.7", duration_seconds=21.0, made_at=_ago(minutes=2),
        ),
    )  # fmt: skip


def _figure() -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="tight")
    axes = figure.subplots()
    steps = [i / 40 for i in range(41)]
    axes.plot(steps, [s ** (1 / 3.5) for s in steps], label="deeper trees")
    axes.plot(steps, steps, color="0.7", linestyle=":")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()


def _pipelines(project: Project) -> None:
    story: list[tuple[str, str, dict[str, float], list[tuple[str, str, float]], str | None]] = [
        ("a", "finished", {"days": 3},
         [("load", "finished", 2.1), ("features", "finished", 4.0), ("fit", "finished", 12.9)],
         None),
        ("b", "failed", {"hours": 4},
         [("load", "finished", 2.2), ("features", "failed", 0.3), ("fit", "queued", 0)],
         "KeyError: 'dep_delay'"),
        ("c", "finished", {"hours": 3},
         [("load", "finished", 2.4), ("features", "finished", 4.2), ("fit", "finished", 13.7)],
         None),
        ("d", "running", {"seconds": 9},
         [("load", "finished", 2.3), ("features", "running", 0), ("fit", "queued", 0)], None),
    ]  # fmt: skip
    for month, (run, status, past, steps, error) in enumerate(story, 1):
        began = NOW - timedelta(**past)
        _insert(
            project, "pipeline_run", id=run * 16, pipeline="delays", notebook="train.ipynb",
            notebook_digest="blake3:" + "a" * 64, parameters=json.dumps({"month": month}),
            status=status, host="elsewhere", pid=1, started_at=began.isoformat(),
            ended_at=None if status == "running" else (began + timedelta(seconds=21)).isoformat(),
            # who has not beaten for two minutes is taken for dead, and the tests take longer
            beat_at=(NOW + timedelta(hours=1)).isoformat(),
        )  # fmt: skip
        for position, (step, state, seconds) in enumerate(steps):
            ended = (began + timedelta(seconds=seconds)).isoformat()
            _insert(
                project, "step_run", id=f"{run}{step}", pipeline_run_id=run * 16, step=step,
                position=position, status=state, error=error if state == "failed" else None,
                started_at=None if state == "queued" else began.isoformat(),
                ended_at=ended if state in {"finished", "failed"} else None,
            )  # fmt: skip
