"""In CI a command leaves nothing waiting for MLflow: the machine goes away when it ends."""

from __future__ import annotations

import pytest

from mlops_jupyter.cli.pipeline import handed_over
from mlops_jupyter.errors import CellFailedError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, recorder


def test_in_ci_what_was_recorded_is_in_mlflow_at_the_end(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with handed_over(project):
        recorder.close_run(project, recorder.open_run(project, "one"), "finished")
    assert history.waiting(project) == (0, None)

    recorder.close_run(project, recorder.open_run(project, "two"), "failed", "KeyError")
    with pytest.raises(CellFailedError), handed_over(project):
        raise CellFailedError("train.ipynb", "cell 4", "KeyError")
    assert history.waiting(project) == (0, None)


def test_elsewhere_nobody_waits(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with handed_over(project):
        recorder.close_run(project, recorder.open_run(project, "one"), "finished")
    assert history.waiting(project)[0] == 1
