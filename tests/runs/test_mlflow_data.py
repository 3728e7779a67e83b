"""Data versions as dataset inputs in MLflow, the real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import Source
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, mirror
from tests.provenance.story import Session, frame, read


def inputs(project: Project) -> dict[str, tuple[Any, dict[str, str]]]:
    """Copy the newest run to MLflow; return its dataset inputs by name, with their tags."""
    mirror.drain(project)
    run = MlflowClient(project.tracking_uri).get_run(history.page(project).runs[0].mlflow_run_id)
    found = run.inputs.dataset_inputs
    by_name = {i.dataset.name: (i.dataset, {t.key: t.value for t in i.tags}) for i in found}
    assert len(by_name) == len(found)
    return by_name


def test_a_version_is_an_input_with_our_name_and_digest(project: Project) -> None:
    frame(project, "train")
    frame(project, "clean", 1)
    Session(project).cell(loads=["train@1"], takes=["clean@1"], run="ridge")
    version = versions.resolve(project, "train@1")

    found = inputs(project)
    assert set(found) == {"train", "clean"}
    dataset, tags = found["train"]
    # MLflow keeps 36 characters of a digest
    assert dataset.digest == version.digest.removeprefix("blake3:")[:36]
    assert tags == {
        "mlflow.data.context": "read",
        "mlops.version": "train@1",
        "mlops.digest": version.digest,
    }
    assert json.loads(dataset.source) == {"uri": "mlops:train@1", "digest": version.digest}
    assert json.loads(dataset.schema)["mlflow_colspec"] == [{"name": "a", "type": "int64"}]
    assert json.loads(dataset.profile) == {"num_rows": 1, "size_bytes": version.size_bytes}
    assert found["clean"][1]["mlflow.data.context"] == "made"


def test_two_versions_of_one_dataset_are_two_inputs(project: Project) -> None:
    frame(project, "train")
    frame(project, "train", 1)
    Session(project).cell(loads=["train@1", "train@2"], run="ridge")
    mirror.drain(project)
    [run] = history.page(project).runs
    found = MlflowClient(project.tracking_uri).get_run(run.mlflow_run_id).inputs.dataset_inputs
    refs = {tag.value for one in found for tag in one.tags if tag.key == "mlops.version"}
    assert refs == {"train@1", "train@2"}


def test_what_a_version_was_made_of_goes_along(project: Project) -> None:
    query = "SELECT " + ", ".join(f"column_{number}" for number in range(5000))
    made = pd.DataFrame({"a": [1]})
    snapshot(project, made, "asked", source=Source("query", query, connection="sqlite:a.db"))
    Session(project).cell(loads=["asked@1"], run="ridge")
    dataset, tags = inputs(project)["asked"]
    assert json.loads(dataset.source)["source"].startswith("SELECT column_0, column_1")
    assert tags["mlops.source"].startswith("SELECT column_0")
    assert len(tags["mlops.source"]) == 500


def test_a_file_that_is_a_version_is_there_once(project: Project) -> None:
    Path("a.csv").write_text("a\n1\n")
    snapshot(project, "a.csv", "flights")
    Session(project).cell(
        loads=["flights@1"], files=[read("a.csv", "a\n1\n"), read("b.csv", "b")], run="ridge"
    )
    found = inputs(project)
    assert set(found) == {"flights", "b.csv"}
    assert found["flights"][1]["mlops.source"] == "a.csv"
    assert found["b.csv"][1] == {"mlflow.data.context": "read"}
