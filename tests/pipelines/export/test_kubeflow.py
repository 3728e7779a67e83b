"""A pipeline for Kubeflow Pipelines, which KFP compiles and its local runner runs."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.export.kubeflow import module
from mlops_jupyter.pipelines.export.target import export_pipeline
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.sharing.pull import pull
from tests.pipelines.export.study import HOSTILE, ONCE, QUOTES, states


def test_each_step_brings_runs_and_sends(study: Project) -> None:
    exported = export_pipeline(study, "train", "kubeflow")
    assert list(exported.files) == ["train_kubeflow.py"]
    source = str(exported.files["train_kubeflow.py"])
    ast.parse(source)
    assert "IMAGE = 'train:latest'" in source
    assert "month: int = 7," in source
    assert "names: list = ['a', 'b']," in source
    assert "label: str = 'null'," in source
    assert "mlops_steps['fit'].after(mlops_steps['load'])" in source
    assert exported.notes == ("each pod must have ../store as a shared volume",)


def test_names_that_mean_harm_make_a_module_all_the_same() -> None:
    ast.parse(module(HOSTILE, "registry/image:1"))


def test_a_store_of_this_machine_alone_is_refused(project: Project, study: Project) -> None:
    (study.root / "mlops.yaml").write_text(
        "version: 1\npipelines: {train: {notebook: train.ipynb}}\n"
    )
    with pytest.raises(UsageError, match=r"(?s)names no shared store.*remote: \{url: s3://"):
        export_pipeline(open_project(study.root), "train", "kubeflow")


@pytest.mark.parametrize("image", ["a\nb", "a\x00"])
def test_an_image_on_two_lines_is_refused(image: str) -> None:
    with pytest.raises(UsageError, match="control character"):
        module(HOSTILE, image)


def test_whoever_is_not_trusted_costs_time(study: Project) -> None:
    settings = study.root / "mlops.yaml"
    settings.write_text(settings.read_text().replace("trust: true", "trust: false"))
    notes = export_pipeline(open_project(study.root), "train", "kubeflow").notes
    assert "is not taken before mlops.yaml says" in notes[-1]


COMPILE = """
import sys, runpy
sys.argv = ["pipeline.py", "pipeline.yaml"]
runpy.run_path("pipeline.py", run_name="__main__")
"""

RUN = """
import os, sys
from pathlib import Path
from kfp import local
sys.path.insert(0, str(Path.cwd()))
from pipeline import pipeline
outputs = str(Path("outputs").resolve())
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=outputs)
os.chdir("pod")
pipeline(month=9, label="12")
"""


@pytest.mark.tools
def test_kubeflow_compiles_names_that_mean_harm(tmp_path: Path, run_in: Callable[..., str]) -> None:
    (tmp_path / "pipeline.py").write_text(module(HOSTILE, "registry/image:1"), encoding="utf-8")
    run_in("kubeflow", COMPILE)
    made, *_ = yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text())
    tasks = made["root"]["dag"]["tasks"]
    names = {task["taskInfo"]["name"]: key for key, task in tasks.items()}
    assert set(names) == {task.step for task in HOSTILE.tasks}
    before = tasks[names["2-end"]]["dependentTasks"]
    assert sorted(before) == sorted([names["a.b"], names["a_b"]])
    assert tasks[names["a.b"]]["retryPolicy"]["maxRetryCount"] == 2
    asked = made["root"]["inputDefinitions"]["parameters"]
    # KFP writes defaults into a comment as they are: one with a line's end is left to the notebook
    assert asked["name_2"]["defaultValue"] == ""
    assert asked["label"]["defaultValue"] == QUOTES
    assert asked["p__hidden"]["parameterType"] == "BOOLEAN"
    assert not list(tmp_path.rglob("harmed"))


POD = """#!/bin/sh
# a task begins with a push: the pod that it runs in holds what the image holds, no more
if [ "$*" = push ] && [ ! -e begun ]; then
  find . -mindepth 1 ! -name train.ipynb ! -name mlops.yaml -delete
  touch begun
elif [ "$*" = push ]; then
  rm begun
fi
exec "{mlops}" "$@"
"""


@pytest.mark.tools
def test_kubeflow_runs_each_step_in_a_pod_that_shares_no_disk(
    study: Project, tmp_path: Path, run_in: Callable[..., str], command: str
) -> None:
    (file,) = export_pipeline(study, "train", "kubeflow").files.values()
    (tmp_path / "pipeline.py").write_text(str(file), encoding="utf-8")
    pod = tmp_path / "pod"
    pod.mkdir()
    for name in ("train.ipynb", "mlops.yaml"):
        (pod / name).write_bytes((study.root / name).read_bytes())
    mlops = Path(command, "mlops").rename(Path(command, "the-real-one"))
    Path(command, "mlops").write_text(POD.format(mlops=mlops))
    Path(command, "mlops").chmod(0o755)

    run_in("kubeflow", RUN, PATH=os.pathsep.join([command, os.environ["PATH"]]))

    assert (pod / "reported.txt").read_text() == "7.5 12"
    pull(study)
    assert states(study) == ONCE
