"""Pipelines on a cluster whose machines share no disk with the project."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import psutil
import pytest

from mlops_jupyter.cluster.job import Job, Outcome
from mlops_jupyter.cluster.scheduler import Scheduler
from mlops_jupyter.errors import (
    CellFailedError,
    ExternalError,
    MlopsError,
    UsageError,
)
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import read_graph
from mlops_jupyter.pipelines.execute import StepProgress, run_pipeline
from mlops_jupyter.pipelines.key import Keys, Part
from mlops_jupyter.pipelines.limits import Limits
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import history
from mlops_jupyter.store.objects import digest_of
from tests.cluster.conftest import SECONDS, Cluster
from tests.pipelines.notebooks import PARAMETERS, code, write

FIRST = """
import os
import numpy as np
import pandas as pd
import settings
rows = pd.read_csv("rows.csv")
frame = pd.DataFrame({"x": np.arange(n * 10_000.0)})
"""
NOTEBOOKS: dict[str, list[Any]] = {
    "first": [code("n: int = 2", PARAMETERS), FIRST],
    "left": [
        "twice = frame * 2",
        "a = float(frame.x.sum()) + len(rows)\nopen('left.txt', 'w').write(str(a))",
    ],
    "right": ["b = float(frame.x.max())"],
    "last": [
        "total = a + b\ndoubled = float(twice.x.sum())\nseen = float(open('left.txt').read())"
    ],
}


def make(
    root: Path, notebooks: dict[str, list[Any]], more: str = "", trust: str = "true"
) -> Project:
    """Write a project with joined notebooks and a shared store."""
    root.mkdir(exist_ok=True)
    for name, cells in notebooks.items():
        write(root / f"{name}.ipynb", *(code(c) if isinstance(c, str) else c for c in cells))
    entries = "".join(f"      {name}: {name}.ipynb\n" for name in notebooks)
    store = root.parent / "store"
    (root / "mlops.yaml").write_text(
        f"version: 1\nremote: {{url: {store}, trust: {trust}}}\n"
        f"pipelines:\n  study:\n    notebooks:\n{entries}{more}"
    )
    init(root)
    return open_project(root)


@pytest.fixture(scope="module")
def ran(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, PipelineRun]:
    """Return a project whose pipeline was run on the cluster once."""
    root = tmp_path_factory.mktemp("user") / "project"
    root.mkdir()
    (root / "rows.csv").write_text("id\n1\n2\n")
    (root / "settings.py").write_text("LEVEL = 3\n")
    project = make(root, NOTEBOOKS)
    return project, run_pipeline(project, "study", {"n": 3}, cluster=cluster.address)


def metrics(project: Project, run: PipelineRun) -> dict[str, float | None]:
    assert run.run_id is not None
    return dict(history.get(project, run.run_id).metrics)


def test_steps_are_run_by_workers(ran: tuple[Project, PipelineRun], cluster: Cluster) -> None:
    project, run = ran
    assert [(step.step, step.status) for step in run.steps] == [
        ("first", "finished"), ("left", "finished"), ("right", "finished"), ("last", "finished"),
    ]  # fmt: skip
    assert all("; on tcp://" in (step.why or "") for step in run.steps)
    found = metrics(project, run)
    total = 30_000 * 29_999 / 2 + 2 + 29_999
    assert (found["total"], found["seen"]) == (total, found["a"])
    assert found["doubled"] == 30_000 * 29_999
    # what a step wrote is here, as if it had been run here
    assert float((project.root / "left.txt").read_text()) == found["a"]
    assert all((project.root / (step.executed or "")).exists() for step in run.steps)


def test_its_cells_are_here_and_only_one_run_is_listed(ran: tuple[Project, PipelineRun]) -> None:
    project, _ = ran
    listed = history.page(project).runs
    assert {one.name for one in listed} == {"study", *NOTEBOOKS}
    (last,) = (one for one in listed if one.name == "last")
    sources = project.catalog.rows(
        "SELECT text FROM run_cell JOIN cell_execution ON cell_execution.id = execution_id"
        " JOIN source ON source.digest = source_digest WHERE run_cell.run_id = ?",
        (last.id,),
    )
    assert any("total = a + b" in row[0] for row in sources)


def test_what_is_known_needs_no_worker(ran: tuple[Project, PipelineRun]) -> None:
    project, _ = ran
    again = run_pipeline(project, "study", {"n": 3}, choice=Choice(audit=False))
    assert [step.status for step in again.steps] == ["cached"] * 4
    assert metrics(project, again)["total"] == 30_000 * 29_999 / 2 + 2 + 29_999


@pytest.mark.parametrize(
    ("source", "more", "error", "said"),
    [
        ("1 / 0", "", CellFailedError, "ZeroDivisionError"),
        ("import os\nx = os.environ['LEVEL']", "", UsageError, "variable LEVEL changed"),
        ("x = 1", "    resources: {only: {gpu: 1}}\n", UsageError, "wants GPU 1, and no worker"),
    ],
)
def test_what_goes_wrong_there_is_told_here(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    source: str, more: str, error: type[MlopsError], said: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("LEVEL", "9")  # the workers have no such variable
    project = make(tmp_path / "project", {"only": [source]}, more)
    with pytest.raises(error, match=said):
        run_pipeline(project, "study", cluster=cluster.address)
    row = project.catalog.row("SELECT status, error FROM step_run")
    assert row is not None
    assert row["status"] == "failed"
    assert said in row["error"]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("package", "pandas", f"pandas 0.1 to {pd.__version__}"),
        ("environment", "Python", f"Python 0.1 to {platform.python_version()}"),
        ("environment", "the machine", f"the machine 0.1 to {sys.platform} {platform.machine()}"),
    ],
)
def test_a_worker_with_another_environment_is_refused(
    cluster: Cluster, tmp_path: Path, kind: str, name: str, said: str
) -> None:
    project = make(tmp_path / "project", {"only": ["import pandas\nx = 1"]})
    parts = Keys(project, read_graph(project, "study"), {}).of(0).parts
    old = Part(kind, name, digest_of(b"0.1"), "0.1")  # as a host sends it that has that one
    sent = tuple(old if (part.kind, part.name) == (kind, name) else part for part in parts)
    assert sent != parts
    files = {"only.ipynb": (project.root / "only.ipynb").read_bytes()}
    settings = (project.root / "mlops.yaml").read_text()
    job = Job("study", "only", {}, settings, files, sent, {}, "0", Limits())
    with Scheduler(cluster.address) as scheduler:
        answer = scheduler.run("only", msgspec.json.encode(job), None)
    outcome = msgspec.json.decode(answer, type=Outcome)
    assert (outcome.differs, outcome.entry, outcome.notebook) == ((said,), None, None)


def test_a_worker_with_what_is_asked_for_gets_the_step(cluster: Cluster, tmp_path: Path) -> None:
    cluster.add_worker("large", "--resources", "GPU=1")
    try:
        asks = "    resources: {only: {gpu: 1}}\n"
        project = make(tmp_path / "project", {"only": ["x = 1"]}, asks)
        (step,) = run_pipeline(project, "study", cluster=cluster.address).steps
        assert step.status == "finished"
        large = (cluster.folder / "large.log").read_text()
        assert (step.why or "").rpartition("; on ")[2] in large
    finally:
        cluster.kill("large")


def test_a_step_of_which_nothing_can_be_kept_is_run_here(cluster: Cluster, tmp_path: Path) -> None:
    cells = [code("exec('x = 1')", "step:one"), code("y = 2", "step:two")]
    project = make(tmp_path / "project", {"only": cells})
    run = run_pipeline(project, "study", cluster=cluster.address)
    one, two = (step.why or "" for step in run.steps)
    assert one.endswith("(exec, %run, an unknown magic, …), so here")
    assert "here: the step only.one is" in two


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda text: text.replace("true", "false"), UsageError, "which is not trusted"),
        (lambda text: "\n".join(text.splitlines()[:1] + text.splitlines()[2:]), UsageError,
         "share no disk need a shared store"),
    ],
)  # fmt: skip
def test_a_shared_store_is_needed(
    cluster: Cluster, tmp_path: Path, change: Callable[[str], str], error: type[MlopsError],
    said: str,
) -> None:  # fmt: skip
    project = make(tmp_path / "project", {"only": ["x = 1"]})
    file = project.root / "mlops.yaml"
    file.write_text(change(file.read_text()))
    with pytest.raises(error, match=said):
        run_pipeline(open_project(project.root), "study", cluster=cluster.address)


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("tcp://127.0.0.1:1", ExternalError, "cannot be reached"),
        ("nonsense://x", UsageError, "no address of a Dask scheduler"),
    ],
)
def test_a_cluster_that_is_not_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    error: type[MlopsError],
    said: str,
) -> None:
    monkeypatch.setattr("mlops_jupyter.cluster.scheduler.CONNECT_SECONDS", 1)
    with pytest.raises(error, match=said):
        Scheduler(address)


WAIT = """
import os, time
os.makedirs(f"{begun}/{{os.getpid()}}")
while not os.path.exists({go!r}):
    time.sleep(0.01)
x = 1
"""


def in_background(project: Project, address: str) -> tuple[threading.Thread, list[Any]]:
    """Run the pipeline in a thread; what it returned or raised is in the list at the end."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(run_pipeline(open_project(project.root), "study", cluster=address))
        except MlopsError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until something is so, and return it."""
    import time

    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def test_the_steps_of_a_lost_worker_go_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    project = make(tmp_path / "project", {"only": [WAIT.format(begun=str(begun), go=str(go))]})
    thread, ended = in_background(project, cluster.address)
    kernel = psutil.Process(int(wait_for(lambda: begun.exists() and [*begun.iterdir()])[0].name))
    command = " ".join(" ".join(p.cmdline()) for p in kernel.parents())
    lost = next(name for name in ("one", "two") if f"--name {name} " in f"{command} ")
    cluster.kill(lost)
    assert kernel.is_running() is False or kernel.wait(SECONDS) is None
    go.touch()
    thread.join(SECONDS)
    (run,) = ended
    assert isinstance(run, PipelineRun)
    assert run.status == "finished"
    cluster.add_worker(lost)


def test_nothing_runs_on_when_nobody_waits_any_more(cluster: Cluster, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    project = make(
        tmp_path / "project", {"only": [WAIT.format(begun=str(begun), go=str(tmp_path / "never"))]}
    )
    command = [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", "study"]
    running = subprocess.Popen(
        [*command, "--cluster", cluster.address], cwd=project.root, env=os.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    kernel = psutil.Process(int(wait_for(lambda: begun.exists() and [*begun.iterdir()])[0].name))
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=SECONDS)
    assert running.returncode == 130, said
    psutil.wait_procs([kernel], SECONDS)
    assert not kernel.is_running()


def test_progress_is_told(
    ran: tuple[Project, PipelineRun], cluster: Cluster, tmp_path: Path
) -> None:
    project = make(tmp_path / "project", {"only": ["x = 1"]})
    seen: list[StepProgress] = []
    run_pipeline(project, "study", progress=seen.append, cluster=cluster.address)
    assert [(place.step, place.status) for place in seen] == [
        ("only", "running"), ("only", "finished")
    ]  # fmt: skip
