"""A step that was killed goes on where it was: its folder survives."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter.errors import CellFailedError, UsageError
from mlops_jupyter.pipelines import checkpoint
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.store.objects import digest_of
from mlops_jupyter.upkeep import gc
from tests.kernel import Kernel
from tests.pipelines.notebooks import PARAMETERS, code, declare, write
from tests.pipelines.test_interrupt import WAIT_SECONDS, gone, until
from tests.pipelines.test_resume import command, runner_of

TRAIN = """
import mlops_jupyter, os, time
folder = mlops_jupyter.checkpoint("model")
seen = sorted(int(file.stem) for file in folder.glob("*.epoch"))
first = len(seen)
for epoch in range(first, 4):
    while epoch == 2 and not os.path.exists("go"):
        time.sleep(0.01)
    (folder / f"{epoch}.epoch").write_text(str(rate))
last = epoch
"""


def slots(project: Project) -> list[Path]:
    return sorted((project.folder / "checkpoints").glob("*/*"))


def epochs(project: Project) -> list[str]:
    return sorted(p.name for slot in slots(project) for p in slot.glob("model/*.epoch"))


@pytest.mark.parametrize("victim", ["kernel", "coordinator"])
def test_after_a_kill_a_step_goes_on_from_its_last_epoch(offline: Project, victim: str) -> None:
    write(
        offline.root / "study.ipynb",
        code("rate = 0.1", PARAMETERS),
        code("before = 1", "step:load"),
        code("first = last = before\n" + TRAIN, "step:train"),
    )
    declare(offline, study="study.ipynb")
    with command(offline) as process:
        until(lambda: epochs(offline) == ["0.epoch", "1.epoch"])
        runner = runner_of(offline)
        (kernel,) = (child.pid for child in runner.children())  # of the last step: none is ahead
        os.kill(kernel if victim == "kernel" else runner.pid, signal.SIGKILL)
        process.communicate(timeout=WAIT_SECONDS)
        until(gone(kernel))
    assert epochs(offline) == ["0.epoch", "1.epoch"]
    (offline.root / "go").touch()
    project = open_project(offline.root)
    if victim == "kernel":  # another key gets an empty folder, and leaves the first one alone
        other = run_pipeline(project, "study", {"rate": 0.2})
        assert _metrics(project, other.run_id)["first"] == 0
        assert epochs(offline) == ["0.epoch", "1.epoch"]
    again = run_pipeline(project, "study")
    assert [step.status for step in again.steps] == ["cached", "finished"]
    found = _metrics(project, again.run_id)
    assert (found["first"], found["last"]) == (2, 3)
    assert slots(offline) == [], "it is removed when the step has finished"
    kept = project.catalog.rows("SELECT why_not FROM step_entry WHERE step = 'train'")
    assert {row[0] for row in kept} == {None}, "what lies in the folder is no input of the step"


def test_after_a_file_has_changed_that_the_step_had_read_it_begins_anew(offline: Project) -> None:
    write(
        offline.root / "study.ipynb",
        code("rate = 0.1", PARAMETERS),
        code("rows = open('rows.txt').read()", "step:train"),
        code("import mlops_jupyter\nfolder = mlops_jupyter.checkpoint('model')\n"
             "first = len(list(folder.iterdir()))\n(folder / rows).touch()\n"
             "assert rows == 'fine', rows"),
    )  # fmt: skip
    declare(offline, study="study.ipynb")
    project = open_project(offline.root)
    (offline.root / "rows.txt").write_text("bad")
    with pytest.raises(CellFailedError):
        run_pipeline(project, "study")
    (slot,) = slots(offline)
    assert [path.name for path in (slot / "model").iterdir()] == ["bad"]
    (offline.root / "rows.txt").write_text("fine")
    assert _metrics(project, run_pipeline(project, "study").run_id)["first"] == 0


def _metrics(project: Project, run_id: str | None) -> dict[str, float | None]:
    from mlops_jupyter.runs import history

    return history.get(project, str(run_id)).metrics


def test_in_a_notebook_the_folder_belongs_to_the_code_of_the_cell(
    project: Project, kernel: Kernel
) -> None:
    cell = "import mlops_jupyter\nfolder = mlops_jupyter.checkpoint('a')\n{}\nprint(folder)"
    first = kernel.run(cell.format("(folder / 'x').touch()")).text.strip()
    assert kernel.run(cell.format("(folder / 'x').touch()  # again")).text.strip() == first
    assert kernel.run(cell.format("pass")).text.strip() != first
    assert Path(first).relative_to(project.folder / "checkpoints").name == "a"
    assert (Path(first) / "x").exists()
    kernel.close()
    another = Kernel(project.root)
    try:
        assert another.run(cell.format("(folder / 'x').touch()")).text.strip() == first
    finally:
        another.close()


def test_in_a_script_there_is_none(project: Project) -> None:
    with pytest.raises(UsageError, match="neither a step of a pipeline nor a cell"):
        mlops_jupyter.checkpoint("model")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "/etc", "a/b", "a\\b", ".lease", "a\nb", "x" * 101, "🚀", "a\0b", None,
     3, b"a", Path("a"), '"<b>'],
)  # fmt: skip
def test_hostile_names_are_refused(project: Project, name: object) -> None:
    with pytest.raises(UsageError, match="no name of a folder"):
        mlops_jupyter.checkpoint(name)  # type: ignore[arg-type]


KEY = digest_of(b"a step")


def hold(root: str, taken: Event, leave: Event) -> None:
    """Work in a folder, in a process of its own."""
    slot = checkpoint.take(open_project(root), KEY)
    (slot / "mine").write_text(str(os.getpid()))
    taken.set()
    leave.wait(WAIT_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def test_two_at_once_get_two_folders_and_nobody_has_to_unlock_them(project: Project) -> None:
    context = multiprocessing.get_context("spawn")
    taken, leave = context.Event(), context.Event()
    other = context.Process(target=hold, args=(str(project.root), taken, leave))
    other.start()
    assert taken.wait(WAIT_SECONDS)
    theirs, ours = project.folder / "checkpoints" / KEY.removeprefix("blake3:") / "1", None
    ours = checkpoint.take(project, KEY)
    assert ours == theirs.with_name("2")
    checkpoint.end(project, KEY)
    assert (theirs / "mine").read_text() == str(other.pid), "somebody works in it"
    leave.set()
    other.join(WAIT_SECONDS)
    assert checkpoint.take(project, KEY) == theirs
    assert (theirs / "mine").read_text() == str(other.pid), "what was killed goes on there"


def test_what_nobody_goes_on_with_is_garbage_after_two_weeks(project: Project) -> None:
    held, left = checkpoint.take(project, KEY), project.folder / "checkpoints" / "f00" / "1"
    (left / "model").mkdir(parents=True)
    (left / "model" / "weights").write_bytes(b"x" * 1000)
    assert gc.plan(project).checkpoints.count == 0
    long_ago = time.time() - 15 * 86_400
    for path in (*left.rglob("*"), left, *held.rglob("*"), held):
        os.utime(path, (long_ago, long_ago))
    garbage = gc.plan(project)
    assert garbage.checkpoints.size_bytes >= 1000
    gc.collect(project, garbage)
    assert not left.parent.exists()
    assert held.exists(), "a process works in it"
