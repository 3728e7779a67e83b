"""`track` in plain Python: no kernel, no cells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter.errors import ConflictError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, recorder, series
from mlops_jupyter.runs.selection import Selection, patterns

pytestmark = pytest.mark.usefixtures("offline")

ROOT = str(Path(__file__).parents[2])


def run_script(project: Project, source: str) -> subprocess.CompletedProcess[str]:
    script = project.root / "train.py"
    script.write_text(source)
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_script_records_runs(project: Project) -> None:
    ended = run_script(
        project,
        "import mlops_jupyter\n"
        "def main():\n"
        "    with mlops_jupyter.track('script') as run:\n"
        "        depth = 3\n"
        "        losses = []\n"
        "        for step in range(3):\n"
        "            losses.append(1 / (step + 1))\n"
        "            mlops_jupyter.log_metric('m', step)\n"
        "        score = len(losses) * 2\n"
        "main()\n",
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    run = history.page(project).runs[0]
    assert (run.name, run.status, run.notebook) == ("script", "finished", None)
    assert run.parameters == {"depth": 3}
    assert run.metrics == {"losses": pytest.approx(1 / 3), "m": 2, "score": 6}
    assert run.environment_digest
    assert history.detail(project, run.id).cells == ()


def test_a_script_that_fails_or_is_killed(project: Project) -> None:
    source = "import mlops_jupyter, os\nwith mlops_jupyter.track('t'):\n    {}\n"
    assert run_script(project, source.format("1 / 0")).returncode == 1
    run = history.page(project).runs[0]
    assert (run.status, run.error) == ("failed", "ZeroDivisionError: division by zero")
    killed = run_script(project, source.format(f"os.kill(os.getpid(), {signal.SIGKILL})"))
    assert killed.returncode == -signal.SIGKILL
    assert history.page(project).runs[0].status == "running"
    recorder.open_session(project, None)
    assert history.page(project).runs[0].status == "interrupted"


def test_without_a_project_track_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="mlops init"), mlops_jupyter.track("t"):
        pass


def test_two_projects_in_one_process(project: Project, tmp_path: Path) -> None:
    other = mlops_jupyter.init(tmp_path / "other")
    with mlops_jupyter.track("here"):
        pass
    os.chdir(other.root)
    with mlops_jupyter.track("there") as run:
        run.log_metric("m", 1)
    assert [r.name for r in history.page(project).runs] == ["here"]
    assert [(r.name, r.metrics) for r in history.page(other).runs] == [("there", {"m": 1})]


def test_steps_follow_each_other_and_go_on(project: Project) -> None:
    with mlops_jupyter.track("t") as run:
        run.log_metric("m", 1)
        run.log_metric("m", 2, step=10)
        run.log_metric("m", 3)
        run.log_metric("m", 2.5, step=10)
        assert run.last == {"m": 3.0}
    with mlops_jupyter.track(resume=run.id) as again:
        again.log_metric("m", 4)
    (found,) = series.series(project, run.id).series
    assert (found.steps, found.values) == ((0, 10, 11, 12), (1.0, 2.5, 3.0, 4.0))


def test_a_run_that_is_open_is_not_resumed(project: Project) -> None:
    with (
        mlops_jupyter.track("t") as run,
        pytest.raises(ConflictError, match="it is running"),
        mlops_jupyter.track(resume=run.id),
    ):
        pass
    assert history.get(project, run.id).status == "finished"


def test_a_block_with_two_runs_in_one_line_and_a_stack(project: Project) -> None:
    from contextlib import ExitStack

    with mlops_jupyter.track("a") as a, mlops_jupyter.track("b") as b:
        size = len("four")
    with ExitStack() as stack:
        c = stack.enter_context(mlops_jupyter.track("c"))
        c.log_metric("m", size)
    found = {run.name: run for run in history.page(project).runs}
    assert b.parent is a
    assert (found["a"].metrics, found["b"].metrics) == ({"size": 4}, {"size": 4})
    assert found["c"].metrics == {"m": 4}


def test_patterns_are_given_in_many_ways() -> None:
    assert patterns("a,b") == patterns(["a", "b"]) == patterns(["a,b", " b "]) == ("a", "b")
    assert patterns(None) == patterns("") == ()
    chosen = Selection(metrics=("val_*",), params=("model.*", "depth"))
    assert chosen.metric("val_loss")
    assert chosen.metric("model.val_loss")
    assert not chosen.metric("loss")
    assert chosen.parameters({"model.alpha": 1, "depth": 2, "seed": 3}) == {
        "model.alpha": 1,
        "depth": 2,
    }
