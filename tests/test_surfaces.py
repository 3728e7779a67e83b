"""The same verbs everywhere: each command is a function, or it is known why not."""

from __future__ import annotations

import inspect
from pathlib import Path

import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.cli import data
from mlops_jupyter.cli.main import COMMANDS
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project

ONLY_COMMANDS = {
    "runs": "a list: `mlops_jupyter.open_project` and `runs.history` give it",
    "show": "a page about one run",
    "status": "a page about notebooks",
    "sync": "done by itself; the command is for the end of a CI job",
    "ui": "starts a server",
    "keep": "an afterthought to a run, typed by people",
    "import": "done once",
    "data": "a group: see below",
    "pipeline": "a group",
    "decisions": "a list",
    "ci": "a group; `promotion.ci.init.ci_init`",
}
ONLY_FUNCTIONS = {
    "Verdict": "what a check of one's own returns",
    "checkpoint": "inside a step, or a cell",
    "load": "there is no value in a terminal; `mlops data export` writes one",
    "log_artifact": "inside a run",
    "log_figure": "inside a run",
    "log_metric": "inside a run",
    "log_param": "inside a run",
    "log_params": "inside a run",
    "open_project": "what functions take",
    "read_sql": "connections live in Python",
    "sweep": "`mlops pipeline run NAME -p depth=3,5`",
    "track": "inside a notebook; `%%track`",
}
OF_TWO_THINGS = {
    "export": "the command writes a pipeline for another tool; the function is `mlops data export`",
}
DATA_FUNCTIONS = {"tag", "untag", "export", "erase"}


def test_each_command_is_a_function_and_the_other_way_round() -> None:
    functions = set(mlops_jupyter.__all__)
    assert set(COMMANDS) - functions == set(ONLY_COMMANDS)
    assert functions - (set(COMMANDS) - set(OF_TWO_THINGS)) == set(ONLY_FUNCTIONS) | DATA_FUNCTIONS
    assert set(data.COMMANDS) >= DATA_FUNCTIONS


@pytest.mark.parametrize("name", mlops_jupyter.__all__)
def test_each_function_says_what_it_does(name: str) -> None:
    function = getattr(mlops_jupyter, name)
    said = inspect.getdoc(function)
    assert said
    for parameter in inspect.signature(function).parameters:
        if len(inspect.signature(function).parameters) > 1:
            assert parameter in said, f"{name}: {parameter} is not documented"


def test_the_functions_work_in_the_project_here(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(project.root)
    frame = pd.DataFrame({"id": [1, 2, 3], "x": [0.5, 1.5, None]})
    mlops_jupyter.snapshot(frame, "train")
    mlops_jupyter.snapshot(frame.assign(x=1.0), "train", tags=["flat"])
    assert mlops_jupyter.tag("train@1", "first").tags == ("first",)
    assert mlops_jupyter.load("train@first").equals(frame)
    assert mlops_jupyter.untag("train@first").tags == ()
    assert mlops_jupyter.profile("train@1").columns[1].missing == 1
    assert "x" in str(mlops_jupyter.diff("train@1", "train@2"))
    written = mlops_jupyter.export("train@flat", tmp_path / "train.parquet")
    assert pd.read_parquet(written)["x"].tolist() == [1.0, 1.0, 1.0]
    (project.root / "note.txt").write_text("kept")
    mlops_jupyter.snapshot("note.txt", "note")
    mlops_jupyter.checkout("note", tmp_path / "out")
    assert (tmp_path / "out" / "note.txt").read_text() == "kept"
    assert mlops_jupyter.lineage("train@1").up is not None
    assert mlops_jupyter.verify().damages == ()
    assert mlops_jupyter.gc(dry_run=True).versions == ()
    assert len(mlops_jupyter.erase("train", "id = 2", "asked to").versions) == 2
    assert mlops_jupyter.load("train@1")["id"].tolist() == [1, 3]
    with pytest.raises(UsageError, match="no shared store"):
        mlops_jupyter.push()
