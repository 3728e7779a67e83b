"""What every MLflow holds after the mirror was at it: the embedded one, and a team's server.

The server is a real one, on a real PostgreSQL; it is started once, see conftest.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import pandas as pd
import pytest
from mlflow import MlflowClient
from msgspec.structs import replace
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.errors import ExternalError
from mlops_jupyter.project import Project, init
from mlops_jupyter.runs import environment, history, mirror, recorder
from mlops_jupyter.runs.recorder import Figure, File, Findings, FittedModel, RunPart
from mlops_jupyter.runs.run import ReadFile
from tests.contracts import killed_mirror
from tests.mlflow_server import Line, MlflowServer
from tests.runs.test_recorder import executed

FEATURES = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
DIGEST = "blake3:" + "0123456789abcdef" * 4


pytestmark = pytest.mark.usefixtures("impatient")


def project_on(uri: str, folder: Path) -> Project:
    """Return a project whose MLflow is a server; its experiment is its own."""
    folder.mkdir()
    text = f"version: 1\nmlflow:\n  tracking_uri: {uri}\n  experiment: {folder}\n"
    (folder / "mlops.yaml").write_text(text)
    return init(folder)


@pytest.fixture(params=["embedded", "server"])
def anywhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """Return a project, once with each kind of MLflow."""
    if request.param == "embedded":
        made = init(tmp_path / "flights")
    else:
        made = project_on(request.getfixturevalue("server").uri, tmp_path / "flights")
    monkeypatch.chdir(made.root)
    return made


def fitted() -> FittedModel:
    model = LogisticRegression().fit(FEATURES, [0, 0, 1, 1])
    return FittedModel("LogisticRegression", cloudpickle.dumps(model), cloudpickle.dumps(FEATURES))


def full() -> Findings:
    """Return all that a run may have, and what MLflow would refuse or cut."""
    infinite = {("up", 0): float("inf"), ("down", 0): float("-inf"), ("none", 0): float("nan")}
    losses = {("loss", step): 1 / (step + 1) for step in range(1200)}
    names = {("acc@5", 0): 0.5, ("acc_5", 0): 0.25, ("größe", 0): 1.0, ("x" * 300, 0): 2.0}
    return Findings(
        parameters={"depth": 3, "long": "y" * 7000, "a?b": 1, "a!b": 2, "empty": "", "nul": "\0"}
        | {f"p{number}": number for number in range(120)},
        metrics=losses | infinite | names,
        figures=(Figure("image/png", b"\x89PNG"),),
        files=(File("tables/mistakes.csv", "text/csv", b"a,b\n"),),
        model=fitted(),
        environment=environment.encode(environment.capture()),
    )


def record(
    project: Project,
    name: str,
    findings: Findings,
    *,
    parent: str | None = None,
    files: tuple[ReadFile, ...] = (),
) -> str:
    """Record a run of one cell, and return its id."""
    run_id = opened(project, name, parent)
    end(project, run_id, findings, files)
    return run_id


def opened(project: Project, name: str, parent: str | None = None) -> str:
    session_id = recorder.open_session(project, "study.ipynb")
    return recorder.open_run(
        project, name, notebook="study.ipynb", session_id=session_id, parent_run_id=parent
    )


def end(
    project: Project, run_id: str, findings: Findings, files: tuple[ReadFile, ...] = ()
) -> None:
    session_id = recorder.open_session(project, "study.ipynb")
    cell = replace(executed(session_id, 1, "model.fit(X, y)"), files=files)
    recorder.record(project, cell, [RunPart(run_id, findings, "finished")])


def client(project: Project) -> MlflowClient:
    return MlflowClient(tracking_uri=project.tracking_uri)


@dataclass(frozen=True)
class Stored:
    """What MLflow has of one run, but for the ids that it gives."""

    status: str
    params: dict[str, str]
    history: dict[str, list[tuple[int, float | str]]]
    inputs: list[tuple[str, str]]
    models: int
    outputs: int
    files: list[str]
    run_ids: list[str]


def stored(project: Project) -> dict[str, Stored]:
    """Return what MLflow has of the project's runs, by name; no name may be there twice."""
    asked = client(project)
    experiment_id = asked.get_experiment_by_name(project.experiment).experiment_id
    models = [m.source_run_id for m in asked.search_logged_models([experiment_id])]
    found: dict[str, Stored] = {}
    for run in asked.search_runs([experiment_id]):
        run_id, name = run.info.run_id, run.info.run_name
        assert name not in found, "a run is there twice"
        metrics = {
            key: [(m.step, str(m.value)) for m in asked.get_metric_history(run_id, key)]
            for key in run.data.metrics
        }
        found[name] = Stored(
            status=run.info.status,
            params=run.data.params,
            history={key: sorted(steps) for key, steps in metrics.items()},
            inputs=sorted((i.dataset.name, i.dataset.digest) for i in run.inputs.dataset_inputs),
            models=models.count(run_id),
            outputs=len(run.outputs.model_outputs) if run.outputs else 0,
            files=sorted(files_of(asked, run_id)),
            run_ids=[run.data.tags["mlops.run_id"]],
        )
    assert sum(s.models for s in found.values()) == len(models), "a model without its run"
    return found


def files_of(asked: MlflowClient, run_id: str, folder: str = "") -> Iterator[str]:
    for file in asked.list_artifacts(run_id, folder):
        if file.is_dir:
            yield from files_of(asked, run_id, file.path)
        else:
            yield file.path


def wait_until_copied(project: Project) -> None:
    deadline = time.monotonic() + 300
    while history.waiting(project)[0]:
        assert time.monotonic() < deadline, (project.folder / mirror.LOG).read_text()
        time.sleep(0.1)


def test_a_run_is_copied_with_all_that_it_holds(anywhere: Project) -> None:
    read = (
        ReadFile("data/flights.csv", "read", "file", 12, DIGEST),
        ReadFile("out.csv", "write", "file", 12, DIGEST),
        ReadFile("SELECT * FROM t", "read", "query", None, None),
    )
    run_id = record(anywhere, "best <b>", full(), files=read)
    assert mirror.drain(anywhere) == 1

    run = stored(anywhere)["best <b>"]
    assert (run.status, run.models, run.outputs) == ("FINISHED", 1, 1)
    assert run.history["loss"] == sorted((step, str(1 / (step + 1))) for step in range(1200))
    # a name that MLflow takes stays; of the others none takes another's place
    long_name = next(key for key in run.history if key.startswith("xxx"))
    other = next(key for key in run.history if key.startswith("acc_5-"))
    assert set(run.history) == {
        "loss", "up", "down", "none", "größe", "acc_5", other, long_name
    }  # fmt: skip
    assert run.history["acc_5"] == [(0, "0.25")]
    assert len(long_name) == 250
    assert run.history["none"] == [(0, "nan")]
    assert float(run.history["up"][0][1]) > 1e308
    assert {len(run.params[key]) for key in ("long", "empty")} == {6000, 0}
    assert sorted(v for k, v in run.params.items() if k.startswith("a_b")) == ["1", "2"]
    assert len(run.params) == 126
    assert run.inputs == [
        ("SELECT * FROM t", "unknown"),
        ("data/flights.csv", "0123456789abcdef" * 2 + "0123"),
    ]
    assert run.files == [
        "code/cells.py", "environment/installed.txt", "figures/figure-1.png", "files.json",
        "files/tables/mistakes.csv", "metrics.json", "parameters.json",
    ]  # fmt: skip

    mlflow_id = history.get(anywhere, run_id).mlflow_run_id
    renamed = client(anywhere).download_artifacts(mlflow_id, "metrics.json", str(anywhere.root))
    assert '"acc@5": {\n' in Path(renamed).read_text()
    tags = client(anywhere).get_run(mlflow_id).data.tags
    assert tags["mlops.run_id"] == run_id
    assert tags["mlflow.source.name"] == "study.ipynb"


def test_the_model_predicts_without_us_in_the_versions_that_it_was_made_with(
    anywhere: Project,
) -> None:
    record(anywhere, "model", full())
    mirror.drain(anywhere)
    model_id = anywhere.catalog.rows("SELECT mlflow_model_id FROM run")[0][0]
    predict = (
        "import sys, mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model(sys.argv[2])\n"
        "print(model.predict(pd.DataFrame({'a': [0.0, 3.0], 'b': [1.0, 0.0]})).tolist())\n"
        "assert not {'mlops_jupyter.project', 'mlops_jupyter.store'} & set(sys.modules)\n"
        "print(open(mlflow.pyfunc.get_model_dependencies(sys.argv[2])).read())\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", predict, anywhere.tracking_uri, f"models:/{model_id}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    prediction, *requirements = answer.stdout.split()
    installed = environment.capture().installed
    assert f"scikit-learn=={installed['scikit-learn']}" in requirements
    assert f"cloudpickle=={installed['cloudpickle']}" in requirements
    assert all("==" in requirement for requirement in requirements[1:])
    assert (prediction, requirements[0]) == ("[0,", "1]")


def test_copying_twice_makes_no_doubles(anywhere: Project) -> None:
    read = (ReadFile("data/flights.csv", "read", "file", 12, DIGEST),)
    for number in range(3):
        losses = {("loss", step): 1 / (step + 1) for step in range(20)}
        findings = replace(full(), metrics={**losses, ("none", 0): float("nan")})
        record(anywhere, f"run {number}", findings, files=read)
    mirror.drain(anywhere)
    once = stored(anywhere)

    for forgotten in (
        "",
        ", mlflow_run_id = NULL",
        ", mlflow_run_id = NULL, mlflow_model_id = NULL",
    ):
        with anywhere.catalog.transaction() as rows:
            rows.execute("UPDATE outbox SET done_at = NULL")
            rows.execute(f"UPDATE run SET name = name{forgotten}")
        assert mirror.drain(anywhere) == 3
        assert stored(anywhere) == once


def test_nested_runs_are_nested_whichever_ends_first(anywhere: Project) -> None:
    parent = opened(anywhere, "search")
    child = record(anywhere, "trial 1", Findings(metrics={("auc", 0): 0.5}), parent=parent)
    assert mirror.drain(anywhere) == 1
    late = record(anywhere, "trial 2", Findings(metrics={("auc", 0): 0.75}), parent=parent)
    end(anywhere, parent, Findings())
    assert mirror.drain(anywhere) == 2

    mlflow_id = {i: history.get(anywhere, i).mlflow_run_id for i in (parent, child, late)}
    for nested in (child, late):
        tags = client(anywhere).get_run(mlflow_id[nested]).data.tags
        assert tags["mlflow.parentRunId"] == mlflow_id[parent]
    assert "mlflow.parentRunId" not in client(anywhere).get_run(mlflow_id[parent]).data.tags


def test_a_resumed_run_is_brought_up_to_date(anywhere: Project) -> None:
    run_id = record(anywhere, "again", Findings(parameters={"depth": 3}, metrics={("auc", 0): 0.5}))
    mirror.drain(anywhere)
    recorder.resume_run(anywhere, run_id, None)
    more = Findings(parameters={"depth": 4, "width": 2}, metrics={("auc", 1): 0.75})
    end(anywhere, run_id, more)
    assert mirror.drain(anywhere) == 1

    run = stored(anywhere)["again"]
    assert run.history["auc"] == [(0, "0.5"), (1, "0.75")]
    # MLflow never changes a parameter: `parameters.json` has the last value
    assert run.params == {"depth": "3", "width": "2"}


def test_two_mirrors_at_once_make_no_doubles(anywhere: Project) -> None:
    for number in range(8):
        record(anywhere, f"run {number}", Findings(metrics={("auc", 0): number / 10}))
    command = [sys.executable, "-m", mirror.__name__, str(anywhere.root)]
    two = [subprocess.Popen(command) for _ in range(2)]
    mirror.drain(anywhere)
    assert [process.wait(timeout=300) for process in two] == [0, 0]
    assert history.waiting(anywhere) == (0, None)
    assert sorted(stored(anywhere)) == [f"run {number}" for number in range(8)]


def test_mirrors_killed_at_random_moments_lose_and_double_nothing(
    anywhere: Project, tmp_path: Path
) -> None:
    for number in range(4):
        findings = Findings(
            parameters={"number": number},
            metrics={("loss", step): 1 / (step + 1) for step in range(20)},
            figures=(Figure("image/png", b"\x89PNG"),),
            model=fitted() if number % 2 else None,
        )
        files = (ReadFile(f"{number}.csv", "read", "file", 12, DIGEST),)
        record(anywhere, f"run {number}", findings, files=files)
    # the same runs, copied without a disturbance
    anywhere.catalog.close()
    folder = shutil.copytree(anywhere.root, tmp_path / "undisturbed")
    (folder / "mlops.yaml").write_text("version: 1\n")
    undisturbed = init(folder)
    mirror.drain(undisturbed)
    expected = stored(undisturbed)

    answer = subprocess.run(
        [sys.executable, killed_mirror.__file__, str(anywhere.root), "7", "0.5"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout.split()[-1]) >= 3, "hardly one was killed"
    assert stored(anywhere) == expected


@pytest.mark.parametrize("answers", [1, 2, 3, 5, 8, 13, 21])
def test_a_server_that_goes_away_in_the_middle_gets_the_rest_later(
    line: Line, tmp_path: Path, answers: int
) -> None:
    project = project_on(line.uri, tmp_path / "flights")
    for number in range(2):
        record(project, f"run {number}", Findings(metrics={("auc", 0): 0.5}, model=fitted()))
    line.cut(after_answers=answers)
    with pytest.raises(ExternalError, match="does not answer: start it"):
        mirror.drain(project)
    assert history.waiting(project)[0] in {1, 2}

    line.mend()
    mirror.drain(project)
    found = stored(project)
    assert sorted(found) == ["run 0", "run 1"]
    assert [(run.status, run.models, run.outputs) for run in found.values()] == [
        ("FINISHED", 1, 1)
    ] * 2


def test_a_server_that_was_away_for_the_whole_session_gets_all_of_it_when_it_starts(
    server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_MIRROR_RETRY_SECONDS", "600")
    project = project_on(server.uri, tmp_path / "flights")
    server.stop()
    try:
        for number in range(5):
            record(project, f"run {number}", Findings(metrics={("auc", 0): number / 10}))
            mirror.start(project)  # as the kernel does when a run has ended
        deadline = time.monotonic() + 300
        while history.waiting(project)[1] is None:
            assert time.monotonic() < deadline, (project.folder / mirror.LOG).read_text()
            time.sleep(0.1)
        waiting, error = history.waiting(project)
        assert waiting == 5
        assert error == (
            f"MLflow at {server.uri} does not answer: start it, or correct"
            " `mlflow: {tracking_uri: …}` in mlops.yaml"
        )
        sync = subprocess.run(
            [sys.executable, "-m", "mlops_jupyter.cli.main", "sync"],
            cwd=project.root, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert sync.returncode == 7
        assert sync.stderr.splitlines() == [
            f"error: 5 run(s) could not be copied to MLflow. {error}",
            "  hint: they are kept; try again with `mlops sync`",
        ]
    finally:
        server.start()
    wait_until_copied(project)  # by the mirror that was started in the session, with no more help
    assert sorted(stored(project)) == [f"run {number}" for number in range(5)]
