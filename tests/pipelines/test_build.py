"""Declaring a pipeline writes one entry into mlops.yaml, and nothing else."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_jupyter import config
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.build import build
from mlops_jupyter.project import Project
from tests.pipelines.notebooks import PARAMETERS, code, write

CELLS = (code("n = 1", PARAMETERS), code("x = n", "step:a"))


def test_building_declares_the_pipeline(project: Project) -> None:
    file = project.root / "mlops.yaml"
    before = file.read_text()
    (project.root / "study").mkdir()
    write(project.root / "study" / "a 'b' {c} 🚀.ipynb", *CELLS)
    pipeline = build(project, "study/a 'b' {c} 🚀.ipynb")
    assert (pipeline.name, pipeline.notebook) == ("a-b-c", "study/a 'b' {c} 🚀.ipynb")
    assert file.read_text().startswith(before)
    assert config.load(file).pipelines["a-b-c"].notebook == pipeline.notebook


def test_building_again_changes_nothing(project: Project) -> None:
    write(project.root / "train.ipynb", *CELLS)
    file = project.root / "mlops.yaml"
    build(project, "train.ipynb")
    stamp = file.stat()
    build(project, "train.ipynb")
    assert file.stat() == stamp


def test_another_notebook_cannot_take_the_name(project: Project) -> None:
    write(project.root / "train.ipynb", *CELLS)
    write(project.root / "other.ipynb", *CELLS)
    build(project, "train.ipynb")
    before = (project.root / "mlops.yaml").read_bytes()
    with pytest.raises(UsageError, match="the pipeline 'train' is made of train") as caught:
        build(project, "other.ipynb", "train")
    assert caught.value.hint == "give this one another name with `--name NAME`"
    assert (project.root / "mlops.yaml").read_bytes() == before


def test_a_notebook_that_is_no_pipeline_is_not_declared(project: Project) -> None:
    write(project.root / "train.ipynb", code("x = 1", "step:a"))
    before = (project.root / "mlops.yaml").read_bytes()
    with pytest.raises(UsageError, match="no code cell is tagged `parameters`"):
        build(project, "train.ipynb")
    assert (project.root / "mlops.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../up", "a b", "-x", "ü"])
def test_a_name_must_be_one(project: Project, name: str) -> None:
    write(project.root / "train.ipynb", *CELLS)
    with pytest.raises(UsageError, match="cannot be a pipeline's name"):
        build(project, "train.ipynb", name)


def test_a_notebook_outside_the_project_is_refused(project: Project, tmp_path: Path) -> None:
    outside = write(tmp_path / "train.ipynb", *CELLS)
    for path in (outside, Path("../train.ipynb")):
        with pytest.raises(UsageError, match="outside the project") as caught:
            build(project, path)
        assert caught.value.hint == "move it into the project's folder"
    (project.root / "link.ipynb").symlink_to(outside)
    assert build(project, "link.ipynb").notebook == "link.ipynb"


def test_the_working_folder_may_be_inside_the_project(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.root / "study"
    folder.mkdir()
    write(folder / "train.ipynb", *CELLS)
    monkeypatch.chdir(folder)
    assert build(project, "train.ipynb").notebook == "study/train.ipynb"


def test_two_at_once_are_both_declared(project: Project) -> None:
    names = [f"p{number}" for number in range(8)]
    for name in names:
        write(project.root / f"{name}.ipynb", *CELLS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: build(project, f"{name}.ipynb"), names))
    assert sorted(config.load(project.root / "mlops.yaml").pipelines) == names


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_project_is_told_in_one_line(project: Project) -> None:
    write(project.root / "train.ipynb", *CELLS)
    project.root.chmod(0o555)
    try:
        with pytest.raises(UsageError, match="Permission denied"):
            build(project, "train.ipynb")
    finally:
        project.root.chmod(0o755)
