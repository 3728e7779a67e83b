"""Pipelines are run by papermill, in real kernels."""

from __future__ import annotations

import json
import math
import pickle
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_jupyter.config import JoinedNotebook
from mlops_jupyter.errors import (
    CellFailedError,
    ExternalError,
    MlopsError,
    NotFoundError,
    UsageError,
)
from mlops_jupyter.pipelines import execute, history, runner
from mlops_jupyter.pipelines.declared import NotebookFile
from mlops_jupyter.pipelines.execute import Request, StepProgress, run_pipeline
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history as runs
from tests.pipelines.notebooks import PARAMETERS, code, declare, steps, text, write

HOSTILE = "-a {b} 'c' \"d\" 🚀.ipynb"

RUN = "0123456789abcdef"

SETUP = """
import os
class Airport:
    def __init__(self, name): self.name = name
log = []
"""
LOAD = """
import statistics
def centre(values): return statistics.median(values) + OFFSET
OFFSET = 0.5
delays = [10, 20, 30]
alias = delays
airport = Airport("JFK")
log.append(os.getcwd())
"""
TRAIN = """
score = centre(delays) * rate
alias.append(month)
"""
REPORT = """
assert delays is alias and delays == [10, 20, 30, 7], delays
assert isinstance(airport, Airport)
total = centre([1.0])
print(log, score)
"""


def study(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    return write(
        path,
        code(SETUP),
        code("month = 1\nrate = 1.0", PARAMETERS),
        text("## Load"),
        code(LOAD, "step:load"),
        code(TRAIN, "step:train"),
        code(REPORT, "step:report"),
        code("later = 1"),
    )


def outputs(project: Project, executed: str | None) -> list[dict[str, Any]]:
    assert executed is not None
    cells = json.loads((project.root / executed).read_text())["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


def test_a_pipeline_runs_as_its_notebook_would(offline: Project) -> None:
    project = offline
    path = study(project.root / "sub {folder}" / HOSTILE)
    notebook = path.relative_to(project.root).as_posix()
    declare(project, delays=notebook)
    project = open_project(project.root)
    told: list[StepProgress] = []
    run = run_pipeline(project, "delays", {"month": "7"}, told.append)

    assert (run.pipeline, run.status, run.notebook) == ("delays", "finished", notebook)
    assert run.parameters == {"month": 7, "rate": 1.0}
    assert [(s.step, s.status, s.error) for s in run.steps] == [
        ("load", "finished", None),
        ("train", "finished", None),
        ("report", "finished", None),
    ]
    folder = f".mlops/pipelines/delays/{run.id}"
    assert [s.executed for s in run.steps] == [
        f"{folder}/01-load.ipynb", f"{folder}/02-train.ipynb", f"{folder}/03-report.ipynb",
    ]  # fmt: skip
    printed = outputs(project, run.steps[2].executed)[0]["text"]
    assert printed == [f"{[str(path.parent)]} 20.5\n"]
    _check_executed(project, run)
    _check_recorded(project, run)
    assert [(p.step, p.number, p.cell, p.cells, p.status) for p in told if p.step == "report"] == [
        ("report", 3, 0, 2, "running"),
        ("report", 3, 1, 2, "running"),
        ("report", 3, 2, 2, "running"),
        ("report", 3, 2, 2, "finished"),
    ]
    assert history.summaries(project)[0].runs == (run,)


def _check_executed(project: Project, run: PipelineRun) -> None:
    for step in run.steps:
        assert step.executed is not None
        notebook = json.loads((project.root / step.executed).read_text())
        code_cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        assert {c["metadata"]["papermill"]["status"] for c in code_cells} == {"completed"}
        assert notebook["metadata"]["papermill"]["parameters"] == {"month": 7}
        assert notebook["metadata"]["papermill"]["exception"] is None
    own = [c for c in code_cells if c["metadata"].get("mlops", {}).get("part") == "step"]
    assert [cell["id"] for cell in own] == ["id-5", "id-6"]


def _check_recorded(project: Project, run: PipelineRun) -> None:
    assert run.run_id is not None
    detail = runs.detail(project, run.run_id)
    recorded = detail.run
    assert (recorded.name, recorded.status, recorded.notebook) == (
        "delays",
        "finished",
        run.notebook,
    )
    assert recorded.pipeline_run_id == run.id
    assert recorded.parameters.items() >= {"month": 7, "rate": 1.0}.items()
    assert recorded.metrics == {"score": 20.5, "total": 1.5}
    sources = {cell.cell_id: cell.source for cell in detail.cells}
    assert sources["id-0"] == SETUP
    assert sources["id-4"] == TRAIN


def run_here(project: Project, *cells: dict[str, Any], kernel: str = "python3") -> None:
    """Run a pipeline in this process."""
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel}}
    path = write(project.root / "study.ipynb", code("n = 1", PARAMETERS), *cells, metadata=metadata)
    request = Request(
        root=str(project.root),
        id=RUN,
        pipeline="study",
        files=(NotebookFile("", "study.ipynb", path.read_bytes(), JoinedNotebook("study.ipynb")),),
        given={},
        parameters={"n": 1},
    )
    execute.folder_of(project, "study", request.id).mkdir(parents=True)
    runner.run(project, request, lambda place: None)


def statuses(project: Project) -> list[str]:
    """Return how the run of `run_here` ended, and how its steps did."""
    run = history.get(project, RUN)
    return [run.status, *(step.status for step in run.steps)]


def test_a_cell_that_raises_ends_the_pipeline(project: Project) -> None:
    with pytest.raises(CellFailedError) as caught:
        run_here(
            project,
            code("x = 1", "step:a"),
            text("a note"),
            code("print('before')\n1 / 0", "step:b"),
            code("print('after')"),
            code("print(x)", "step:c"),
        )
    error = caught.value
    assert error.notebook == str(project.root / "study.ipynb")
    assert error.cell == "cell 4 (step:b)"
    assert error.error == "ZeroDivisionError: division by zero"
    assert "1 / 0" in error.traceback
    assert error.executed is not None
    assert error.hint == f"the notebook as executed so far: {error.executed}"
    kept = outputs(project, error.executed)
    assert kept[0]["text"] == ["before\n"]
    assert kept[1]["ename"] == "ZeroDivisionError"
    run = history.get(project, RUN)
    assert statuses(project) == ["failed", "finished", "failed", "queued"]
    assert run.steps[1].error == error.message
    assert run.run_id is not None
    assert runs.get(project, run.run_id).status == "failed"


def test_a_cell_of_the_setup_that_raises_is_named(project: Project) -> None:
    with pytest.raises(CellFailedError) as caught:
        run_here(project, code("open('nowhere')"), code("x = 1", "step:a"))
    assert caught.value.cell == "cell 2 (setup of step:a)"
    assert caught.value.error.startswith("FileNotFoundError: ")


def test_a_variable_that_cannot_be_passed_on_is_the_users_mistake(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        run_here(project, code("rows = (i for i in [1])", "step:a"), code("list(rows)", "step:b"))
    assert not isinstance(caught.value, CellFailedError)
    assert "step a: the variable 'rows' (generator) cannot be passed on" in caught.value.message
    assert caught.value.hint == "create it in a setup cell or merge the two steps"
    assert statuses(project) == ["failed", "failed", "queued"]


def test_a_step_that_ends_early_has_failed(project: Project) -> None:
    with pytest.raises(CellFailedError, match="the step ended before its last cell") as caught:
        run_here(project, code("import sys\nsys.exit()", "step:a"), code("n", "step:b"))
    assert caught.value.cell == "cell 2 (step:a)"
    assert statuses(project) == ["failed", "failed", "queued"]


def test_a_dead_kernel_is_not_the_users_mistake(project: Project) -> None:
    killed = "import os, signal\nprint('here', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(ExternalError, match="the kernel died") as caught:
        run_here(project, code("x = n", "step:a"), code(killed), code("print('after')"))
    assert "cell 3 (step:a)" in caught.value.message
    run = history.get(project, RUN)
    assert statuses(project) == ["failed", "failed"]
    assert run.steps[0].executed is not None
    executed = json.loads((project.root / run.steps[0].executed).read_text())
    states = [c["metadata"]["papermill"]["status"] for c in executed["cells"][-3:]]
    assert states == ["completed", "failed", "pending"]


def test_a_kernel_that_is_not_installed_is_named(project: Project) -> None:
    with pytest.raises(UsageError, match="no kernel 'python33' on this machine") as caught:
        run_here(project, code("x = 1", "step:a"), kernel="python33")
    assert caught.value.hint == "did you mean 'python3'?"


@pytest.mark.parametrize(
    ("name", "given", "error", "words"),
    [
        ("trian", {}, NotFoundError, "there is no pipeline 'trian'"),
        ("train", {"mont": 1}, NotFoundError, "there is no parameter 'mont'"),
        ("train", {"month": "May"}, UsageError, "parameter 'month' is a whole number"),
        ("gone", {}, UsageError, "there is no such notebook"),
        ("plain", {}, UsageError, "no code cell is tagged `parameters`"),
    ],
)
def test_nothing_runs_after_a_mistake(
    project: Project, name: str, given: dict[str, Any], error: type[MlopsError], words: str
) -> None:
    study(project.root / "train.ipynb")
    write(project.root / "plain.ipynb", code("x = 1", "step:a"))
    declare(project, train="train.ipynb", gone="gone.ipynb", plain="plain.ipynb")
    project = open_project(project.root)
    with pytest.raises(error, match=words) as caught:
        run_pipeline(project, name, given)
    assert caught.value.exit_code == 2
    assert not (project.folder / "pipelines").exists()
    assert project.catalog.rows("SELECT id FROM pipeline_run") == []
    assert project.catalog.rows("SELECT id FROM run") == []


EVERYTHING = """
import os
import pandas as pd
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
when = date(2024, 1, 1)
at: datetime | None = None
stamp: "pd.Timestamp" = None
file = Path("a")
pair = (1, 2)
many = {1}
price = Decimal("1")
rate: float = 1
text = ""
nothing: int | None = 3
nested = {}
rows: "list[int] | None" = None
"""

GIVEN: dict[str, Any] = {
    "when": "2024-02-29",
    "at": "2024-02-29T12:00:00+01:00",
    "stamp": "2024-02-29T12:00:00.123456789",
    "file": "b c/d.csv",
    "pair": (3, ("x", None)),
    "many": "[1, 2]",
    "price": "1.10",
    "rate": "inf",
    "text": '\'); import os #\n""" %d {month} 🚀' + "x" * 10_000,
    "nothing": "null",
    "nested": {"a": [1, {"b": (2**100,)}]},
    "rows": "[1]",
}


def test_values_of_every_type_reach_each_step_as_they_are(offline: Project) -> None:
    names = f"{{n: globals()[n] for n in {list(GIVEN)!r}}}"
    write(
        offline.root / "types.ipynb",
        code(EVERYTHING, PARAMETERS),
        code("rows.append(2)", "step:change"),
        code(f"import pickle\nPath('seen').write_bytes(pickle.dumps({names}))", "step:keep"),
    )
    declare(offline, types="types.ipynb")
    project = open_project(offline.root)
    run = run_pipeline(project, "types", GIVEN)
    assert run.status == "finished"
    seen = pickle.loads((project.root / "seen").read_bytes())
    assert seen == {
        "when": date(2024, 2, 29),
        "at": datetime.fromisoformat("2024-02-29T12:00:00+01:00"),
        "stamp": pd.Timestamp("2024-02-29T12:00:00.123456789"),
        "file": Path("b c/d.csv"),
        "pair": (3, ("x", None)),
        "many": {1, 2},
        "price": Decimal("1.10"),
        "rate": math.inf,
        "text": GIVEN["text"],
        "nothing": None,
        "nested": {"a": [1, {"b": (2**100,)}]},
        "rows": [1, 2],
    }
    assert run.parameters["when"] == "2024-02-29"
    assert run.parameters["rate"] == "inf"
    assert run.parameters["many"] == [1, 2]
    assert run.run_id is not None
    recorded = runs.get(project, run.run_id).parameters
    assert recorded["pair"] == [3, ["x", None]]


def test_secrets_reach_the_kernel_and_nothing_else(
    offline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = """import os
db: "Secret" = "env:DB_URL"
hub = os.environ["HUB_KEY"]
password = "x"
late: "str | None" = None
"""
    connect = "def connect(*words): return sum(map(len, words))"
    write(
        offline.root / "secrets.ipynb",
        code(cell, PARAMETERS),
        code(connect),
        code("length = connect(db, hub, password, late)", "step:a"),
        code("copy = db\nassert length == connect(db, hub, password, late) == 67", "step:b"),
    )
    declare(offline, secrets="secrets.ipynb")
    project = open_project(offline.root)
    monkeypatch.setenv("DB_URL", "hunter-by-the-name")
    monkeypatch.setenv("HUB_KEY", "hunter-in-a-cell")
    run = run_pipeline(project, "secrets", {"password": "hunter-plain-text", "late": "env:HUB_KEY"})
    assert run.status == "finished"
    assert run.parameters == {
        "db": "env:DB_URL", "hub": "env:HUB_KEY", "password": "‹masked›", "late": "env:HUB_KEY",
    }  # fmt: skip
    injected = json.loads((project.root / str(run.steps[0].executed)).read_text())
    given = injected["metadata"]["papermill"]["parameters"]
    assert given == {"password": "‹masked›", "late": "env:HUB_KEY"}
    project.catalog.close()
    files = [f for f in project.folder.rglob("*") if f.is_file()]
    assert len(files) > 5
    assert [f for f in files if b"hunter" in f.read_bytes()] == []


def test_what_a_step_leaves_to_the_end_of_its_kernel_is_done(project: Project) -> None:
    leave = "import atexit\natexit.register(lambda: open('ended.txt', 'a').write('{0}'))\nx{0} = 1"
    steps(project.root / "study.ipynb", "", *(leave.format(n) for n in range(5)))
    declare(project, study="study.ipynb")
    run_pipeline(open_project(project.root), "study")
    assert (project.root / "ended.txt").read_text() == "01234"
