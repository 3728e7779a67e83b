"""What may pass is tried again, with pauses that grow; each attempt is on record."""

from __future__ import annotations

import pytest

from mlops_jupyter.errors import (
    CellFailedError,
    ExternalError,
    IntegrityError,
    MlopsError,
    StoppedError,
    UsageError,
)
from mlops_jupyter.pipelines import retry
from mlops_jupyter.pipelines.execute import StepProgress, run_pipeline
from mlops_jupyter.pipelines.limits import Limits
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history as runs
from tests.pipelines.notebooks import PARAMETERS, code, declare, write


def cell_error(error: str) -> CellFailedError:
    return CellFailedError("n.ipynb", "cell 2", error)


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (ExternalError("the kernel died"), True),
        (cell_error("ConnectionError: no answer"), True),
        (cell_error("ValueError: NameError: x"), True),
        (cell_error("NameError: name 'x' is not defined"), False),
        (cell_error("ModuleNotFoundError: No module named 'x'"), False),
        (cell_error("SystemExit: 1"), False),
        (StoppedError("cancelled"), False),
        (UsageError("no such kernel"), False),
        (IntegrityError("damaged"), False),
    ],
)
def test_what_may_pass(error: MlopsError, may_pass: bool) -> None:
    waited: list[float] = []
    told: list[tuple[int, bool]] = []

    def fail(attempt: int) -> None:
        raise error

    with pytest.raises(MlopsError) as caught:
        retry.run(fail, 3, lambda n, _, wait: told.append((n, wait is None)), waited.append)
    assert caught.value is error
    assert told == ([(1, False), (2, False), (3, False), (4, True)] if may_pass else [(1, True)])
    for wait, most in zip(waited, (1, 2, 4), strict=may_pass):
        assert most / 2 <= wait <= most


def test_pauses_have_an_end() -> None:
    assert 30 <= retry.wait_seconds(10_000) <= 60


FLAKY = """
import os, pathlib
tries = pathlib.Path("tries")
number = int(tries.read_text()) + 1 if tries.exists() else 1
_ = tries.write_text(str(number))
import mlops_jupyter
mlops_jupyter.log_metric(f"try_{number}", 1.0)
mlops_jupyter.log_metric("same", 5.0)
if number == 1:
    os._exit(3)
"""


def test_the_second_attempt_is_the_one_that_counts(offline: Project) -> None:
    write(offline.root / "study.ipynb", code("n = 1", PARAMETERS), code(FLAKY, "step:load"))
    declare(offline, study="study.ipynb")
    told: list[StepProgress] = []
    run = run_pipeline(
        open_project(offline.root), "study", progress=told.append, limits=Limits(retries=2)
    )
    (load,) = run.steps
    (first,) = load.failures
    assert load.status == "finished"
    assert first.endswith(
        "cell 2 (step:load): the kernel died: its process ended itself with code 3"
    )
    assert [place.error for place in told if place.error is not None] == [first]
    aside = (offline.root / str(load.executed)).with_name("01-load.attempt-1.ipynb")
    assert '"failed"' in aside.read_text()
    # what the other one recorded is none of the run's
    assert run.run_id is not None
    recorded = runs.get(offline, run.run_id)
    assert {"same", "try_2"} <= recorded.metrics.keys()
    assert "try_1" not in recorded.metrics
    kernels = "SELECT count(DISTINCT session_id) FROM cell_execution"
    counted = (
        "SELECT id FROM cell_execution JOIN run_cell ON execution_id = id WHERE run_cell.run_id = ?"
    )
    assert one(offline, kernels) == 2
    assert one(offline, f"{kernels} WHERE id IN ({counted})", run.run_id) == 1


def one(project: Project, sql: str, *values: str) -> int:
    row = project.catalog.row(sql, values)
    assert row is not None
    return int(row[0])


# on a busy machine its kernel may not even have started by then
TOO_LONG = r"study\.ipynb(, cell \d \(step:load\))?: the step took longer than 3s"


def test_the_last_error_is_told(offline: Project) -> None:
    write(
        offline.root / "study.ipynb",
        code("n = 1", PARAMETERS),
        code("import sys", "step:load"),
        code("sys.exit(0)"),
        code("n"),
    )
    declare(offline, study="study.ipynb")
    # the cells after it were not executed, though Python and papermill call that a good end
    with pytest.raises(CellFailedError, match=r"cell 3 .*ended before its last cell"):
        run_pipeline(open_project(offline.root), "study", limits=Limits(retries=2))
    write(
        offline.root / "study.ipynb",
        code("n = 1", PARAMETERS),
        code("import time", "step:load"),
        code("time.sleep(600)"),
    )
    with pytest.raises(ExternalError, match=TOO_LONG):
        run_pipeline(open_project(offline.root), "study", limits=Limits(timeout_seconds=3))
