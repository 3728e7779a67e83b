"""Models in MLflow: each in the format that its users expect, loaded there without us."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import lightgbm
import pandas as pd
import pytest
from mlflow import MlflowClient

from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror
from mlops_jupyter.runs.recorder import Findings, FittedModel
from tests.runs.test_mirror import record

FEATURES = pd.DataFrame({"a": [float(n % 7) for n in range(40)], "b": [1.0, 0.0] * 20})
LABELS = [n % 2 for n in range(40)]

OWN = """\
from sklearn.linear_model import LogisticRegression


class Mine(LogisticRegression):
    pass
"""

LOAD = """\
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
for model_id in sys.argv[2:]:
    model = mlflow.pyfunc.load_model(f"models:/{model_id}")
    predicted = model.predict(pd.DataFrame({"a": [1.0], "b": [0.0]}))
    requirements = open(mlflow.pyfunc.get_model_dependencies(f"models:/{model_id}")).read()
    print(*sorted(model.metadata.flavors), len(predicted), "lightgbm" in requirements)
"""


class Odd:
    """A model of no library."""

    def predict(self, rows: Any) -> list[int]:
        return [0] * len(rows)


def kept(model: Any) -> Findings:
    content, example = cloudpickle.dumps(model), cloudpickle.dumps(FEATURES[:5])
    return Findings(model=FittedModel(type(model).__name__, content, example))


def test_models_of_other_libraries_and_of_the_users_own_modules_load_without_us(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_models.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    mine = importlib.import_module("my_models").Mine().fit(FEATURES, LABELS)
    quiet: dict[str, Any] = {"verbose": -1, "min_child_samples": 2}
    classifier = lightgbm.LGBMClassifier(n_estimators=2, **quiet).fit(FEATURES, LABELS)
    booster = lightgbm.train(quiet, lightgbm.Dataset(FEATURES, LABELS), 2)
    for name, model in (("mine", mine), ("classifier", classifier), ("booster", booster)):
        record(project, name, kept(model))
    assert mirror.drain(project) == 3

    ids = [row[0] for row in project.catalog.rows("SELECT mlflow_model_id FROM run ORDER BY name")]
    answer = subprocess.run(
        [sys.executable, "-c", LOAD, project.tracking_uri, *ids],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.stdout.splitlines() == [
        "lightgbm python_function 1 True",
        "python_function sklearn 1 True",
        "python_function sklearn 1 False",
    ], answer.stderr


def test_a_model_that_mlflow_has_no_format_for_is_kept_as_a_file(project: Project) -> None:
    record(project, "odd", kept(Odd()))
    assert mirror.drain(project) == 1
    client = MlflowClient(project.tracking_uri)
    mlflow_id = project.catalog.rows("SELECT mlflow_run_id FROM run")[0][0]
    assert [file.path for file in client.list_artifacts(mlflow_id, "model")] == ["model/model.pkl"]
    tags = client.get_run(mlflow_id).data.tags
    assert tags["mlops.model_error"].startswith("TypeError: MLflow has no format for a ")
