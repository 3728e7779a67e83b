"""The mirror writes our runs into a real MLflow, once each, and waits when it cannot."""

from __future__ import annotations

import os
import signal
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
from mlops_jupyter.runs import environment, history, mirror, recorder
from mlops_jupyter.runs.recorder import Figure, Findings, FittedModel, RunPart
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


def test_a_run_is_in_mlflow_with_all_that_it_holds(project: Project) -> None:
    model = fitted()
    findings = Findings(
        parameters={"depth": 3, "größe": "x", "long": "y" * 7000},
        metrics={("auc", 0): 0.75, ("nan", 0): float("nan")},
        figures=(Figure("image/png", b"\x89PNG"),),
        model=model,
        environment=environment.encode(environment.capture()),
    )
    run_id = record(project, "best <b>", findings)

    assert mirror.drain(project) == 1
    assert mirror.drain(project) == 0

    run = client(project).get_run(history.get(project, run_id).mlflow_run_id)
    assert run.info.run_name == "best <b>"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["auc"] == 0.75
    assert run.data.metrics["nan"] != run.data.metrics["nan"]
    assert run.data.params["depth"] == "3"
    assert len(run.data.params["long"]) == 6000
    assert run.data.tags["mlops.run_id"] == run_id
    assert run.data.tags["mlflow.source.name"] == "study.ipynb"
    files = {f.path for f in client(project).list_artifacts(run.info.run_id)}
    assert files == {"code", "environment", "figures", "parameters.json"}

    predict = (
        "import sys, mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model(sys.argv[2])\n"
        "print(model.predict(pd.DataFrame({'a': [0.0, 3.0], 'b': [1.0, 0.0]})).tolist())\n"
        "assert 'mlops_jupyter' not in sys.modules\n"
    )
    model_id = project.catalog.rows("SELECT mlflow_model_id FROM run")[0][0]
    predicted = subprocess.run(
        [sys.executable, "-c", predict, project.tracking_uri, f"models:/{model_id}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert predicted.stdout.splitlines()[-1:] == ["[0, 1]"], predicted.stderr


def test_copying_twice_makes_no_second_run(project: Project) -> None:
    record(project, "once", Findings(metrics={("auc", 0): 0.5}, model=fitted()))
    mirror.drain(project)
    with project.catalog.transaction() as rows:  # as after a kill before the row was marked
        rows.execute("UPDATE outbox SET done_at = NULL")
        rows.execute("UPDATE run SET mlflow_run_id = NULL, mlflow_model_id = NULL")
    assert mirror.drain(project) == 1

    assert len(mlflow_runs(project)) == 1
    experiment = client(project).get_experiment_by_name(project.experiment)
    assert len(client(project).search_logged_models([experiment.experiment_id])) == 1


def test_the_background_mirror_copies_and_ends_by_itself(project: Project) -> None:
    record(project, "background", Findings(metrics={("auc", 0): 0.5}))
    mirror.start(project)
    deadline = time.monotonic() + 60
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


def test_a_mirror_killed_in_the_middle_loses_and_doubles_nothing(project: Project) -> None:
    for number in range(6):
        record(project, f"run {number}", Findings(metrics={("auc", 0): number / 10}))
    killed = subprocess.Popen([sys.executable, "-m", mirror.__name__, str(project.root)])
    deadline = time.monotonic() + 60
    while history.waiting(project)[0] == 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()

    mirror.drain(project)
    names = sorted(run.info.run_name for run in mlflow_runs(project))
    assert names == [f"run {number}" for number in range(6)]


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
