"""Estimators come back from our own store, and from nowhere else."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.models import estimator
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import history
from tests.models.training import keep_run

LINE = LinearRegression().fit(np.arange(4.0).reshape(-1, 1), np.arange(4.0))


def test_a_run_gives_its_estimator_back(project: Project) -> None:
    run = history.get(project, keep_run(project, LINE, copy=False))

    assert estimator.load(project, run).predict([[7.0]]) == pytest.approx([7.0])


def test_a_damaged_estimator_is_not_unpickled(project: Project) -> None:
    run = history.get(project, keep_run(project, LINE, copy=False))
    assert run.model_digest is not None
    project.objects.path(run.model_digest).write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")

    with pytest.raises(IntegrityError, match="damaged"):
        estimator.load(project, run)
    assert not (project.root / "pwned").exists()


def test_a_run_without_a_model_has_none(project: Project) -> None:
    run = history.get(project, keep_run(project, metrics={"auc": 0.7}, copy=False))

    with pytest.raises(UsageError, match="kept no model"):
        estimator.load(project, run)


def test_a_class_that_is_not_here_is_named(project: Project) -> None:
    make = (
        "import sys, types, cloudpickle\n"
        "module = types.ModuleType('their_models')\n"
        "exec('class Median:\\n    pass', module.__dict__)\n"
        "sys.modules['their_models'] = module\n"
        "sys.stdout.buffer.write(cloudpickle.dumps(module.Median()))\n"
    )
    made = subprocess.run([sys.executable, "-c", make], capture_output=True, check=True)
    digest = project.objects.write(made.stdout)

    with pytest.raises(UsageError, match=r"flights v4 cannot be loaded here.*their_models"):
        estimator.load(project, ModelVersion("flights", 4, "0" * 16, digest, now()))
