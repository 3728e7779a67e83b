"""The papermill engine, as ``papermill --engine mlops`` uses it."""

from __future__ import annotations

import json
import os
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
import pytest
from nbformat.reader import NotJSONError
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError

from mlops_jupyter.pipelines import executed
from mlops_jupyter.pipelines.engine import MlopsEngine
from tests.pipelines.notebooks import code, content, text, write
from tests.pipelines.test_interrupt import gone, until

SPEC = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}


HELPER = """
import os, subprocess, sys
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(helper.pid, os.getcwd(), os.environ["GREETING"], os.environ.get("HOME"))
"""

TRANSPORT = """
import json
with open(get_ipython().kernel.config["IPKernelApp"]["connection_file"]) as file:
    print(json.load(file)["transport"])
"""


@pytest.fixture(autouse=True)
def _registered() -> None:
    papermill_engines.register("mlops", MlopsEngine)


def execute(folder: Path, *cells: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Execute cells and return the notebook as it is on the disk."""
    path = write(folder / "in.ipynb", *cells, metadata=SPEC)
    papermill.execute_notebook(
        path, folder / "out.ipynb", engine_name="mlops", progress_bar=False, **options
    )
    return output(folder)


def output(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / "out.ipynb").read_text())
    return made


def states(notebook: dict[str, Any]) -> list[str]:
    return [c["metadata"]["papermill"]["status"] for c in notebook["cells"] if "outputs" in c]


def test_papermill_finds_the_engine_by_its_entry_point() -> None:
    project = Path(__file__).parents[2] / "pyproject.toml"
    declared = 'mlops = "mlops_jupyter.pipelines.engine:MlopsEngine"'
    assert declared in project.read_text()
    found = metadata.EntryPoint("mlops", "mlops_jupyter.pipelines.engine:MlopsEngine", "x").load()
    assert found is MlopsEngine


def test_cells_are_executed_in_a_kernel_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    told: list[tuple[int, str]] = []
    notebook = execute(
        tmp_path,
        text("# Title"),
        code(HELPER, id="first"),
        code("get_ipython().kernel.get_parent()['metadata']", "a-tag", id="second"),
        env={**os.environ, "GREETING": "hello"},
        kernel_cwd=str(tmp_path / "work"),
        on_cell=lambda index, cell: told.append((index, cell["id"])),
    )
    first, second = (c["outputs"][0] for c in notebook["cells"][1:])
    pid, folder, greeting, home = "".join(first["text"]).split()
    assert (folder, greeting, home) == (str(tmp_path / "work"), "hello", os.environ.get("HOME"))
    assert "'cellId': 'second', 'tags': ['a-tag']" in "".join(second["data"]["text/plain"])
    assert told[1:] == [(1, "first"), (2, "second")]
    assert states(notebook) == ["completed", "completed"]
    # what the kernel left running has ended with it
    until(gone(int(pid)))


def test_the_user_s_history_is_left_alone(tmp_path: Path) -> None:
    shown = execute(tmp_path, code("print(get_ipython().history_manager.hist_file)"))
    assert shown["cells"][0]["outputs"][0]["text"] == [":memory:\n"]


def test_paths_mean_the_folder_of_the_command_and_the_kernel_works_in_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    write(Path("in.ipynb"), code("import os; print(os.getcwd())"), metadata=SPEC)
    papermill.execute_notebook(
        "in.ipynb", "out.ipynb", engine_name="mlops", progress_bar=False, cwd="work",
        log_output=True,
    )  # fmt: skip
    assert output(tmp_path)["cells"][0]["outputs"][0]["text"] == [f"{tmp_path / 'work'}\n"]
    assert list((tmp_path / "work").iterdir()) == []
    assert f"{tmp_path / 'work'}\n" in caplog.messages


@pytest.mark.parametrize(
    ("notebook", "warns"),
    [
        (
            {
                "metadata": {"name": "old"},
                "nbformat": 3,
                "nbformat_minor": 0,
                "worksheets": [
                    {
                        "cells": [
                            {
                                "cell_type": "code",
                                "input": "1 + 1",
                                "language": "python",
                                "collapsed": False,
                                "metadata": {},
                                "outputs": [],
                            }
                        ]
                    }
                ],
            },
            None,
        ),
        ({"cells": [code("1 + 1")], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}, None),
        (
            {"cells": [code("1 + 1")], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
            "MissingIDFieldWarning",
        ),
        (content(code("1 + 1", id="a"), code("2", id="a")), "DuplicateCellId"),
    ],
    ids=["of format 3", "of format 4.2", "ids are missing", "an id twice"],
)
@pytest.mark.filterwarnings("default::UserWarning", "default::FutureWarning")
def test_notebooks_of_all_ages_are_executed(
    tmp_path: Path, notebook: dict[str, Any], warns: str | None
) -> None:
    (tmp_path / "in.ipynb").write_text(json.dumps(notebook))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        papermill.execute_notebook(
            tmp_path / "in.ipynb", tmp_path / "out.ipynb", engine_name="mlops",
            kernel_name="python3", progress_bar=False,
        )  # fmt: skip
    made = output(tmp_path)
    nbformat.validate(nbformat.from_dict(made))
    assert made["cells"][0]["outputs"][0]["data"] == {"text/plain": ["2"]}
    assert len({cell["id"] for cell in made["cells"]}) == len(made["cells"])
    assert warns is None or warns in {one.category.__name__ for one in seen}


def test_what_is_no_notebook_is_refused_by_papermill(tmp_path: Path) -> None:
    (tmp_path / "in.ipynb").write_text("{not a notebook")
    with pytest.raises(NotJSONError):
        papermill.execute_notebook(
            tmp_path / "in.ipynb", tmp_path / "out.ipynb", engine_name="mlops"
        )
    assert not (tmp_path / "out.ipynb").exists()


def test_a_folder_that_is_not_there_is_refused_before_a_kernel_starts(tmp_path: Path) -> None:
    path = write(tmp_path / "in.ipynb", code("1"), metadata=SPEC)
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    with pytest.raises(FileNotFoundError, match="doesn't exist"):
        papermill.execute_notebook(path, tmp_path / "no" / "out.ipynb", engine_name="mlops")
    assert {p.pid for p in psutil.Process().children(recursive=True)} == before


WIDGET = """
import ipywidgets
slider = ipywidgets.IntSlider(value=7, description="depth")
slider
"""


def test_large_outputs_widgets_and_cells_that_may_raise(tmp_path: Path) -> None:
    # papermill itself counts any error output as a failure, also of a cell that may raise
    with pytest.raises(PapermillExecutionError, match="ValueError"):
        execute(
            tmp_path,
            code("print('x' * 4_000_000)"),
            code(WIDGET),
            code("raise ValueError('may be')", "raises-exception"),
            code("slider.value += 1; 'the end'"),
        )
    made = output(tmp_path)
    large, widget, _, last = (c for c in made["cells"] if c["cell_type"] == "code")
    assert sum(len(part) for part in large["outputs"][0]["text"]) == 4_000_001
    model = widget["outputs"][0]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    states_of = made["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert states_of[model]["state"]["value"] == 8
    assert last["outputs"][0]["data"]["text/plain"] == ["'the end'"]
    # all cells were executed, and the one that raised was allowed to
    assert made["metadata"]["mlops"] == {"status": "finished", "ended_by": "end"}


def test_the_notebook_is_written_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    replace_file = executed.replace_file

    def count(path: Path, content: bytes) -> None:
        written.append(path)
        replace_file(path, content)

    monkeypatch.setattr(executed, "replace_file", count)
    cells = [code(f"x = {number}") for number in range(60)]
    assert states(execute(tmp_path, *cells)) == ["completed"] * 60
    # papermill's own engine writes it 122 times
    assert 2 <= len(written) <= 60


def test_sockets_lie_in_a_short_path_or_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert execute(tmp_path, code(TRANSPORT))["cells"][0]["outputs"][-1]["text"] == ["tcp\n"]
    assert list(long.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", None)
    assert execute(tmp_path, code(TRANSPORT))["cells"][0]["outputs"][-1]["text"] == ["ipc\n"]


def test_no_process_is_left(tmp_path: Path) -> None:
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    execute(tmp_path, code("x = 1"))
    left = {p.pid for p in psutil.Process().children(recursive=True)} - before
    assert all(gone(pid)() for pid in left)
