"""A project that releases a model: a small notebook, its data and its policy."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project, init, open_project
from tests.promotion.training import flights

PARAMETERS = 'look_at = "hour"'
FIT = """\
import mlops_jupyter
from sklearn.linear_model import LogisticRegression

train = mlops_jupyter.load("train@1")
model = LogisticRegression().fit(train[[look_at]], train["late"])
share_late = train["late"].mean()
"""

FLOOR = {"floor": {"metric": "accuracy", "at_least": 0.3}}
RECORDED = {"floor": {"metric": "share_late", "at_least": 0.2, "at_most": 0.8}}
COMPARE = {"compare": {"metric": "roc_auc", "margin": 0.01}}


def study(root: Path, *checks: dict, source: str = FIT, **evaluate: str) -> Project:
    """Make a project with the data ``train@1`` and ``test@1``, and one model, `late`."""
    project = init(root)
    snapshot(project, flights(seed=1), "train")
    snapshot(project, flights(seed=2), "test")
    write_notebook(root / "train.ipynb", source)
    policy = {
        "pipeline": "train",
        "evaluate": {"data": "test@latest", "label": "late", **evaluate},
        "checks": list(checks or (FLOOR, COMPARE)),
    }
    settings = {
        "version": 1,
        "pipelines": {"train": {"notebook": "train.ipynb"}},
        "models": {"late": policy},
    }
    (root / "mlops.yaml").write_text(json.dumps(settings))  # JSON is YAML
    return open_project(root)


def write_notebook(path: Path, source: str) -> None:
    cells = [
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell(source, metadata={"tags": ["step:fit"]}),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
