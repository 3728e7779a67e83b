"""However a pipeline is stopped, its statuses are right and no kernel is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pytest

from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history as runs
from tests.pipelines.notebooks import PARAMETERS, code, declare, write

WAIT_SECONDS = 240

# holds the interpreter's lock, so that no thread of the kernel can watch its parent
HANG = """
import ctypes, os, pathlib, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
helper = subprocess.Popen(sleep, start_new_session=True)
pathlib.Path("pids.tmp").write_text(f"{os.getpid()} {helper.pid}")
os.replace("pids.tmp", "pids")
ctypes.PyDLL(None).sleep(600)
"""


@dataclass
class Hanging:
    """A pipeline in the middle of a cell that does not end."""

    command: subprocess.Popen[str]
    runner: int
    kernels: list[int]  # that of the step, and that of the next one, which is started ahead
    helper: int


@contextmanager
def hanging(project: Project) -> Iterator[Hanging]:
    cells = [code("x = n", "step:a"), code(HANG, "step:b"), code("x", "step:c")]
    write(project.root / "study.ipynb", code("n = 1", PARAMETERS), *cells)
    declare(project, study="study.ipynb")
    command = subprocess.Popen(
        [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", "study"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=project.root,
    )  # fmt: skip
    with command:
        try:
            until((project.root / "pids").exists)
            kernel, helper = map(int, (project.root / "pids").read_text().split())
            row = project.catalog.row("SELECT pid FROM pipeline_run")
            assert row is not None
            kernels = [child.pid for child in psutil.Process(row["pid"]).children()]
            assert kernel in kernels
            assert len(kernels) == 2
            yield Hanging(command, row["pid"], kernels, helper)
        finally:
            command.kill()


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def gone(pid: int) -> Callable[[], bool]:
    """Return a condition: the process has ended."""

    def is_gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return is_gone


def all_gone(pids: list[int]) -> Callable[[], bool]:
    """Return a condition: all processes have ended."""
    return lambda: all(gone(pid)() for pid in pids)


def only_run(project: Project) -> PipelineRun:
    """Return the run as the next start sees it."""
    (summary,) = history.summaries(open_project(project.root))
    (run,) = summary.runs
    return run


def check_interrupted(project: Project) -> None:
    run = only_run(project)
    assert run.status == "interrupted"
    assert [step.status for step in run.steps] == ["finished", "interrupted", "queued"]
    assert run.run_id is not None
    assert runs.get(project, run.run_id).status == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_command_ends_the_kernel(offline: Project, number: signal.Signals) -> None:
    with hanging(offline) as pipeline:
        pipeline.command.send_signal(number)
        until(all_gone(pipeline.kernels))
        until(gone(pipeline.helper))
        until(gone(pipeline.runner))
        _, errors = pipeline.command.communicate(timeout=WAIT_SECONDS)
        assert "Traceback" not in errors
        if number == signal.SIGINT:
            assert (pipeline.command.returncode, errors.strip()) == (130, "interrupted")
    row = offline.catalog.row("SELECT status FROM pipeline_run")
    assert row is not None
    assert row["status"] == "interrupted"  # the runner itself wrote it down
    check_interrupted(offline)
    executed = offline.root / str(only_run(offline).steps[1].executed)
    cells = json.loads(executed.read_text())["cells"]
    states = {c["metadata"]["mlops"]["part"]: c["metadata"]["papermill"]["status"] for c in cells}
    assert (states["step"], states["pass_on"]) == ("failed", "pending")


def test_a_killed_runner_is_told_by_the_command(offline: Project) -> None:
    with hanging(offline) as pipeline:
        os.kill(pipeline.runner, signal.SIGKILL)
        until(all_gone(pipeline.kernels))
        _, errors = pipeline.command.communicate(timeout=WAIT_SECONDS)
    assert (
        "error: the process of the pipeline was ended by SIGKILL\n  hint: what it wrote:" in errors
    )
    assert pipeline.command.returncode == 7
    check_interrupted(offline)
    until(gone(pipeline.helper))


def test_when_all_are_killed_the_next_start_puts_it_right(offline: Project) -> None:
    with hanging(offline) as pipeline:
        guardian = psutil.Process(pipeline.runner).parent()
        assert guardian is not None
        pipeline.command.kill()
        guardian.kill()
        os.kill(pipeline.runner, signal.SIGKILL)
        until(all_gone(pipeline.kernels))
        until(gone(pipeline.runner))
    check_interrupted(offline)
    until(gone(pipeline.helper))
