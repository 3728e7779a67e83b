"""The notebooks of the example: well formed, without outputs, and each runs by itself."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from mlops_jupyter import config, open_project
from mlops_jupyter.data import versions
from mlops_jupyter.pipelines.notebook import cut
from mlops_jupyter.promotion import history
from tests.examples.study import EXAMPLE, NOTEBOOKS, STORY, copied_to, papermill, python

# flights that were more than 15 minutes late, of those that arrived, month by month
LATE = [0.227, 0.229, 0.228, 0.279, 0.220, 0.308, 0.315, 0.238, 0.132, 0.168, 0.174, 0.326]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return copied_to(tmp_path / "example")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_holds_no_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(notebook, relax_add_props=False)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_settings_declare_the_pipeline_and_the_model() -> None:
    settings = config.load(EXAMPLE / config.FILE, {})
    assert settings.models["delays"].pipeline in settings.pipelines
    pipeline = cut(EXAMPLE / settings.pipelines["train"].notebook)
    assert [step.name for step in pipeline.steps] == ["prepare", "rehearse", "train"]
    assert pipeline.parameters[0].default == ["flights@1", "flights@2"]


def test_the_data_are_all_flights_of_the_year() -> None:
    months = [pd.read_csv(file) for file in sorted((EXAMPLE / "data").glob("2013-*.csv.gz"))]
    assert sum(map(len, months)) == 336_776
    arrived = [month["arr_delay"].dropna() for month in months]
    assert [round((delay > 15).mean(), 3) for delay in arrived] == LATE


def test_months_that_were_kept_keep_their_numbers(example: Path) -> None:
    first = python("months.py", "2", cwd=example)
    again = python("months.py", "3", cwd=example)
    assert (first.stdout, again.stdout) == (
        "flights@2: February 2013, 24,951 flights\n",
        "flights@3: March 2013, 28,834 flights\n",
    )
    flights = versions.dataset(open_project(example), "flights").versions
    assert [(v.ref, v.note) for v in flights] == [
        ("flights@3", "March 2013"),
        ("flights@2", "February 2013"),
        ("flights@1", "January 2013"),
    ]


def test_the_pipeline_notebook_runs_by_hand(example: Path) -> None:
    executed = papermill("train.ipynb", cwd=example)
    assert "auc on the last two weeks: 0." in executed.read_text(encoding="utf-8")


def test_months_arrive_before_anything_was_released(example: Path) -> None:
    executed = papermill("2_months_arrive.ipynb", "-p", "until", "3", cwd=example)
    assert "No version has been released yet" in executed.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_year_of_decisions_runs_by_itself(example: Path) -> None:
    executed = papermill("3_release.ipynb", cwd=example)
    made = history.decisions(open_project(example), "delays")
    assert [f"{d.kind} v{d.to_version}" for d in reversed(made)] == STORY
    # a refused release is a result: the notebook goes on below it
    assert "refused: delays v4 is not promoted" in executed.read_text(encoding="utf-8")
