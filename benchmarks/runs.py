"""Listing runs: ours against ``mlflow.search_runs``, on the same runs in the same store.

python benchmarks/runs.py                 # 10,000 runs, 10 metrics and 10 parameters each
python benchmarks/runs.py --runs 2000
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import report

from mlops_jupyter.project import Project, init
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.runs.recorder import Execution, Findings, RunPart
from mlops_jupyter.store.objects import digest_of

START_MS = 1_700_000_000_000


def fill_catalog(project: Project, runs: int, metrics: int) -> None:
    """Record runs as a kernel does."""
    session_id = recorder.open_session(project, "study.ipynb")
    digest = digest_of(b"x = 1")
    for number in range(runs):
        run_id = recorder.open_run(project, f"run {number}", session_id=session_id)
        cell = Execution(session_id, number + 1, None, "x = 1", digest, digest, (), (),
                         "2026-01-01T00:00:00+00:00", 0.1, None)  # fmt: skip
        found = Findings(
            parameters={f"p{i}": number % (i + 2) for i in range(metrics)},
            metrics={(f"m{i}", 0): (number * 7919 + i) % 10007 / 10007 for i in range(metrics)},
        )
        recorder.record(project, cell, [RunPart(run_id, found, "finished")])


def fill_mlflow(project: Project, runs: int, metrics: int) -> None:
    """Put the same runs into MLflow's tables: its client would need 25 minutes for 10,000."""
    database = sqlite3.connect(project.folder / "mlflow" / "mlflow.db")
    with database:
        for number in range(runs):
            run_id = f"{number:032x}"
            database.execute(
                "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time,"
                " end_time, lifecycle_stage, artifact_uri, experiment_id)"
                " VALUES (?, ?, 'LOCAL', 'me', 'FINISHED', ?, ?, 'active', '', 0)",
                (run_id, f"run {number}", START_MS + number, START_MS + number + 1),
            )
            values = [(f"m{i}", (number * 7919 + i) % 10007 / 10007) for i in range(metrics)]
            for table in ("metrics", "latest_metrics"):
                database.executemany(
                    f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan)"
                    " VALUES (?, ?, ?, ?, 0, 0)",
                    [(key, value, START_MS, run_id) for key, value in values],
                )
            database.executemany(
                "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
                [(f"p{i}", str(number % (i + 2)), run_id) for i in range(metrics)],
            )
    database.close()


def seconds(call: Callable[[], object], repeat: int) -> float:
    """Return the median wall time of a call."""
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def measure(arguments: argparse.Namespace, folder: Path) -> list[tuple[str, float, float, float]]:
    """Fill both stores, and time each question on both."""
    project = init(folder)
    fill_catalog(project, arguments.runs, arguments.metrics)
    fill_mlflow(project, arguments.runs, arguments.metrics)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=project.tracking_uri)

    def search(limit: int, order: list[str] | None = None) -> object:
        return client.search_runs(["0"], max_results=limit, order_by=order)

    search(1)  # opens the store
    questions: list[tuple[str, Callable[[], object], Callable[[], object], int]] = [
        ("newest 50", lambda: history.page(project, 50), lambda: search(50), arguments.repeat),
        (
            "best 50 by a metric",
            lambda: history.page(project, 50, sort_by_metric="m0"),
            lambda: search(50, ["metrics.m0 DESC"]),
            1,
        ),
        ("newest 1,000", lambda: history.page(project, 1000), lambda: search(1000), 1),
    ]
    rows = []
    for name, ours, theirs, repeat in questions:
        mine, peer = seconds(ours, arguments.repeat), seconds(theirs, repeat)
        rows.append((name, 1000 * mine, 1000 * peer, peer / mine))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--metrics", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(arguments, Path(folder))
    title = f"A list of {arguments.runs:,} runs, {arguments.metrics} metrics each"
    report.table(title, ["question", "ours, ms", "mlflow.search_runs, ms", "mlflow / ours"], rows)
    figures = {name: {"ours_ms": a, "mlflow_ms": b, "ratio": c} for name, a, b, c in rows}
    report.write(arguments.json, {"runs": figures})


if __name__ == "__main__":
    main()
