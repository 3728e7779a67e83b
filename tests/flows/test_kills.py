"""What a kernel has acknowledged is there after it was killed, and once in MLflow."""

from __future__ import annotations

from pathlib import Path

import kills
import pytest
from mlflow import MlflowClient

from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror
from tests.runs.test_recorder import track

KILLS = 10


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_double(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the tests' own setting lets a mirror end at once; here it goes on from kernel to kernel
    monkeypatch.delenv("MLOPS_MIRROR_IDLE_SECONDS")
    found = kills.kill(tmp_path / "study", KILLS, seed=4)
    assert found.wrong == []
    assert found.kills == KILLS
    assert found.acknowledged >= KILLS, "kernels were killed before they did anything"
    assert found.in_mlflow == found.in_catalog >= found.acknowledged
    assert (found.doubles, found.missing) == (0, 0)


def test_what_is_lost_or_double_is_noticed(project: Project) -> None:
    run_id = track(project, "once", {("auc", 0): 0.5})
    mirror.drain(project)
    client = MlflowClient(tracking_uri=project.tracking_uri)
    experiment = client.get_experiment_by_name(project.experiment)
    client.create_run(experiment.experiment_id, tags={"mlops.run_id": run_id})
    track(project, "later", {("auc", 0): 0.5})
    known = [kills.Expected("once", {}, {"auc": 0.75}), kills.Expected("never", {}, {})]
    found = kills.examine(project, known)
    assert (found.in_catalog, found.doubles, found.missing) == (2, 1, 1)
    assert found.wrong[:2] == [
        "once: metrics {'auc': 0.5}, not {'auc': 0.75}",
        "never: 0 times in the catalog",
    ]
    assert f"MLflow has 2 of {run_id}" in found.wrong
    assert "later: finished, not in MLflow" in found.wrong
