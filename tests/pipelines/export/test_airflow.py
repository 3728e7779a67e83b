"""A pipeline as an Airflow DAG, which Airflow parses and runs."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.export.airflow import dag, literal
from mlops_jupyter.pipelines.export.target import Wish, export_pipeline
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history as runs
from tests.pipelines.export.study import EVIL, HOSTILE, ONCE, states


def constants(source: str) -> dict[str, Any]:
    """Return what the file binds to literals."""
    found: dict[str, Any] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def test_each_step_is_a_task_with_its_order_and_limits(study: Project) -> None:
    exported = export_pipeline(study, "train", "airflow", Wish(cron="0 6 * * *"))
    (source,) = exported.files.values()
    assert isinstance(source, str)
    made = constants(source)
    assert made["TASKS"] == {
        "load": {"step": "load", "after": [], "retries": 0, "limit_seconds": 900},
        "fit": {"step": "fit", "after": ["load"], "retries": 0, "limit_seconds": 1200},
        "report": {"step": "report", "after": ["fit"], "retries": 0, "limit_seconds": 1500},
    }
    assert made["SCHEDULE"] == "0 6 * * *"
    assert made["PARAMETERS"]["month"] == {
        "type": "integer", "description": "of the departures", "default": 7,
    }  # fmt: skip
    assert exported.notes == ()


def test_names_that_mean_harm_stay_data() -> None:
    made = constants(dag(HOSTILE))
    assert made["PIPELINE"] == "train.x-1"
    assert made["PARAMETERS"]["name"]["default"] == EVIL
    assert made["PARAMETERS"]["month"]["description"] == EVIL
    assert made["PARAMETERS"]["password"] == {
        "anyOf": [{"type": "null"}, {"type": "string"}], "default": None,
    }  # fmt: skip
    assert "format" not in made["PARAMETERS"]["at"], "Airflow wants a time zone there"
    assert [task["step"] for task in made["TASKS"].values()] == [t.step for t in HOSTILE.tasks]


def test_what_has_no_literal_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be written down"):
        literal({"limit": float("inf")})


def test_a_schedule_that_is_none_is_refused(study: Project) -> None:
    with pytest.raises(UsageError, match="no cron expression"):
        export_pipeline(study, "train", "airflow", Wish(cron="each morning"))


PARSE = """
import json
try:
    from airflow.dag_processing.dagbag import DagBag  # Airflow 3
except ImportError:
    from airflow.models import DagBag
bag = DagBag("dags")
assert not bag.import_errors, bag.import_errors
for dag in bag.dags.values():
    print("DAG", json.dumps({
        "id": dag.dag_id,
        "edges": {t.task_id: sorted(t.upstream_task_ids) for t in dag.tasks},
        "params": dag.params.dump(),
        "retries": {t.task_id: t.retries for t in dag.tasks},
    }))
"""

RUN = """
try:
    from airflow.dag_processing.dagbag import DagBag  # Airflow 3
except ImportError:
    from airflow.models import DagBag
ended = DagBag("dags").dags["train"].test(run_conf={"month": 9, "label": "12"})
print("STATE", getattr(ended.state, "value", ended.state))
"""


@pytest.fixture
def airflow(
    tmp_path: Path, run_in: Callable[..., str], command: str
) -> Callable[[str, str, Path], str]:
    """Return a function that runs Python in an Airflow of its own, with a file among its DAGs."""
    (tmp_path / "dags").mkdir()

    def run(source: str, file: str, root: Path) -> str:
        (tmp_path / "dags" / "train.py").write_text(file, encoding="utf-8")
        return run_in(
            "airflow",
            source,
            AIRFLOW_HOME=str(tmp_path / "airflow"),
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
            AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path / "dags"),
            AIRFLOW__CORE__UNIT_TEST_MODE="False",
            MLOPS_PROJECT=str(root),
            PATH=os.pathsep.join([command, os.environ["PATH"]]),
        )

    return run


@pytest.mark.tools
def test_airflow_takes_names_that_mean_harm(
    tmp_path: Path, airflow: Callable[[str, str, Path], str]
) -> None:
    said = airflow(PARSE, dag(HOSTILE, "0 6 * * *"), tmp_path)
    (line,) = [line for line in said.splitlines() if line.startswith("DAG ")]
    made = json.loads(line.removeprefix("DAG "))
    assert made["id"] == "train.x-1"
    assert made["edges"]["2-end"] == ["a.b", "a_b"]
    assert made["params"]["name"] == EVIL
    assert made["retries"]["a.b"] == 2
    assert not list(tmp_path.rglob("harmed"))


@pytest.mark.tools
def test_airflow_runs_each_step_once(
    study: Project, airflow: Callable[[str, str, Path], str]
) -> None:
    (file,) = export_pipeline(study, "train", "airflow").files.values()
    airflow("import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'airflow', 'db',"
            " 'migrate'], check=True)", str(file), study.root)  # fmt: skip
    said = airflow(RUN, str(file), study.root)
    assert "STATE success" in said, said[-9000:]
    assert (study.root / "reported.txt").read_text() == "7.5 12"
    assert states(study) == ONCE
    newest = history.summaries(study)[0].runs[0]
    assert newest.run_id is not None
    assert runs.get(study, newest.run_id).parameters["month"] == 9
