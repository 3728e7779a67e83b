"""A pipeline run many times: what the trials share, how they fail, how they are ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient

import mlops_jupyter
from mlops_jupyter.errors import CellFailedError, NotFoundError, UsageError
from mlops_jupyter.pipelines import trial
from mlops_jupyter.pipelines.axis import Axis
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import read_graph
from mlops_jupyter.pipelines.sweep import Plan, SweepProgress, sweep
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import history as runs
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive
from tests.command import Mlops, runner
from tests.pipelines.notebooks import PARAMETERS, code, declare, write
from tests.pipelines.test_interrupt import WAIT_SECONDS, all_gone, until

FIT = """
if lr == 3:
    raise ValueError("too fast")
score = base - abs(lr - 2)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project with a pipeline of two steps, whose mirror is held."""
    project = init(tmp_path_factory.mktemp("sweeps") / "flights")
    write(
        project.root / "train.ipynb",
        code("lr: float = 1.0\nname = 'a'", PARAMETERS),
        code("base = 10", "step:load"),
        code(FIT, "step:fit"),
    )
    declare(project, train="train.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
            yield project


@pytest.fixture
def mlops(
    made: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Mlops:
    monkeypatch.chdir(made.root)
    return runner(capsys)


def often(project: Project, step: str) -> int:
    """Return how often a step was run."""
    sql = "SELECT count(*) FROM step_run WHERE step = ? AND status IN ('finished', 'failed')"
    return int(project.catalog.rows(sql, (step,))[0][0])


def test_a_failed_trial_ends_no_other_and_what_is_shared_is_run_once(
    mlops: Mlops, made: Project
) -> None:
    words = ("pipeline", "run", "train", "-p", "lr=1,2,3", "-p", "name=a, b", "--workers=2")
    code, out, errors = mlops(*words, "--optimize", "score")
    assert code == CellFailedError.exit_code
    assert errors == "name: one value, 'a, b': it is text; for several: --grid name=…\n"
    assert out.startswith("lr: 3 values: 1.0, 2.0, 3.0\ntrial 1/3 lr=1.0 …\n")
    assert "best: trial 2, lr=2.0: largest score 10" in out
    assert "ValueError: too fast" in out
    (found,) = trial.last(made, "train")
    assert [(t.number, t.status, t.metrics.get("score")) for t in found.trials] == [
        (2, "finished", 10.0), (1, "finished", 9.0), (3, "failed", None),
    ]  # fmt: skip
    assert (found.status, found.exit_code) == ("failed", 5)
    assert (often(made, "load"), often(made, "fit")) == (1, 3)


def test_the_same_sweep_again_only_runs_what_has_not_finished(mlops: Mlops, made: Project) -> None:
    code, out, _ = mlops("pipeline", "run", "train", "-p", "lr=1,2,3", "-p", "name=a, b")
    assert code == 5
    ended = [line.partition(": ")[2] for line in out.splitlines() if line[:6] == "trial "]
    assert [one for one in ended if "score" in one] == [
        "not run again  score 9",
        "not run again  score 10",
    ]
    assert (often(made, "load"), often(made, "fit")) == (1, 4)
    assert [t.cached for t in trial.last(made, "train")[0].trials] == [True, True, False]


def test_sweeps_are_listed_and_shown(mlops: Mlops, made: Project) -> None:
    again, first = trial.last(made, "train")
    _, out, _ = mlops("pipeline", "list")
    assert f"sweep {first.id[:8]}" in out
    assert "failed, 2 of 3 finished" in out
    _, out, _ = mlops("pipeline", "show", first.id[:8])
    rows = [line.split()[:4] for line in out.splitlines() if line[:3].strip().isdigit()]
    assert rows == [["2", "2.0", "finished", "10"], ["1", "1.0", "finished", "9"],
                    ["3", "3.0", "failed", rows[2][3]]]  # fmt: skip
    assert mlops("pipeline", "show", "train")[1].count("fit")
    assert mlops("pipeline", "show", again.id + "0")[0] == NotFoundError.exit_code


def test_in_mlflow_the_trials_are_nested_in_the_sweep(made: Project) -> None:
    first = trial.last(made, "train")[-1]
    mirror.drain(made)
    parent = runs.get(made, first.run_id)
    client = MlflowClient(tracking_uri=made.tracking_uri)
    shown = client.get_run(str(parent.mlflow_run_id)).data
    assert shown.params == {"lr": "3 values: 1.0, 2.0, 3.0", "name": "a, b"}
    for one in first.trials:
        run = runs.get(made, str(one.run_id))
        assert run.parent_run_id == first.run_id
        tags = client.get_run(str(run.mlflow_run_id)).data.tags
        assert tags["mlflow.parentRunId"] == parent.mlflow_run_id


def test_optuna_needs_a_metric_that_there_is(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.root)
    with pytest.raises(UsageError, match="trial 1 recorded no metric 'scor'") as refused:
        mlops_jupyter.sweep("train", {"lr": [1, 2]}, {"name": "a, b"}, optimize="scor")
    assert refused.value.hint == "did you mean 'score'?"
    found = mlops_jupyter.sweep(
        "train", {"lr": "1..2:1"}, {"name": "a, b"}, trials=1, optimize="score", seed=4
    )
    assert (len(found.trials), found.best is found.trials[0]) == (1, True)
    assert found.rows[0]["lr"] in {1.0, 2.0}
    assert trial.last(made, "train")[1].status == "failed"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vary": ["lr"]}, "is a list, no mapping"),
        ({"vary": {}}, "no parameter is varied"),
        ({"vary": {"lr": [1]}, "given": {"lr": 2}}, "'lr' is varied, and given too"),
        ({"vary": {"lr": [1]}, "given": {"nme": 2}}, "no parameter 'nme'"),
        ({"vary": {"lr": [1]}, "optimize": 3}, "no metric: 3"),
        ({"vary": {"lr": [1]}, "optimize": "score", "direction": "down"}, "no direction: 'down'"),
        ({"vary": {"lr": [1]}, "workers": 0}, "0 workers"),
        ({"vary": {"lr": [1]}, "workers": 1.5}, "1.5 workers"),
        ({"vary": {1: [1]}}, "no parameter '1'"),
    ],
)
def test_in_python_too(made: Project, options: dict[str, Any], said: str) -> None:
    before = len(trial.last(made, "train"))
    with pytest.raises(UsageError, match=said):
        sweep(open_project(made.root), "train", **options)
    assert before == len(trial.last(made, "train"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "lr=1,x"], "part 2 of '1,x' is not: 'x'"),
        (["-p", "lr=1..2"], "'lr' is a range of numbers: how many of them?"),
        (["--grid", "lr"], "write KEY=VALUES"),
        (["--grid", "lr=1", "--grid", "lr=2"], "a parameter is given twice"),
        (["--grid", "rl=1,2"], "no parameter 'rl'"),
        (["--trials", "3"], "--trials: no parameter is varied"),
        (["-p", "lr=1,2", "--direction", "minimize"], "a direction of what?"),
        (["-p", "lr=1,2", "--trials", "0"], "Invalid value for '--trials'"),
        (["-p", "lr=1,2", "--workers", "-1"], "Invalid value for '--workers'"),
        (["-p", "lr=1,2", "-p", "nam=x"], "no parameter 'nam'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(
    mlops: Mlops, made: Project, words: list[str], said: str
) -> None:
    before = len(trial.last(made, "train")), often(made, "fit")
    code, _, errors = mlops("pipeline", "run", "train", *words)
    assert code == 2
    assert said in errors
    assert before == (len(trial.last(made, "train")), often(made, "fit"))


def test_of_joined_notebooks_those_are_shared_that_nothing_varied_reaches(project: Project) -> None:
    for name, source in {
        "raw": "rows = 3", "fast": "model = rows * lr", "slow": "other = rows + 1",
        "report": "best = model + other",
    }.items():  # fmt: skip
        top = [code("lr = 0.1", PARAMETERS)] if name == "fast" else []
        write(project.root / f"{name}.ipynb", *top, code(source, f"step:{name}"))
    (project.root / "mlops.yaml").write_text(
        "version: 1\npipelines:\n  study:\n    notebooks:\n"
        + "".join(f"      {name}: {name}.ipynb\n" for name in ("raw", "fast", "slow", "report"))
    )
    declared = open_project(project.root)
    graph = read_graph(declared, "study")
    plan = Plan(declared, graph, {}, (Axis("lr", (1.0, 2.0)),), Choice(), None, {"lr": 0.1})
    assert plan.shared() == ("raw", "slow")


def test_trials_that_write_the_same_file_run_one_after_the_other(offline: Project) -> None:
    cells = [code("open('model.txt', 'w').write(str(n))", "step:fit")]
    write(offline.root / "study.ipynb", code("n = 1", PARAMETERS), *cells)
    declare(offline, study="study.ipynb")
    told: list[SweepProgress] = []
    found = sweep(
        open_project(offline.root), "study", {"n": range(3)}, None, told.append, workers=3
    )
    assert [t.status for t in found.trials] == ["finished"] * 3
    assert [p.note for p in told if p.note] == [
        "each trial writes model.txt: they run one after the other"
    ]
    began = [place.trial.status for place in told if place.trial is not None]
    assert began == ["running", "finished"] * 3


def test_what_fails_in_all_trials_fails_once(offline: Project) -> None:
    cells = [code("rows = 1 / 0", "step:load"), code("x = n", "step:fit")]
    write(offline.root / "study.ipynb", code("n = 1", PARAMETERS), code("import os", "setup"),
          *cells)  # fmt: skip
    cells[0]["source"] = "rows = 1 / 0"
    write(offline.root / "study.ipynb", code("n = 1", PARAMETERS), *cells)
    declare(offline, study="study.ipynb")
    with pytest.raises(CellFailedError, match="division by zero"):
        sweep(open_project(offline.root), "study", {"n": [1, 2, 3]})
    (found,) = trial.last(offline, "study")
    assert [t.status for t in found.trials] == ["failed"]
    assert found.status == "failed"


HANG = """
import ctypes, os
if n:
    os.mkdir(f"at-{n}")
    ctypes.PyDLL(None).sleep(600)
"""


def test_whatever_ends_a_sweep_leaves_nothing_behind(offline: Project) -> None:
    write(offline.root / "study.ipynb", code("n = 0", PARAMETERS), code(HANG, "step:a"))
    declare(offline, study="study.ipynb")
    for number in (signal.SIGINT, signal.SIGKILL):
        code_, errors = end_by(offline, number)
        if number == signal.SIGINT:
            assert (code_, errors.strip()) == (130, "interrupted")
        project = open_project(offline.root)
        found = trial.last(project, "study")[0]
        assert (found.status, runs.get(project, found.run_id).status) == ("interrupted",) * 2
        assert [t.status for t in found.trials] == ["finished", "interrupted", "interrupted"]
        assert {runs.get(project, str(t.run_id)).status for t in found.trials[1:]} == {
            "interrupted"
        }


def end_by(project: Project, number: signal.Signals) -> tuple[int, str]:
    """Begin a sweep, end its command while two trials hang, and wait for all that it started."""
    places = [project.root / f"at-{n}" for n in (1, 2)]
    with subprocess.Popen(
        [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", "study",
         "-p", "n=0..2", "--workers", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=project.root,
    ) as command:  # fmt: skip
        try:
            until(lambda: all(place.exists() for place in places))
            children = psutil.Process(command.pid).children(recursive=True)
            processes = [child.pid for child in children]
            assert len(processes) >= 4
            command.send_signal(number)
            until(all_gone(processes))
            _, errors = command.communicate(timeout=WAIT_SECONDS)
        finally:
            command.kill()
    for place in places:
        place.rmdir()
    return command.returncode, errors
