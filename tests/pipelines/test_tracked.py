"""``papermill --engine mlops`` in a project: a Run, as it runs and however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import papermill
import pytest
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError

from mlops_jupyter.pipelines.engine import MlopsEngine
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.runs.run import Run
from tests.pipelines.notebooks import PARAMETERS, code, write
from tests.pipelines.test_interrupt import gone, until

SPEC = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}

HANGS = code(
    "import os, pathlib, time\n"
    "pathlib.Path('pid.tmp').write_text(str(os.getpid()))\n"
    "os.replace('pid.tmp', 'pid')\n"
    "while not pathlib.Path('go').exists():\n    time.sleep(0.02)"
)

STUDY = (
    code("lr: float = 0.1\nrows = 4\npassword = None", PARAMETERS),
    code("import pandas as pd\n"
         "frame = pd.DataFrame({'a': range(rows)})"),
    code("import mlops_jupyter\nmlops_jupyter.snapshot(frame, name='frame')\n"
         "loss = 2 * lr\nprint('loss', loss)"),
    HANGS,
    code("score = loss + rows\nprint(password)"),
)  # fmt: skip


HANGING = (code("loss = len('abc') / 2"), HANGS, code("x = 2"))


@pytest.fixture(autouse=True)
def _registered() -> None:
    papermill_engines.register("mlops", MlopsEngine)


def execute(*cells: dict[str, Any], **options: Any) -> None:
    """Execute cells in the working directory, as ``out.ipynb``."""
    path = write(Path("in.ipynb"), *cells, metadata=SPEC)
    papermill.execute_notebook(
        path, "out.ipynb", engine_name="mlops", progress_bar=False, **options
    )


def runs(project: Project) -> tuple[Run, ...]:
    return history.page(project).runs


def the_run(project: Project) -> Run:
    (run,) = runs(project)
    return run


def output() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(Path("out.ipynb").read_text())
    return made


def states() -> list[str]:
    return [c["metadata"]["papermill"]["status"] for c in output()["cells"] if "outputs" in c]


def sources(project: Project, run: Run) -> list[str]:
    rows = project.catalog.rows(
        "SELECT text FROM run_cell JOIN cell_execution ON id = execution_id"
        " JOIN source ON digest = source_digest WHERE run_cell.run_id = ? ORDER BY position",
        (run.id,),
    )
    return [row[0] for row in rows]


@contextmanager
def command(
    project: Project, cells: Sequence[dict[str, Any]], *parameters: str
) -> Iterator[subprocess.Popen[str]]:
    """Start papermill's own command, and wait until the cell is executed that hangs."""
    write(project.root / "study.ipynb", *cells, metadata=SPEC)
    running = subprocess.Popen(
        [sys.executable, "-m", "papermill", "--engine", "mlops", "study.ipynb", "out.ipynb",
         "--no-progress-bar", *parameters],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=project.root,
    )  # fmt: skip
    with running:
        try:
            until((project.root / "pid").exists)
            yield running
        finally:
            running.kill()


def test_a_notebook_without_a_line_of_ours_is_a_run_while_it_runs_and_after(
    offline: Project,
) -> None:
    given = ["-p", "lr", "0.5", "-p", "lrr", "1", "-p", "password", "hunter2-and-more"]
    with command(offline, STUDY, *given) as running:
        run = the_run(offline)
        assert (run.status, run.name) == ("running", "study")
        assert run.notebook == str(offline.root / "study.ipynb")
        assert (run.parameters["lr"], run.parameters["rows"]) == (0.5, 4)
        assert run.metrics["loss"] == 1.0
        assert len(sources(offline, run)) == 4
        (offline.root / "go").touch()
        _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "there is no parameter 'lrr'; did you mean 'lr'?" in said
    run = the_run(offline)
    assert (run.status, run.error) == ("finished", None)
    assert run.metrics == {"loss": 1.0, "score": 5.0}
    assert run.parameters["password"] == "‹masked›"
    assert run.data == ("frame@1",)
    assert run.environment_digest is not None

    made = json.loads((offline.root / "out.ipynb").read_text())
    assert [c["source"] for c in made["cells"] if "injected" not in str(c["metadata"]["tags"])] == [
        c["source"].splitlines(keepends=True) for c in STUDY
    ]
    assert [c["execution_count"] for c in made["cells"]] == [1, 2, 3, 4, 5, 6]
    assert made["metadata"]["mlops"] == {"status": "finished", "ended_by": "end", "run": run.id}
    (kept,) = run.artifacts
    executed = offline.objects.read(kept.digest).decode()
    assert (kept.name, "hunter2" in executed) == ("executed.ipynb", False)
    assert "loss 1.0" in executed
    for text in sources(offline, run):
        assert "hunter2" not in text


@pytest.mark.parametrize(
    ("number", "code_", "error"),
    [
        (signal.SIGINT, 1, "cell 2: interrupted"),
        (signal.SIGTERM, -signal.SIGTERM, "cell 2: ended by SIGTERM"),
    ],
    ids=["Ctrl-C", "by a scheduler"],
)
def test_a_command_that_is_stopped_was_interrupted(
    offline: Project, number: signal.Signals, code_: int, error: str
) -> None:
    with command(offline, HANGING) as running:
        kernel = int((offline.root / "pid").read_text())
        running.send_signal(number)
        running.wait(60)
    assert running.returncode == code_
    until(gone(kernel))
    run = the_run(offline)
    assert (run.status, run.error) == ("interrupted", error)
    assert states() == ["completed", "failed", "pending"]
    assert output()["metadata"]["mlops"]["status"] == "interrupted"


def test_a_command_that_is_killed_is_put_right_by_the_next_start(offline: Project) -> None:
    with command(offline, HANGING) as running:
        kernel = int((offline.root / "pid").read_text())
        running.kill()
        running.wait(60)
    until(gone(kernel))
    recorder.close_dead(offline)
    run = the_run(offline)
    assert (run.status, run.error) == ("interrupted", "its kernel ended before the run did")
    assert "loss" in run.metrics


TOO_LONG = (
    "cell 1: CellTimeoutError: A cell timed out while it was being executed, after 1 seconds."
)
ENDINGS = {
    "raises": ("x = 1 / 0", PapermillExecutionError, "failed", "error",
               "cell 2: ZeroDivisionError: division by zero"),
    "leaves": ("import sys; sys.exit()", None, "finished", "exit", None),
    "leaves with 3": ("import sys; sys.exit(3)", PapermillExecutionError, "failed", "exit",
                      "cell 2: SystemExit: 3"),
    "quits": ("quit()", None, "finished", "exit", None),
    "is killed": ("import os; os.kill(os.getpid(), 9)", DeadKernelError, "failed", "kernel",
                  "cell 2: the kernel died: ended by SIGKILL, perhaps out of memory"),
    "ends its process": ("import os; os._exit(0)", DeadKernelError, "failed", "kernel",
                         "cell 2: the kernel died: its process ended with code 0"),
    "takes too long": ("import time; time.sleep(600)", CellTimeoutError, "failed", "timeout",
                       TOO_LONG),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDINGS)
def test_how_it_ended_is_told_as_what_it_is(offline: Project, how: str) -> None:
    source, error, status, cause, words = ENDINGS[how]
    timeout = 1 if how == "takes too long" else None
    # with a limit the cell comes first: on a busy machine any other may take too long
    before = [] if timeout else [code("x = 1")]
    cells = [*before, code(source), code("x = 2")]
    if error is None:
        execute(*cells, execution_timeout=timeout)
    else:
        with pytest.raises(error):
            execute(*cells, execution_timeout=timeout)
    run = the_run(offline)
    assert (run.status, run.error) == (status, words)
    told = output()["metadata"]
    assert (told["mlops"]["status"], told["mlops"]["ended_by"]) == (status, cause)
    assert told["papermill"]["exception"] is (None if status == "finished" else True)
    second = "completed" if status == "finished" else "failed"
    assert states() == [*["completed"] * len(before), second, "pending"]


def test_a_kernel_that_is_not_there_is_a_run_that_failed(
    offline: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NoSuchKernel):
        execute(code("1"), kernel_name="pyhton3")
    run = the_run(offline)
    assert (run.status, run.error) == ("failed", "NoSuchKernel: No such kernel named pyhton3")
    assert states() == ["pending"]
    assert "did you mean 'python3'?" in caplog.text


def test_a_project_that_cannot_be_recorded_into_is_no_reason_not_to_run(
    offline: Project, capfd: pytest.CaptureFixture
) -> None:
    (offline.root / "mlops.yaml").write_text("versoin: 1\n")
    execute(code("1 + 1"))
    assert states() == ["completed"]
    assert "run" not in output()["metadata"]["mlops"]
    assert "mlops: not recorded: " in capfd.readouterr().err
    assert runs(offline) == ()


KERNEL = """
import sys
sys.modules["mlops_jupyter"] = None
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


@pytest.mark.parametrize(
    ("language", "said"),
    [("python", "mlops: cells are not recorded: ModuleNotFoundError"), ("R", "")],
)
def test_a_kernel_that_cannot_record_its_cells_is_a_run_all_the_same(
    offline: Project,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
    language: str,
    said: str,
) -> None:
    place = offline.root / "jupyter" / "kernels" / "other"
    place.mkdir(parents=True)
    argv = [sys.executable, "-c", KERNEL, "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Other", "language": language}
    (place / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(offline.root / "jupyter"))
    execute(code("1 + 1"), kernel_name="other", language=language)
    run = the_run(offline)
    assert (run.status, sources(offline, run)) == ("finished", [])
    assert [artifact.name for artifact in run.artifacts] == ["executed.ipynb"]
    mine = [line for line in capfd.readouterr().err.splitlines() if line.startswith("mlops:")]
    assert [line[: len(said)] for line in mine] == ([said] if said else [])


def test_a_notebook_that_loads_us_itself_and_one_inside_another(
    offline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = recorder.open_run(offline, "outer")
    monkeypatch.setenv("MLOPS_RUN", outer)
    monkeypatch.setenv("MLOPS_STEP_RUN", "of the outer one")
    execute(code("%load_ext mlops_jupyter"), code("%%track inner\nscore = len('ab') / 4"))
    assert [cell["outputs"] for cell in output()["cells"]] == [[], []]
    (run,) = [run for run in runs(offline) if run.name == "in"]
    assert (run.parent_run_id, run.metrics) == (outer, {"score": 0.5})
    assert os.environ["MLOPS_RUN"] == outer
