"""The registry against a real MLflow: versions, tags, the alias, and what goes wrong."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.errors import ConflictError, ExternalError, NotFoundError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import history
from mlops_jupyter.store import mlflow_home
from mlops_jupyter.store.lock import exclusive
from tests.free_port import free_port
from tests.models.training import keep_run

FEATURES = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return one project for all tests here; each test takes a model name of its own."""
    return init(tmp_path_factory.mktemp("registry") / "flights")


@pytest.fixture(scope="module")
def run_id(project: Project) -> str:
    return keep_run(project, LogisticRegression().fit(FEATURES, [0, 0, 1, 1]), example=FEATURES)


def mlflow_client(project: Project):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=project.tracking_uri, registry_uri=project.tracking_uri)


def test_a_run_becomes_a_version_that_says_where_it_is_from(project: Project, run_id: str) -> None:
    made = registry.register(project, "origin", run_id)

    run = history.get(project, run_id)
    assert (made.model, made.version, made.run_id) == ("origin", 1, run_id)
    assert made.model_digest == run.model_digest
    assert registry.get(project, "origin", 1) == made

    kept = mlflow_client(project).get_model_version("origin", "1")
    assert kept.tags == {"mlops.run_id": run_id, "mlops.model_digest": run.model_digest}
    assert kept.run_id == run.mlflow_run_id


def test_the_logged_model_links_to_all_its_versions(project: Project, run_id: str) -> None:
    registry.register(project, "linked-a", run_id)
    registry.register(project, "linked-b", run_id)

    row = project.catalog.row("SELECT mlflow_model_id FROM run WHERE id = ?", (run_id,))
    logged = mlflow_client(project).get_logged_model(row["mlflow_model_id"])
    assert '{"name": "linked-a", "version": 1}' in logged.tags["mlflow.modelVersions"]
    assert '{"name": "linked-b", "version": 1}' in logged.tags["mlflow.modelVersions"]


def test_one_run_is_one_version_and_two_runs_are_two(project: Project, run_id: str) -> None:
    again = keep_run(project, LogisticRegression(C=9).fit(FEATURES, [0, 1, 1, 1]))

    first = registry.register(project, "twice", run_id)
    assert registry.register(project, "twice", run_id) == first
    assert registry.register(project, "twice", again).version == 2


def test_a_version_whose_maker_died_before_it_wrote_it_down_is_taken_over(
    project: Project, run_id: str
) -> None:
    made = registry.register(project, "adopted", run_id)
    with project.catalog.transaction() as rows:
        rows.execute("DELETE FROM model_version WHERE model = 'adopted'")

    assert registry.register(project, "adopted", run_id).version == made.version
    assert len(mlflow_client(project).search_model_versions("name = 'adopted'")) == 1


def test_processes_that_register_at_once_agree(project: Project, run_id: str) -> None:
    other = keep_run(project, LogisticRegression(C=8).fit(FEATURES, [0, 1, 1, 1]))
    with SPAWN.Pool(2) as pool:
        jobs = [(project.root, "raced", run) for run in (run_id, other, run_id, other)]
        versions = pool.starmap(_register, jobs, chunksize=1)

    assert versions[0] == versions[2]
    assert versions[1] == versions[3]
    assert {*versions} == {1, 2}


def _register(root: Path, model: str, run_id: str) -> int:
    return registry.register(open_project(root), model, run_id).version


def test_the_alias_is_where_the_last_one_put_it(project: Project, run_id: str) -> None:
    assert registry.champion(project, "alias") is None
    registry.register(project, "alias", run_id)
    assert registry.champion(project, "alias") is None

    registry.move_alias(project, "alias", 1)
    assert registry.champion(project, "alias") == 1

    mlflow_client(project).delete_registered_model_alias("alias", "champion")
    assert registry.champion(project, "alias") is None


def test_a_version_that_mlflow_does_not_have_gets_no_alias(project: Project, run_id: str) -> None:
    registry.register(project, "gone", run_id)

    with pytest.raises(NotFoundError, match="gone v7"):
        registry.move_alias(project, "gone", 7)


def test_the_champion_predicts_where_this_package_is_not(
    project: Project, run_id: str, tmp_path: Path
) -> None:
    registry.register(project, "served", run_id)
    registry.move_alias(project, "served", 1)

    code = (
        "import sys, mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/served@champion')\n"
        "print(model.predict(pd.DataFrame({'a': [0.0, 3.0], 'b': [1.0, 0.0]})))\n"
        # what MLflow's entry point loads where this package is installed does nothing there
        "assert not {'mlops_jupyter.project', 'mlops_jupyter.models'} & set(sys.modules)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, project.tracking_uri],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["[0", "1]"]
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_where_the_process_stands(
    project: Project, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    registry.register(project, "tidy", run_id)
    registry.move_alias(project, "tidy", 1)

    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_registered_says_why(project: Project) -> None:
    bare = keep_run(project, metrics={"auc": 0.7})
    waiting = keep_run(project, LogisticRegression().fit(FEATURES, [0, 0, 1, 1]), copy=False)

    with pytest.raises(UsageError, match="kept no model"):
        registry.register(project, "refused", bare)
    with pytest.raises(UsageError, match=r"MLflow does not have run .* yet\n.*mlops sync"):
        registry.register(project, "refused", waiting)
    with pytest.raises(NotFoundError, match="there is no run 'ffff'"):
        registry.register(project, "refused", "ffff")
    assert registry.champion(project, "refused") is None


def test_a_version_that_others_registered_is_refused(project: Project, run_id: str) -> None:
    registry.register(project, "foreign", run_id)
    source = mlflow_client(project).get_model_version("foreign", "1").source
    mlflow_client(project).create_model_version("foreign", source)

    with pytest.raises(UsageError, match="foreign v2 was not registered by this project"):
        registry.get(project, "foreign", 2)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Start a team's MLflow server, as lean as it can be, and return its address."""
    home = tmp_path / "team"
    home.mkdir()
    mlflow_home.create(home)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", mlflow_home.uri(home)]
    command += ["--artifacts-destination", str(home / "artifacts")]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 300
        while not _answers(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address).close()
    except OSError:
        return False
    return True


def test_a_teams_server_gets_versions_that_lead_to_their_model(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_MLFLOW_TRACKING_URI", server)
    team = init(tmp_path / "flights")
    run_id = keep_run(team, LogisticRegression().fit(FEATURES, [0, 0, 1, 1]))

    made = registry.register(team, "shared", run_id)
    with team.catalog.transaction() as rows:
        rows.execute("DELETE FROM model_version")
    assert registry.register(team, "shared", run_id).version == made.version == 1
    assert registry.champion(team, "shared") is None
    registry.move_alias(team, "shared", 1)
    assert registry.champion(team, "shared") == 1
    with pytest.raises(NotFoundError):
        registry.move_alias(team, "shared", 2)

    row = team.catalog.row("SELECT mlflow_model_id FROM run WHERE id = ?", (run_id,))
    assert mlflow_client(team).get_model_version("shared", "1").source == f"models:/{row[0]}"


def test_an_mlflow_that_is_away_is_worth_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLOPS_MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    away = init(tmp_path / "away")

    with pytest.raises(ExternalError, match=r"^MLflow at http://127\.0\.0\.1:9 does not answer"):
        registry.champion(away, "flights")


def test_who_waits_too_long_for_the_registry_is_told(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path, 0, "test"), pytest.raises(ConflictError, match="about to test"):
        exclusive(path, 0, "test").__enter__()
    with exclusive(path, 0, "test"):
        pass
