"""A real kernel records: what a tracked cell says is in the catalog when the cell ends."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from mlops_jupyter.project import Project, init
from mlops_jupyter.runs import history
from mlops_jupyter.runs.run import Run, RunDetail
from tests.kernel import Kernel


def newest(project: Project) -> Run:
    return history.page(project).runs[0]


def cells(project: Project) -> list[str]:
    rows = project.catalog.rows(
        "SELECT text FROM cell_execution JOIN source ON digest = source_digest ORDER BY id"
    )
    return [row[0] for row in rows]


def test_a_tracked_cell_is_a_run(project: Project, kernel: Kernel) -> None:
    kernel.run("import pandas as pd\nfrom sklearn.linear_model import Ridge")
    kernel.run("frame = pd.DataFrame({'x': [1.0, 2.0, 3.0], 'y': [2.0, 4.0, 6.0]})")
    kernel.run("print('a dead end')")
    answer = kernel.run(
        "%%track baseline\n"
        "alpha = 0.5\n"
        "columns = ['x']\n"
        "model = Ridge(alpha=alpha).fit(frame[columns], frame['y'])\n"
        "r2 = model.score(frame[columns], frame['y'])\n"
        "rows = len(frame)\n"
        "is_good = r2 > 0.5\n"
        "r2",
        cell_id="the-cell",
    )
    assert answer.status == "ok"
    assert "run baseline · finished · r2 0." in answer.data[-1]["text/plain"]
    assert float(answer.data[0]["text/plain"].removeprefix("np.float64(").rstrip(")")) > 0.5

    detail: RunDetail = history.detail(project, newest(project).id)
    run = detail.run
    assert (run.name, run.status, run.notebook) == ("baseline", "finished", "study.ipynb")
    assert set(run.metrics) == {"r2", "rows"}
    assert run.metrics["rows"] == 3
    assert run.parameters["alpha"] == 0.5
    assert run.parameters["columns"] == ["x"]
    assert run.parameters["model"] == "Ridge"
    assert run.parameters["model.alpha"] == 0.5
    assert run.parameters["model.solver"] == "auto"
    assert run.model_kind == "Ridge"
    assert run.environment_digest is not None
    assert b"scikit-learn" in project.objects.read(run.environment_digest)
    assert [cell.source.splitlines()[0] for cell in detail.cells] == [
        "import pandas as pd",
        "frame = pd.DataFrame({'x': [1.0, 2.0, 3.0], 'y': [2.0, 4.0, 6.0]})",
        "%%track baseline",
    ]
    assert detail.cells[-1].cell_id == "the-cell"
    assert len(cells(project)) == 5  # with the one that loads the extension


def test_the_parameters_cell_figures_and_logged_metrics(project: Project, kernel: Kernel) -> None:
    kernel.run("import matplotlib.pyplot as plt, mlops_jupyter\n%matplotlib inline")
    kernel.run("depth = 3\nlimit = depth * 2", tags=["parameters"])
    answer = kernel.run(
        "%%track 'two words' # with a comment\n"
        "for epoch in range(3):\n"
        "    mlops_jupyter.log_metric('loss', 1 / (epoch + depth))\n"
        "mlops_jupyter.log_metric('odd', float('nan'))\n"
        "plt.plot([1, 2]);"
    )
    assert answer.status == "ok", answer.error
    run = newest(project)
    assert run.name == "two words"
    assert run.metrics == {"loss": 0.2, "odd": None}
    steps = project.catalog.rows("SELECT step FROM metric WHERE name = 'loss' ORDER BY step")
    assert [row[0] for row in steps] == [0, 1, 2]
    assert [a.media_type for a in run.artifacts] == ["image/png"]
    assert project.objects.read(run.artifacts[0].digest).startswith(b"\x89PNG")
    assert run.parameters == {"depth": 3}, "the cell does not read `limit`"


def test_data_versions_that_the_cells_used_are_bound(project: Project, kernel: Kernel) -> None:
    kernel.run("import pandas as pd, mlops_jupyter")
    answer = kernel.run("a = pd.DataFrame({'x': [1, 2]})\n%snapshot a --name train")
    assert answer.text.startswith("train@1 · 2 rows × 1 columns")
    kernel.run(
        "b = pd.DataFrame({'x': [3]})\n%snapshot b[b['x'] > 0] --name other --note 'not used'"
    )
    assert "unchanged" in kernel.run("%snapshot a --name train").text
    kernel.run("again = mlops_jupyter.load('train@1')")
    kernel.run("%%track from-load\ntotal = int(again['x'].sum())")
    assert newest(project).data == ("train@1",)
    kernel.run("%%track from-frame\ntotal = int(a['x'].sum())")
    assert newest(project).data == ("train@1",)
    kernel.run("%%track neither\ntotal = sum([1, 2])")
    assert newest(project).data == ()

    # who reads the frame under its name uses the version, whichever cell took it
    kernel.run("c = pd.DataFrame({'x': [7, 8]})\nalias = c")
    kernel.run("d = c[c.x > 7]")
    kernel.run("%snapshot alias --name third")
    kernel.run("%%track elsewhere\ntotal = int(c.x.sum())")
    assert newest(project).data == ("third@1",)
    kernel.run("%%track derived\ntotal = int(d.x.sum())")
    assert newest(project).data == ("third@1",)
    kernel.run("c['y'] = 1")
    kernel.run("%%track changed\ntotal = int(c.x.sum())")
    assert newest(project).data == ("third@1",), "it stands on the version, and on the change"
    kernel.run("c = pd.DataFrame({'x': [0]})")
    kernel.run("%%track another\ntotal = int(c.x.sum())")
    assert newest(project).data == ()

    rows = project.catalog.rows(
        "SELECT position, dataset FROM execution_made JOIN dataset_version ON"
        " dataset_version.id = version_id JOIN cell_execution ON cell_execution.id = execution_id"
        " ORDER BY position"
    )
    assert [tuple(row) for row in rows] == [
        (3, "train"), (4, "other"), (5, "train"), (12, "third"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "status", "error"),
    [
        ("%%track t\nbefore = 1\n1 / 0", "failed", "ZeroDivisionError: division by zero"),
        ("%%track t\nthis is no python", "failed", "SyntaxError"),
        ("%%track t\nraise KeyboardInterrupt", "interrupted", "KeyboardInterrupt"),
        ("%%track t\nimport asyncio\nawait asyncio.sleep(0)\nx = 1", "finished", None),
        ("%%track t\n%%time\nx = 1", "finished", None),
        ("%%track t\n!echo hello\n%pwd", "finished", None),
        ("\n\n%%track t\nx = 1", "finished", None),
        ("%%track t\n", "finished", None),
    ],
)
def test_whatever_the_cell_does_its_run_ends(
    shared_project: Project, shared_kernel: Kernel, source: str, status: str, error: str | None
) -> None:
    before = history.page(shared_project).total
    answer = shared_kernel.run(source)
    assert history.page(shared_project).total == before + 1
    run = newest(shared_project)
    assert (run.status, answer.status) == (status, "ok" if status == "finished" else "error")
    assert (run.error or "").startswith(error or "")
    assert "mlops: not recorded" not in answer.text


def test_line_numbers_in_tracebacks_stay(shared_kernel: Kernel) -> None:
    answer = shared_kernel.run("%%track t\nx = 1\n1 / 0")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", answer.error)
    assert re.search(r"----> 3 1 / 0", plain), plain


@pytest.mark.parametrize(
    "line", ["%%track", "%%track a b", "%%track 'open", f"%%track {'x' * 201}"]
)
def test_a_wrong_first_line_is_one_line_of_error(
    shared_project: Project, shared_kernel: Kernel, line: str
) -> None:
    before = history.page(shared_project).total
    answer = shared_kernel.run(f"{line}\nx = 1")
    assert answer.status == "error"
    assert answer.error.startswith("UsageError: %%track")
    assert "Traceback" not in answer.error
    assert history.page(shared_project).total == before


@pytest.mark.parametrize(
    "name",
    [
        "'../../etc'",
        "'<img src=x onerror=alert(1)>'",
        "'it''s'",
        "🚀",
        "'a\"b'",
        "x" * 200,
        "'a  b'",
    ],
)
def test_hostile_names_are_only_names(
    shared_project: Project, shared_kernel: Kernel, name: str
) -> None:
    import shlex

    shared_kernel.run(f"%%track {name}\nx = 1")
    assert newest(shared_project).name == shlex.split(name)[0]


def test_objects_that_misbehave_do_not_disturb(project: Project, kernel: Kernel) -> None:
    answer = kernel.run(
        "%%track rude\n"
        "class Rude:\n"
        "    def __getattribute__(self, name): raise RuntimeError(name)\n"
        "    def __repr__(self): raise RuntimeError('repr')\n"
        "    def __eq__(self, other): raise RuntimeError('eq')\n"
        "    __hash__ = None\n"
        "rude = Rude()\n"
        "fine = len([1, 2])"
    )
    assert answer.status == "ok"
    assert newest(project).status == "finished"
    assert newest(project).metrics == {"fine": 2}


def test_log_metric_without_a_run_says_what_to_do(shared_kernel: Kernel) -> None:
    shared_kernel.run("import mlops_jupyter")
    answer = shared_kernel.run("mlops_jupyter.log_metric('auc', 0.5)")
    assert "no run is open" in answer.error
    assert "%%track NAME" in answer.error
    assert "Traceback" not in answer.error
    answer = shared_kernel.run("%%track t\nmlops_jupyter.log_metric('auc', 'high')")
    assert "not a number: 'high'" in answer.error


def test_outside_a_project_cells_run_and_one_line_says_so(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    try:
        loaded = kernel.run("%load_ext mlops_jupyter")
        assert loaded.status == "ok"
        assert "not recorded" in loaded.text
        assert "hint: make one with `mlops init`" in loaded.text
        assert kernel.run("%%track t\nx = 2\nx").data == [{"text/plain": "2"}]
        assert not (tmp_path / ".mlops").exists()

        kernel.run("%mlops init")
        kernel.run("%%track now\ny = x + 1")
        assert newest(init(tmp_path)).name == "now"
    finally:
        kernel.close()


def test_a_store_that_fails_does_not_break_the_cell(project: Project, kernel: Kernel) -> None:
    objects = project.folder / "objects"
    objects.write_text("not a folder")
    answer = kernel.run("%%track t\nx = 2\nx + 1")
    assert answer.status == "ok"
    assert answer.data[0] == {"text/plain": "3"}
    assert answer.text.count("mlops: not recorded") == 1
    assert "not recorded" not in kernel.run("%%track t\nx = 2").text
    objects.unlink()
    kernel.run("%%track again\nx = 2 + 2")
    assert newest(project).name == "again"
    assert newest(project).status == "finished"


def test_a_kernel_killed_in_a_tracked_cell(project: Project, kernel: Kernel) -> None:
    kernel.run("import os, signal")
    pid = kernel.manager.provisioner.pid
    kernel.client.execute("%%track doomed\nwhile True: pass")
    deadline = time.monotonic() + 240
    while history.page(project).total == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    other = Kernel(project.root)
    try:
        kernel.manager.provisioner.process.wait()
        other.run("%load_ext mlops_jupyter")
        assert newest(project).status == "interrupted"
    finally:
        other.close()


def test_an_ended_run_is_copied_to_mlflow_beside_the_kernel(
    project: Project, kernel_with_mirror: Kernel
) -> None:
    kernel_with_mirror.run("%%track t\nauc = float('0.5')")
    deadline = time.monotonic() + 240
    while newest(project).mlflow_run_id is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert newest(project).mlflow_run_id is not None


def test_unload_stops_recording(project: Project, kernel: Kernel) -> None:
    kernel.run("%unload_ext mlops_jupyter")
    kernel.run("x = 1")
    assert cells(project) == ["%load_ext mlops_jupyter"]
    kernel.run("%load_ext mlops_jupyter")
    kernel.run("x = 2")
    assert cells(project) == ["%load_ext mlops_jupyter"] * 2 + ["x = 2"]
