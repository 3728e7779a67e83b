"""The mirror copies in the background, waits when MLflow is away, and tries again.

What MLflow holds then is in tests/contracts/test_mirror.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.errors import ExternalError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history, mirror, recorder
from mlops_jupyter.runs.recorder import Findings, FittedModel, RunPart
from tests.runs.test_recorder import executed


def record(project: Project, name: str, findings: Findings) -> str:
    session_id = recorder.open_session(project, "study.ipynb")
    run_id = recorder.open_run(project, name, notebook="study.ipynb", session_id=session_id)
    cell = executed(session_id, 1, "model.fit(X, y)")
    recorder.record(project, cell, [RunPart(run_id, findings, "finished")])
    return run_id


def fitted() -> FittedModel:
    features = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    model = LogisticRegression().fit(features, [0, 0, 1, 1])
    return FittedModel("LogisticRegression", cloudpickle.dumps(model), cloudpickle.dumps(features))


def client(project: Project):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=project.tracking_uri)


def mlflow_runs(project: Project) -> list:
    experiment = client(project).get_experiment_by_name(project.experiment)
    return list(client(project).search_runs([experiment.experiment_id]))


def test_the_background_mirror_copies_and_ends_by_itself(project: Project) -> None:
    record(project, "background", Findings(metrics={("auc", 0): 0.5}))
    mirror.start(project)
    deadline = time.monotonic() + 240
    while history.waiting(project)[0] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert history.waiting(project) == (0, None), (project.folder / mirror.LOG).read_text()
    assert len(mlflow_runs(project)) == 1


def test_runs_wait_while_mlflow_is_away_and_are_copied_later(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(project, "patient", Findings(metrics={("auc", 0): 0.5}))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLOPS_MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(ExternalError, match="could not be copied"):
        mirror.drain(open_project(project.root))
    assert history.waiting(project)[0] == 1
    assert history.waiting(project)[1]

    monkeypatch.delenv("MLOPS_MLFLOW_TRACKING_URI")
    assert mirror.drain(open_project(project.root)) == 1
    assert len(mlflow_runs(project)) == 1


def test_drain_ends_the_runs_of_dead_kernels(project: Project) -> None:
    script = (
        "import os, signal\n"
        "from mlops_jupyter.project import open_project\n"
        "from mlops_jupyter.runs import recorder\n"
        "project = open_project()\n"
        "recorder.open_run(project, 'doomed', session_id=recorder.open_session(project, None))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    mine = recorder.open_session(open_project(), None)
    recorder.open_run(project, "alive", session_id=mine)
    assert mirror.drain(project) == 1
    assert [run.info.status for run in mlflow_runs(project)] == ["KILLED"]
    assert {run.name: run.status for run in history.page(project).runs} == {
        "doomed": "interrupted",
        "alive": "running",
    }


def test_drain_leaves_mlflow_of_this_process_as_it_was(project: Project, tmp_path: Path) -> None:
    import mlflow

    mine = f"sqlite:///{tmp_path}/mine.db"
    mlflow.set_tracking_uri(mine)
    try:
        record(project, "quiet", Findings(model=fitted()))
        mirror.drain(project)
        assert mlflow.get_tracking_uri() == mine
        assert mlflow.active_run() is None
    finally:
        mlflow.set_tracking_uri(None)
