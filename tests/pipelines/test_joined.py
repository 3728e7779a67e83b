"""Several notebooks joined into one pipeline: how they are joined, and how they run."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter import config
from mlops_jupyter.errors import CellFailedError, NotFoundError, UsageError
from mlops_jupyter.pipelines.check import check
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import read_graph
from mlops_jupyter.pipelines.execute import Request, StepProgress, run_pipeline
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.history import summaries
from mlops_jupyter.pipelines.joining import build_joined
from mlops_jupyter.pipelines.picture import edges
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.pipelines.plan import plan
from mlops_jupyter.pipelines.schedule import Schedule
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.reproduction.reproduce import reproduce
from mlops_jupyter.runs import history
from tests.pipelines.notebooks import PARAMETERS, code, write


def declare(project: Project, joined: str, **notebooks: list[Any]) -> Project:
    """Write notebooks, and what joins them; return the project with these settings."""
    for name, cells in notebooks.items():
        made = [code(cell) if isinstance(cell, str) else cell for cell in cells]
        write(project.root / f"{name}.ipynb", *made)
    entries = "\n".join(f"      {line}" for line in joined.splitlines())
    text = f"version: 1\npipelines:\n  study:\n    notebooks:\n{entries}\n"
    (project.root / config.FILE).write_text(text)
    return open_project(project.root)


def graph(project: Project, joined: str, **notebooks: list[Any]) -> Graph:
    return read_graph(declare(project, joined, **notebooks), "study")


FOUR = "last: last.ipynb\nleft: left.ipynb\nright: right.ipynb\nfirst: first.ipynb"


def test_a_notebook_follows_those_whose_variables_it_reads(project: Project) -> None:
    made = graph(
        project, FOUR,
        first=["x = [1]\ndef double(v):\n    return [*v, *v]"],
        left=["a = double(x)"],
        right=["b = len(x)"],
        last=["print(a, b)"],
    )  # fmt: skip
    before = {node.step.name: node.step.before for node in made.nodes}
    assert before == {
        "first": (), "left": ("first",), "right": ("first",), "last": ("left", "right")
    }  # fmt: skip
    assert made.names[0] == "first"
    assert not made.is_chain
    (summary,) = summaries(open_project(project.root))
    assert summary.notebook == "last.ipynb, left.ipynb, right.ipynb, first.ipynb"
    assert edges(made) == {
        ("first", "left"): ("double", "x"), ("first", "right"): ("x",),
        ("left", "last"): ("a",), ("right", "last"): ("b",),
    }  # fmt: skip


def test_steps_of_a_notebook_that_is_joined_follow_each_other(project: Project) -> None:
    made = graph(
        project, "a: a.ipynb\nb: b.ipynb",
        a=["x = 1\nkept = 2"],
        b=[code("y = x", "step:one"), code("y + 1", "step:two"), code("y + kept", "step:three")],
    )  # fmt: skip
    assert made.names == ["a", "b.one", "b.two", "b.three"]
    assert made.is_chain
    # what only the last one reads goes through the others
    assert [node.flow.passes for node in made.nodes] == [
        ("x", "kept"), ("kept", "y"), ("kept", "y"), ()
    ]  # fmt: skip


def test_what_two_notebooks_bind_is_asked_about(project: Project) -> None:
    cells: dict[str, list[Any]] = {"a": ["x = 1"], "b": ["x = 2"], "c": ["x + 1"]}
    joined = "a: a.ipynb\nb: b.ipynb\nc: c.ipynb"
    with pytest.raises(UsageError, match=r"c\.ipynb: cell 1 reads 'x', which a and b bind") as told:
        graph(project, joined, **cells)
    assert told.value.hint == "say which: `takes: {x: b}` of c in mlops.yaml"
    joined = "a: a.ipynb\nb: b.ipynb\nc: {notebook: c.ipynb, takes: {x: a}}"
    made = graph(project, joined, **cells)
    assert edges(made) == {("a", "c"): ("x",)}


@pytest.mark.parametrize(
    ("joined", "error", "said"),
    [
        ("a: {notebook: a.ipynb, after: [b]}\nb: b.ipynb", UsageError, "in a circle: a after b"),
        ("a: {notebook: a.ipynb, after: [c]}\nb: b.ipynb", NotFoundError, "no notebook 'c'"),
        ("a: a.ipynb\nb: {notebook: b.ipynb, takes: {z: a}}", UsageError, "'z' from a, which"),
        ("a: a.ipynb\nb: gone.ipynb", UsageError, r"gone\.ipynb"),
        ("a: {notebook: a.ipynb, afterr: [b]}\nb: b.ipynb", UsageError, "afterr"),
    ],
)
def test_what_cannot_be_joined(
    project: Project, joined: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        graph(project, joined, a=["x = 1"], b=["x + 1"])


def test_a_name_that_nobody_binds_is_told_of_its_notebook(project: Project) -> None:
    declared = declare(project, "a: a.ipynb\nb: b.ipynb", a=["x = 1"], b=["print(x, frmae)"])
    with pytest.raises(UsageError, match=r"b\.ipynb: cell 1 reads 'frmae'"):
        read_graph(declared, "study")
    (found,) = check(declared)
    assert found.has_errors


def test_the_setup_of_several_steps_cannot_read_another_notebook(project: Project) -> None:
    b = ["y = x", code("y", "step:one"), code("y", "step:two")]
    with pytest.raises(UsageError, match="cell 1 runs in each step, and reads 'x' of the notebook"):
        graph(project, "a: a.ipynb\nb: b.ipynb", a=["x = 1"], b=b)


def test_one_name_is_one_parameter(project: Project) -> None:
    joined = "a: a.ipynb\nb: b.ipynb"
    a, same = code("n = 1", PARAMETERS), code("n = 1\nrate = 0.5", PARAMETERS)
    made = graph(project, joined, a=[a, "x = n"], b=[same, "x + n"])
    assert [parameter.name for parameter in made.pipeline.parameters] == ["n", "rate"]
    with pytest.raises(UsageError, match="'n' is one thing in a and another in b"):
        graph(project, joined, a=[a, "x = n"], b=[code("n = 'one'", PARAMETERS), "x"])


def test_either_one_notebook_or_several(project: Project) -> None:
    text = "version: 1\npipelines:\n  study: {notebook: a.ipynb, notebooks: {b: b.ipynb}}\n"
    (project.root / config.FILE).write_text(text)
    with pytest.raises(UsageError, match="either one `notebook` or several"):
        open_project(project.root)


def test_notebooks_are_joined_by_a_command(project: Project) -> None:
    (project.root / "notebooks").mkdir()
    paths = [
        write(project.root / "notebooks" / f"{name}.ipynb", code(source))
        for name, source in {"make": "x = 1", "use": "y = x"}.items()
    ]
    for _ in range(2):  # again, it changes nothing
        made = build_joined(project, paths, "study")
        assert made.names == ["make", "use"]
        text = (project.root / config.FILE).read_text()
        assert text.count('use: "notebooks/use.ipynb"') == 1
    with pytest.raises(UsageError, match=r"'study' is made of notebooks/make\.ipynb, "):
        build_joined(project, paths[:1], "study")
    with pytest.raises(UsageError, match="two of the notebooks are called make"):
        build_joined(project, [paths[0], paths[0]], "other")
    with pytest.raises(UsageError, match="outside the project"):
        build_joined(project, [write(project.root.parent / "far.ipynb", code("z = 1"))], "other")


def test_what_cannot_be_joined_yet_is_declared_and_told(project: Project) -> None:
    paths = [
        write(project.root / f"{name}.ipynb", code(source))
        for name, source in {"a": "x = 1", "b": "x = 2", "c": "x"}.items()
    ]
    with pytest.raises(UsageError, match="which a and b bind"):
        build_joined(project, paths, "study")
    assert set(open_project(project.root).settings.pipelines["study"].joined) == {"a", "b", "c"}


# --- run -----------------------------------------------------------------------------------------

MEET = """
import os, time
os.makedirs("met-{mine}", exist_ok=True)
until = time.monotonic() + 240
while not os.path.exists("met-{other}") and time.monotonic() < until:
    time.sleep(0.01)
{mine} = score(x) + (1 if os.path.exists("met-{other}") else 100)
print("{mine}", {mine})
"""
"""Ends well only if the other one runs at the same time."""

NOTEBOOKS: dict[str, list[Any]] = {
    "first": [
        code("n: int = 3", PARAMETERS),
        "import numpy as np\nx = np.arange(n)\ndef score(values):\n    return int(values.sum())",
    ],
    "left": [MEET.format(mine="a", other="b")],
    "right": [MEET.format(mine="b", other="a")],
    "last": [
        "import sys\nbest = max(a, b)\nshown = (best, 'numpy' in sys.modules)",
        "from sklearn.linear_model import LinearRegression",
        "model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])",
    ],
}


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, PipelineRun]:
    """Return a project in which the four notebooks were run once."""
    from mlops_jupyter.project import init

    folder = tmp_path_factory.mktemp("joined")
    init(folder)
    project = declare(open_project(folder), FOUR, **NOTEBOOKS)
    return project, run_pipeline(project, "study", {"n": 4}, workers=2)


def test_notebooks_run_side_by_side(joined: tuple[Project, PipelineRun]) -> None:
    _, run = joined
    assert run.status == "finished"
    assert [step.status for step in run.steps] == ["finished"] * 4
    assert run.notebook == "last.ipynb, left.ipynb, right.ipynb, first.ipynb"


def test_the_run_of_the_pipeline_holds_what_all_of_them_recorded(
    joined: tuple[Project, PipelineRun],
) -> None:
    project, run = joined
    assert run.run_id is not None
    whole = history.get(project, run.run_id)
    assert {name: whole.metrics[name] for name in ("a", "b", "best")} == {"a": 7, "b": 7, "best": 7}
    nested = [one for one in history.page(project).runs if one.parent_run_id == run.run_id]
    assert {one.name: one.status for one in nested} == dict.fromkeys(NOTEBOOKS, "finished")
    (left,) = (one for one in nested if one.name == "left")
    assert left.metrics["a"] == 7
    (last,) = (one for one in nested if one.name == "last")
    assert whole.model_digest == last.model_digest is not None
    assert "best" not in left.metrics
    with pytest.raises(UsageError, match="is the run of a pipeline, which `reproduce` does not"):
        reproduce(project, left.id)


def test_what_did_not_change_is_taken(joined: tuple[Project, PipelineRun]) -> None:
    project, _ = joined
    again = run_pipeline(project, "study", {"n": 4}, choice=Choice(audit=False))
    assert [step.status for step in again.steps] == ["cached"] * 4
    assert again.run_id is not None
    assert history.get(project, again.run_id).metrics["best"] == 7
    write(project.root / "right.ipynb", code(MEET.format(mine="b", other="a") + "b += 1"))
    planned = plan(project, "study", {"n": 4})
    assert [(one.step, one.action) for one in planned.steps] == [
        ("first", "cached"), ("left", "cached"), ("right", "run"), ("last", "perhaps"),
    ]  # fmt: skip
    assert planned.steps[2].why == ("cell 1 changed",)
    changed = run_pipeline(project, "study", {"n": 4}, choice=Choice(audit=False))
    assert [s.status for s in changed.steps] == ["cached", "cached", "finished", "finished"]
    assert changed.steps[3].why == "right gives other values"
    only = run_pipeline(project, "study", {"n": 4}, choice=Choice(to="left", audit=False))
    assert [s.status for s in only.steps] == ["cached", "cached", "queued", "queued"]


def test_one_that_fails_leaves_the_others_their_end(project: Project) -> None:
    wait = (
        "import pathlib, time\nwhile not pathlib.Path('failed').exists(): time.sleep(0.01)\nb = 1"
    )
    fail = "import pathlib\npathlib.Path('failed').touch()\n1 / 0"
    declared = declare(
        project, "left: left.ipynb\nright: right.ipynb\nlast: last.ipynb",
        left=[fail, "a = 1"], right=[wait], last=["a + b"],
    )  # fmt: skip
    seen: list[StepProgress] = []
    with pytest.raises(CellFailedError, match="ZeroDivisionError") as told:
        run_pipeline(declared, "study", progress=seen.append, workers=2)
    assert Path(told.value.notebook).name == "left.ipynb"
    row = declared.catalog.rows("SELECT step, status FROM step_run ORDER BY position")
    assert [tuple(one) for one in row] == [
        ("left", "failed"), ("right", "finished"), ("last", "queued")
    ]  # fmt: skip
    assert any(place.step == "right" and place.status == "finished" for place in seen)
    runs = {run.name: run.status for run in history.page(declared).runs}
    assert runs == {"study": "failed", "left": "failed", "right": "finished", "last": "interrupted"}


# --- the order -----------------------------------------------------------------------------------


def test_no_more_run_at_once_than_there_are_workers(project: Project) -> None:
    names = [f"n{number}" for number in range(6)]
    joined = "\n".join(f"{name}: {name}.ipynb" for name in names)
    made = graph(project, joined, **{name: [f"{name} = 1"] for name in names})
    request = Request(str(project.root), "0", "study", (), {}, {}, workers=2)
    both, most, now = threading.Barrier(2), [0], [0]
    lock = threading.Lock()

    def settle(position: int) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait(240)  # passes only when two are here at once
        with lock:
            now[0] -= 1

    Schedule(made, request).run(settle, lambda: None)
    assert most == [2]
