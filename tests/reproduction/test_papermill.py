"""A run of ``papermill --engine mlops`` is executed again like any other."""

from __future__ import annotations

from pathlib import Path

import papermill
from papermill.engines import papermill_engines

from mlops_jupyter.pipelines.engine import MlopsEngine
from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.reproduce import reproduce
from mlops_jupyter.runs import history
from tests.pipelines.notebooks import PARAMETERS, code, write

SPEC = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}


def test_with_the_parameters_given_and_in_the_folder_in_which_it_worked(offline: Project) -> None:
    papermill_engines.register("mlops", MlopsEngine)
    for name in ("data", "notebooks", "results"):
        (offline.root / name).mkdir()
    (offline.root / "data" / "rows.txt").write_text("1\n2\n4\n")
    write(
        Path("notebooks/study.ipynb"),
        code("power = 1", PARAMETERS),
        code("rows = [int(line) for line in open('data/rows.txt')]"),
        code("dead_end = sorted(rows)"),
        code("total = sum(row**power for row in rows)"),
        metadata=SPEC,
    )
    papermill.execute_notebook(
        "notebooks/study.ipynb", "results/out.ipynb", {"power": 2},
        engine_name="mlops", progress_bar=False,
    )  # fmt: skip
    (run,) = history.page(offline).runs
    assert (run.status, run.metrics) == ("finished", {"total": 21.0})
    found = reproduce(offline, run.id)
    assert found.verdict == "exact", found
    # the re-execution is no run of its own to anybody
    assert [one.id for one in history.page(offline).runs] == [run.id]
