"""The papermill engine, as ``papermill --engine mlops`` uses it."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import papermill
import psutil
import pytest
from nbclient.exceptions import DeadKernelError
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError

from mlops_jupyter.pipelines import executed
from mlops_jupyter.pipelines.engine import MlopsEngine
from tests.pipelines.notebooks import code, text, write
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


def test_a_failed_cell_is_on_the_disk_and_those_below_are_pending(tmp_path: Path) -> None:
    with pytest.raises(PapermillExecutionError):
        execute(tmp_path, code("x = 1"), code("1 / 0"), code("x"))
    assert states(output(tmp_path)) == ["completed", "failed", "pending"]
    assert output(tmp_path)["metadata"]["papermill"]["exception"] is True


def test_after_a_time_out_nothing_is_called_completed(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        execute(
            tmp_path, code("import time"), code("time.sleep(600)"), code("x"), execution_timeout=1
        )
    assert states(output(tmp_path)) == ["completed", "failed", "pending"]


def test_after_a_dead_kernel_nothing_is_called_completed(tmp_path: Path) -> None:
    with pytest.raises(DeadKernelError):
        execute(tmp_path, code("x = 1"), code("import os; os.abort()"), code("x"))
    assert states(output(tmp_path)) == ["completed", "failed", "pending"]


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
