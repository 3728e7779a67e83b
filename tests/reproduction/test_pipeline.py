"""A run becomes a pipeline that gives the run's metrics again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mlops_jupyter import config
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.notebook import cut
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.reproduction.pipeline import build_from_run
from mlops_jupyter.runs import history
from tests.command import Mlops
from tests.kernel import Kernel
from tests.pipelines.notebooks import code, text, write
from tests.reproduction.conftest import Session

IMPORTS = "import random\n\nimport numpy as np"
LOAD = "rows = 200  # of the sample\nrandom.seed(3)\nx = np.linspace(0, 1, rows)"
DEAD_END = "x_log = np.log1p(x)\nwidth = 7"
PREPARE = "noise: float = 0.25\ny = 2 * x + noise * np.array([random.random() for _ in x])"
TRAIN = "%%track line\ndegree: int = 2  # of the polynomial\nfit = np.polyfit(x, y, degree)"
EVALUATE = "error = float(np.mean((np.polyval(fit, x) - y) ** 2))"


def run_again(project: Project, name: str, given: dict[str, Any] | None = None) -> PipelineRun:
    """Run a pipeline that was declared after the project was opened."""
    return run_pipeline(open_project(project.root), name, given)


def study(project: Project) -> Path:
    """Write the notebook that was explored."""
    return write(
        project.root / "study.ipynb",
        code(IMPORTS, id="imports"),
        text("## Load"),
        code(LOAD, id="load"),
        code(DEAD_END, id="dead"),
        text("## Prepare the data"),
        code(PREPARE, id="prepare"),
        text("## Train"),
        code(f"{TRAIN}\n{EVALUATE}", id="train"),
    )


def explore(project: Project, kernel: Kernel, *ids: str) -> str:
    """Execute cells of the notebook; return the newest run."""
    sources = {c["id"]: c["source"] for c in json.loads(study(project).read_text())["cells"]}
    for identity in ids:
        answer = kernel.run(sources[identity], cell_id=identity)
        assert answer.status == "ok", answer.error
    return next((run.id for run in history.page(project).runs), "")


def test_a_run_becomes_a_pipeline_that_gives_its_metrics_again(
    offline: Project, kernel: Kernel, mlops: Mlops
) -> None:
    run_id = explore(offline, kernel, "imports", "load", "dead", "prepare", "train")
    before = history.get(offline, run_id)
    assert before.parameters["degree"] == 2
    status, shown, _ = mlops("pipeline", "build", "--from-run", run_id[:8])
    assert status == 0
    assert "parameters: degree=2" in shown
    made = cut(offline.root / "line.ipynb")
    assert [step.name for step in made.steps] == ["load", "prepare-the-data", "train"]
    again = run_again(offline, "line")
    metrics = history.get(offline, again.run_id or "").metrics
    assert before.metrics["error"] is not None
    assert {name: metrics[name] for name in before.metrics} == before.metrics
    other = run_again(offline, "line", {"degree": 1})
    assert history.get(offline, other.run_id or "").metrics["error"] != before.metrics["error"]


def test_the_notebook_reads_well_and_holds_no_dead_ends(offline: Project, kernel: Kernel) -> None:
    run_id = explore(offline, kernel, "imports", "load", "dead", "prepare", "train")
    building, path = build_from_run(offline, run_id, "winner")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    about, parameters, imports, *rest = notebook.cells
    assert about.source.startswith("# line")
    assert parameters.source == "degree: int = 2  # of the polynomial"
    assert imports.source == IMPORTS
    assert [(cell.cell_type, cell.source) for cell in rest] == [
        ("markdown", "## load"),
        ("code", LOAD),
        ("markdown", "## prepare-the-data"),
        ("code", PREPARE),
        ("markdown", "## train"),
        ("code", f"fit = np.polyfit(x, y, degree)\n{EVALUATE}"),
    ]
    assert building.by == "tags"
    assert config.load(offline.root / "mlops.yaml").pipelines["winner"].notebook == "winner.ipynb"


def test_without_a_structure_there_is_one_step(offline: Project, session: Session) -> None:
    run_id = session(IMPORTS, "m = 1", "%%track 'sum of n'\nn = 3\ntotal = sum(range(n)) + m - 1")
    building, _ = build_from_run(offline, run_id)
    assert building.pipeline.name == "sum-of-n"
    assert [step.name for step in building.pipeline.steps] == ["main"]
    assert [p.name for p in building.pipeline.parameters] == ["n"]
    again = run_again(offline, "sum-of-n", {"n": 5})
    assert history.get(offline, again.run_id or "").metrics["total"] == 10


def test_cells_that_were_executed_out_of_order_stay_in_that_order(
    offline: Project, kernel: Kernel
) -> None:
    explore(offline, kernel, "imports", "load", "prepare")
    kernel.run("x = x[:50]; y = y[:50]", cell_id="load")
    run_id = explore(offline, kernel, "train")
    building, _ = build_from_run(offline, run_id)
    steps = [step.name for step in building.pipeline.steps]
    assert steps == ["load", "prepare-the-data", "load-2", "train"]
    before = history.get(offline, run_id).metrics
    again = run_again(offline, "line")
    assert history.get(offline, again.run_id or "").metrics["error"] == before["error"]


@pytest.mark.parametrize(
    ("cells", "taken", "left"),
    [
        (["n = 2\nm = n", "%%track t\nn = 3\ntotal = n * m"], [], ["n"]),
        (["%%track t\nn = 2\nn = n + 1\ntotal = n * 2"], [], ["n"]),
        (["%%track t\nn = 2; m = 3\ntotal = n * m"], [], ["n", "m"]),
        (["%%track t\nfor n in [1, 2]:\n    k = 3\ntotal = n * k"], [], ["n", "k"]),
        (["%%track t\ntext = '''\nn = 5\n'''\nn = 2\ntotal = n + len(text)"], ["n", "text"], []),
        (["%%track t\n%matplotlib inline\nn = [1,\n  2]\ntotal = sum(n)"], ["n"], []),
    ],
)
def test_only_the_very_assignment_of_a_parameter_is_taken_out(
    offline: Project, session: Session, cells: list[str], taken: list[str], left: list[str]
) -> None:
    run_id = session(*cells)
    before = history.get(offline, run_id).metrics["total"]
    building, _ = build_from_run(offline, run_id)
    names = {p.name for p in building.pipeline.parameters}
    assert names == set(taken)
    assert not names & set(left)
    again = run_again(offline, "t")
    assert history.get(offline, again.run_id or "").metrics["total"] == before


def test_a_notebook_is_not_overwritten_unless_asked(
    offline: Project, session: Session, mlops: Mlops
) -> None:
    run_id = session("n = 3", "%%track t\ntotal = n * 2")
    file = offline.root / "mine.ipynb"
    file.write_text("mine")
    words = ("pipeline", "build", "--from-run", run_id, "--out", "mine.ipynb")
    status, _, errors = mlops(*words)
    assert (status, file.read_text()) == (2, "mine")
    assert "is there already" in errors
    assert mlops(*words, "--force")[0] == 0
    assert json.loads(file.read_text())["metadata"]["mlops"]["run"] == run_id


def test_what_cannot_become_a_pipeline_is_told(offline: Project, session: Session) -> None:
    run_id = session("n = 3", "# mlops: private\nm = 4", "%%track t\ntotal = n * m")
    before = sorted(offline.root.iterdir())
    with pytest.raises(UsageError, match=r"cell \[\d+\] holds a credential, or is private"):
        build_from_run(offline, run_id)
    assert sorted(offline.root.iterdir()) == before
    run_id = session("%%track u\ntotal = 3")
    with pytest.raises(UsageError, match="only bind parameters"):
        build_from_run(offline, run_id)
    run_id = session("%%track u\ntotal = len('abc')")
    build_from_run(offline, run_id)
    again = run_again(offline, "u")
    with pytest.raises(UsageError, match="was made by a pipeline already"):
        build_from_run(offline, again.run_id or "")


def test_a_name_that_is_taken_leaves_no_notebook(offline: Project, session: Session) -> None:
    run_id = session("n = 3", "%%track t\ntotal = n * 2")
    build_from_run(offline, run_id)
    with pytest.raises(UsageError, match="is made of t"):
        build_from_run(offline, run_id, "t", offline.root / "other.ipynb")
    assert not (offline.root / "other.ipynb").exists()
