"""Runs that the user opens with MLflow: what they are told, and which are one with ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun

from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history, mirror
from mlops_jupyter.runs.run import Run
from mlops_jupyter.store import mlflow_home
from tests.kernel import Kernel


def runs(project: Project) -> dict[str, Run]:
    return {run.name: run for run in history.page(project).runs}


def everything(uri: str) -> dict[str, MlflowRun]:
    """Return all runs of a store, by name; no name may be there twice."""
    asked = MlflowClient(tracking_uri=uri)
    found = asked.search_runs([e.experiment_id for e in asked.search_experiments()])
    by_name = {run.info.run_name: run for run in found}
    assert len(by_name) == len(found)
    return by_name


@pytest.fixture
def with_mlflow(project: Project, kernel: Kernel) -> Kernel:
    """Return a kernel whose user works with MLflow in the project's own store."""
    uri = project.tracking_uri
    ready = kernel.run(f"import mlflow\nmlflow.set_tracking_uri({uri!r})")
    assert ready.status == "ok", ready
    return kernel


def execute(kernel: Kernel, *cells: str) -> None:
    for source in cells:
        answer = kernel.run(source, cell_id="a-cell")
        assert answer.status == "ok", answer


def test_the_users_run_and_ours_are_one(project: Project, with_mlflow: Kernel) -> None:
    execute(
        with_mlflow,
        "%%track ours\n"
        "with mlflow.start_run(run_name='theirs'):\n"
        "    mlflow.log_param('depth', 'as they say')\n"
        "    mlflow.log_metric('auc', 0.5)\n"
        "    with mlflow.start_run(run_name='inner', nested=True):\n"
        "        pass\n"
        "depth = 4\n"
        "width = 2\n"
        "auc = sum([0.5, 0.25])\n"
        "r2 = sum([0.5, 0.5])\n",
    )
    mirror.drain(open_project(project.root))
    mirror.drain(open_project(project.root))

    found = everything(project.tracking_uri)
    assert sorted(found) == ["inner", "theirs"]
    one, ours = found["theirs"], runs(project)["ours"]
    assert ours.mlflow_run_id == one.info.run_id
    # what they said stays, what they did not say is added
    assert one.data.params == {"depth": "as they say", "width": "2"}
    assert (one.data.metrics["auc"], one.data.metrics["r2"]) == (0.5, 1.0)
    assert one.info.status == "FINISHED"
    assert one.data.tags["mlops.run_id"] == ours.id
    files = MlflowClient(project.tracking_uri).list_artifacts(one.info.run_id, "mlops/code")
    assert [file.path for file in files] == ["mlops/code/cells.py"]


def test_a_run_that_the_user_leaves_open_is_one_with_the_first_of_ours(
    project: Project, with_mlflow: Kernel
) -> None:
    execute(
        with_mlflow,
        "theirs = mlflow.start_run(run_name='theirs')",
        "%%track first\na = 1",
        "%%track second\nb = 2",
    )
    mirror.drain(open_project(project.root))

    found = everything(project.tracking_uri)
    assert sorted(found) == ["second", "theirs"]
    assert runs(project)["first"].mlflow_run_id == found["theirs"].info.run_id
    assert found["theirs"].info.status == "RUNNING"  # it is theirs to end
    assert found["second"].data.tags["mlflow.parentRunId"] == found["theirs"].info.run_id


def test_of_several_runs_in_one_of_ours_none_is_it(project: Project, with_mlflow: Kernel) -> None:
    execute(
        with_mlflow,
        "%%track sweep\n"
        "for alpha in [1, 2]:\n"
        "    with mlflow.start_run(run_name=f'alpha {alpha}'):\n"
        "        mlflow.log_param('alpha', alpha)\n",
    )
    mirror.drain(open_project(project.root))

    found = everything(project.tracking_uri)
    assert sorted(found) == ["alpha 1", "alpha 2", "sweep"]
    for name in ("alpha 1", "alpha 2"):
        assert found[name].data.tags["mlops.within_run"] == runs(project)["sweep"].id


def test_a_run_in_another_store_stays_there(project: Project, with_mlflow: Kernel) -> None:
    elsewhere = project.root / "elsewhere"
    mlflow_home.create(elsewhere)
    uri = mlflow_home.uri(elsewhere)
    execute(
        with_mlflow,
        "mlflow.set_tracking_uri('sqlite:///elsewhere/mlflow.db')",
        "%%track ours\nwith mlflow.start_run(run_name='theirs'):\n    auc = sum([0.5, 0.25])",
    )
    mirror.drain(open_project(project.root))

    assert everything(project.tracking_uri) == {}
    theirs = everything(uri)["theirs"]
    assert theirs.data.metrics["auc"] == 0.75
    (kept,) = project.catalog.rows("SELECT mlflow_run_id, mlflow_store FROM run")
    assert tuple(kept) == (theirs.info.run_id, uri)


def test_a_run_of_an_untracked_cell_is_told_where_it_is_from(
    project: Project, with_mlflow: Kernel
) -> None:
    execute(with_mlflow, "with mlflow.start_run(run_name='theirs'):\n    pass")
    tags = everything(project.tracking_uri)["theirs"].data.tags
    (session_id,) = project.catalog.rows("SELECT id FROM session")[0]
    assert tags["mlflow.source.name"] == "study.ipynb"
    assert tags["mlops.session_id"] == session_id
    assert (tags["mlops.cell_id"], tags["mlops.cell_position"]) == ("a-cell", "3")
    assert not {"mlops.within_run", "mlops.opening"} & set(tags)


def test_outside_of_a_recording_kernel_mlflow_is_told_nothing(tmp_path: Path) -> None:
    from mlflow.tracking.context.registry import resolve_tags

    assert not [tag for tag in resolve_tags() if tag.startswith("mlops.")]
