"""Cancelling: the run ends as on Ctrl-C, and on record is who did it."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from mlops_jupyter.cli.main import main
from mlops_jupyter.errors import ConflictError, NotFoundError, StoppedError, UsageError
from mlops_jupyter.pipelines.cancel import cancel
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, now, open_project
from mlops_jupyter.runs import history as runs
from tests.pipelines.notebooks import PARAMETERS, code, declare, write
from tests.pipelines.test_interrupt import WAIT_SECONDS, all_gone, gone, hanging, until

REACHED = """
import os, pathlib, time
pathlib.Path("pids.tmp").write_text(str(os.getpid()))
os.replace("pids.tmp", "pids")
time.sleep(600)
"""


@pytest.fixture
def waiting(offline: Project) -> Project:
    """Return a project with a pipeline whose second step does not end."""
    write(
        offline.root / "study.ipynb",
        code("n = 1", PARAMETERS),
        code("x = n", "step:a"),
        code("y = x", "step:b"),
        code(REACHED),
        code("x + y", "step:c"),
    )
    declare(offline, study="study.ipynb")
    return offline


def started(project: Project) -> tuple[Future[PipelineRun], int]:
    """Run the pipeline in the background as far as its second step; return that kernel's pid."""
    pool = ThreadPoolExecutor(1)
    running = pool.submit(run_pipeline, open_project(project.root), "study")
    pool.shutdown(wait=False)
    until(lambda: (project.root / "pids").exists() or running.done())
    if running.done():
        running.result()
    return running, int((project.root / "pids").read_text())


def test_a_cancelled_run_says_who_ended_it(waiting: Project) -> None:
    running, kernel = started(waiting)
    ended = cancel(waiting, None, "Ada <ada@laptop>")
    assert gone(kernel)()
    assert ended.status == "interrupted"
    assert [step.status for step in ended.steps] == ["finished", "interrupted", "queued"]
    assert ended.steps[1].error == "cancelled by Ada <ada@laptop>"
    assert ended.run_id is not None
    assert runs.get(waiting, ended.run_id).status == "interrupted"
    with pytest.raises(StoppedError, match="the pipeline was cancelled by Ada <ada@laptop>"):
        running.result(WAIT_SECONDS)
    executed = json.loads((waiting.root / str(ended.steps[1].executed)).read_text())
    states = [c["metadata"]["papermill"]["status"] for c in executed["cells"]]
    assert states[-3:] == ["completed", "failed", "pending"]
    for name in (ended.id, ended.run_id[:6]):
        with pytest.raises(ConflictError, match="has ended: interrupted"):
            cancel(waiting, name, "Ada")


def test_a_coordinator_that_does_not_answer_is_killed(
    waiting: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, kernel = started(waiting)
    row = waiting.catalog.row("SELECT id, pid FROM pipeline_run")
    assert row is not None
    os.kill(row["pid"], signal.SIGSTOP)
    monkeypatch.setattr("mlops_jupyter.pipelines.cancel.PATIENCE_SECONDS", 0.5)
    ended = cancel(waiting, row["id"][:5], "Ada")
    assert (ended.status, ended.steps[1].error) == ("interrupted", "cancelled by Ada")
    until(all_gone([kernel, row["pid"]]))
    with pytest.raises(StoppedError, match="cancelled by Ada"):
        running.result(WAIT_SECONDS)


def test_the_command(offline: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with hanging(offline) as pipeline:
        with pytest.raises(SystemExit) as ended:
            main(["pipeline", "cancel"])
        assert ended.value.code == 0
        until(all_gone([*pipeline.kernels, pipeline.helper, pipeline.runner]))
        _, errors = pipeline.command.communicate(timeout=WAIT_SECONDS)
    assert capsys.readouterr().out.endswith(": interrupted\n")
    assert errors.startswith("error: the pipeline was cancelled by ")
    assert pipeline.command.returncode == 130


@pytest.mark.parametrize(
    "name", ["study", "../x", "'; DROP TABLE run; --", "😀" * 3000, "a\nb", ""]
)
def test_names_of_nothing_that_runs(offline: Project, name: str) -> None:
    with pytest.raises(NotFoundError):
        cancel(offline, name, "Ada")
    with pytest.raises(UsageError, match="no pipeline is running"):
        cancel(offline, None, "Ada")


def test_which_one_is_meant(offline: Project) -> None:
    def row(pipeline_run_id: str, pipeline: str, host: str) -> None:
        with offline.catalog.transaction() as rows:
            rows.execute(
                "INSERT INTO pipeline_run (id, pipeline, notebook, notebook_digest, parameters,"
                " status, host, pid, started_at)"
                " VALUES (?, ?, '', '', '{}', 'running', ?, 1, ?)",
                (pipeline_run_id, pipeline, host, now()),
            )

    row("aa11", "train", "another-host")
    row("aa22", "score", "another-host")
    for name in (None, "aa"):
        with pytest.raises(UsageError, match="more than one pipeline runs") as caught:
            cancel(offline, name, "Ada")
        assert caught.value.hint == "give one of: aa11 (train), aa22 (score)"
