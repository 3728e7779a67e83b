"""Runs go to a shared store and come to others, the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.models import estimator
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.promotion import release
from mlops_jupyter.reproduction.reproduce import reproduce
from mlops_jupyter.runs import history
from mlops_jupyter.sharing.fetch import fetch
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from tests.kernel import Kernel
from tests.promotion.study import study
from tests.sharing.content import data_of, rows_of, runs_of

Clone = Callable[[str], Project]

CELLS = (
    "import pandas as pd\nfrom sklearn.linear_model import LinearRegression",
    "df = pd.DataFrame({'a': [1.0, 2.0, 3.0], 'b': [2.0, 4.0, 6.0]})",
    "%snapshot df --name train --note 'three rows'",
    "unrelated = 1",
    "import mlops_jupyter\ndf = mlops_jupyter.load('train')",
    "%%track fit\nalpha = 0.5\nmodel = LinearRegression().fit(df[['a']], df['b'])\nscore = 0.25",
    "%%track again\nbeta = alpha + 1",
)


@pytest.fixture
def tracked(project: Project, kernel: Kernel) -> Project:
    """Return a project with two runs of one kernel."""
    for source in CELLS:
        answer = kernel.run(source)
        assert (answer.status, "not recorded" in answer.text) == ("ok", False), answer
    return project


def run_called(project: Project, name: str) -> str:
    found = [run.id for run in history.page(project, limit=100).runs if run.name == name]
    assert len(found) == 1
    return found[0]


def test_a_colleague_has_the_same_runs(tracked: Project, url: str, clone: Clone) -> None:
    sent = push(tracked, url)
    theirs = clone("theirs")
    came = pull(theirs, url)

    assert (sent.runs, came.runs) == (2, 2)
    assert rows_of(theirs) == rows_of(tracked)
    assert data_of(theirs) == data_of(tracked)
    mine, other = runs_of(tracked), runs_of(theirs)
    assert [d.run for d in other] == [d.run for d in mine]
    assert [[c.source for c in d.cells] for d in other] == [
        [c.source for c in d.cells] for d in mine
    ]
    assert {d.run.name: d.run.data for d in other}["fit"] == ("train@1",)
    assert fetch(theirs, url).objects == 0, "models, environments and figures came too"
    assert (push(theirs, url).runs, pull(theirs, url).runs, pull(tracked, url).runs) == (0, 0, 0)


def test_later_runs_of_the_same_kernel_follow(
    tracked: Project, kernel: Kernel, url: str, clone: Clone
) -> None:
    theirs = clone("theirs")
    push(tracked, url)
    pull(theirs, url)
    assert kernel.run("%%track third\ngamma = beta * 2").status == "ok"
    push(tracked, url)
    assert pull(theirs, url).runs == 1
    assert rows_of(theirs) == rows_of(tracked)
    theirs_cells = theirs.catalog.rows("SELECT position FROM cell_execution ORDER BY id")
    positions = [row["position"] for row in theirs_cells]
    assert positions == sorted(positions), "in the order in which they were executed"


def test_a_run_that_goes_on_waits(tracked: Project, url: str, clone: Clone) -> None:
    with tracked.catalog.transaction() as connection:
        connection.execute("UPDATE run SET status = 'running' WHERE name = 'again'")
    assert push(tracked, url).runs == 1
    theirs = clone("theirs")
    assert pull(theirs, url).runs == 1
    with tracked.catalog.transaction() as connection:
        connection.execute("UPDATE run SET status = 'finished' WHERE name = 'again'")
    assert push(tracked, url).runs == 1
    assert pull(theirs, url).runs == 1


def test_runs_may_stay_away(tracked: Project, url: str, clone: Clone) -> None:
    push(tracked, url)
    theirs = clone("theirs")
    assert pull(theirs, url, runs=False).versions == ("train@1",)
    assert runs_of(theirs) == []


def test_the_model_of_another_is_not_read(tracked: Project, url: str, clone: Clone) -> None:
    push(tracked, url)
    theirs = clone("theirs")
    pull(theirs, url)
    run = history.get(theirs, run_called(theirs, "fit"))
    assert run.model_digest is not None

    with pytest.raises(UsageError, match=r"(?s)not read.*trust: true"):
        estimator.load(theirs, run)
    assert estimator.load(tracked, run).coef_.round(6).tolist() == [2.0]
    (theirs.root / "mlops.yaml").write_text("version: 1\nremote: {trust: true}\n")
    assert estimator.load(open_project(theirs.root), run).coef_.round(6).tolist() == [2.0]


def test_a_certificate_comes_with_its_notebook(tracked: Project, url: str, clone: Clone) -> None:
    theirs = clone("theirs")
    push(tracked, url)
    pull(theirs, url)
    run = run_called(tracked, "fit")
    reproduce(tracked, run)

    push(tracked, url)
    pull(theirs, url)

    mine = history.detail(tracked, run).certificate
    assert mine is not None
    assert history.detail(theirs, run).certificate == mine
    assert fetch(theirs, url).objects == 0


@pytest.mark.slow
def test_a_release_comes_with_its_pipeline_evaluation_and_decision(
    tmp_path: Path, url: str, clone: Clone
) -> None:
    mine = study(tmp_path / "mine")
    release.release(mine, "late", {})
    push(mine, url)
    theirs = clone("theirs")
    pull(theirs, url)

    assert rows_of(theirs) == rows_of(mine)
    tables = ("pipeline_run", "step_run", "model_version", "evaluation", "decision_state")
    for table in tables:
        row = theirs.catalog.row(f"SELECT count(*) FROM {table}")
        assert row is not None
        assert row[0] > 0, table
    assert fetch(theirs, url).objects == 0


def test_another_model_with_the_same_number_is_left_out(
    tracked: Project, url: str, clone: Clone
) -> None:
    theirs = clone("theirs")
    push(tracked, url)
    pull(theirs, url)
    for project, name in ((tracked, "fit"), (theirs, "again")):
        with project.catalog.transaction() as connection:
            connection.execute(
                "INSERT INTO model_version SELECT 'price', 1, id, coalesce(model_digest,"
                " environment_digest), started_at FROM run WHERE name = ?",
                (name,),
            )
    push(tracked, url)
    came = pull(theirs, url)
    assert came.left_out == ("price@1",)
    row = theirs.catalog.row("SELECT name FROM model_version JOIN run ON run.id = run_id")
    assert row is not None
    assert row["name"] == "again"
