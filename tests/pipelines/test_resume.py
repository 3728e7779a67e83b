"""Running again is resuming: what was finished before a kill is not run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history as runs
from tests.pipelines.notebooks import PARAMETERS, code, declare, write
from tests.pipelines.test_interrupt import WAIT_SECONDS, all_gone, until

WAIT = """
import os, pathlib, time
_ = pathlib.Path("reached-{n}.tmp").write_text(str(os.getpid()))
os.replace("reached-{n}.tmp", "reached-{n}")
while not pathlib.Path("go-{n}").exists():
    time.sleep(0.01)
total_{n} = {before} + {n}
"""
STEPS = 4


def notebook(project: Project) -> None:
    cells = [
        code(WAIT.format(n=n, before=f"total_{n - 1}" if n > 1 else "start"), f"step:s{n}")
        for n in range(1, STEPS + 1)
    ]
    write(project.root / "study.ipynb", code("start = 100", PARAMETERS), *cells)
    declare(project, study="study.ipynb")


@contextmanager
def command(project: Project) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", "study"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=project.root,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def runner_of(project: Project) -> psutil.Process:
    row = project.catalog.row("SELECT pid FROM pipeline_run ORDER BY started_at DESC LIMIT 1")
    assert row is not None
    return psutil.Process(row["pid"])


def finished(project: Project, step: str) -> int:
    """Return how often a step was run to its end."""
    sql = "SELECT count(*) AS often FROM step_run WHERE step = ? AND status = 'finished'"
    row = project.catalog.row(sql, (step,))
    assert row is not None
    return int(row["often"])


@pytest.mark.parametrize("victim", ["coordinator", "kernel", "command and coordinator"])
def test_after_a_kill_only_the_rest_is_run(offline: Project, victim: str) -> None:
    notebook(offline)
    for n in (2, 3):
        (offline.root / f"go-{n - 1}").touch()
        with command(offline) as process:
            until((offline.root / f"reached-{n}").exists)
            runner = runner_of(offline)
            kernels = [child.pid for child in runner.children()]
            if victim == "kernel":
                os.kill(int((offline.root / f"reached-{n}").read_text()), signal.SIGKILL)
            else:
                if victim != "coordinator":
                    process.kill()
                os.kill(runner.pid, signal.SIGKILL)
            process.communicate(timeout=WAIT_SECONDS)
            until(all_gone(kernels))
        for step in range(1, n):
            assert finished(offline, f"s{step}") == 1
    for n in range(1, STEPS + 1):
        (offline.root / f"go-{n}").touch()
    last = run_pipeline(open_project(offline.root), "study")
    assert [step.status for step in last.steps] == ["cached", "cached", "finished", "finished"]
    assert all(finished(offline, f"s{n}") == 1 for n in range(1, STEPS + 1))
    assert last.run_id is not None
    recorded = runs.get(offline, last.run_id)
    assert (recorded.status, recorded.metrics["total_4"]) == ("finished", 110.0)
    (summary,) = history.summaries(open_project(offline.root))
    assert [run.status for run in summary.runs][1:] == (
        ["failed"] * 2 if victim == "kernel" else ["interrupted"] * 2
    )


def test_a_kill_at_the_end_of_a_step_loses_nothing(offline: Project) -> None:
    notebook(offline)
    (offline.root / "go-1").touch()
    with command(offline) as process:
        until(lambda: finished(offline, "s1") == 1)  # this moment on it counts
        os.kill(runner_of(offline).pid, signal.SIGKILL)
        process.communicate(timeout=WAIT_SECONDS)
    for n in range(2, STEPS + 1):
        (offline.root / f"go-{n}").touch()
    last = run_pipeline(open_project(offline.root), "study")
    states = [step.status for step in last.steps]
    assert states == ["cached"] + ["finished"] * 3, [step.why for step in last.steps]
