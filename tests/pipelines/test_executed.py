"""The notebook's state and file while it is executed, without a kernel."""

from __future__ import annotations

import copy
import json
import os
import stat
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from papermill.iorw import local_file_io_cwd

from mlops_jupyter.pipelines import executed
from mlops_jupyter.pipelines.ending import Ending
from mlops_jupyter.pipelines.executed import LocalFiles, Manager


def managed(path: Path | None = None, **options: Any) -> Manager:
    """Return what keeps a notebook of three cells, as papermill has made it ready."""
    nb = new_notebook(cells=[new_code_cell(f"x = {n}") for n in range(3)])
    nb.metadata.papermill = {}
    return Manager(nb, path and str(path), progress_bar=False, **options)


def states(manager: Manager) -> list[str]:
    return [cell.metadata.papermill["status"] for cell in manager.nb.cells]


def test_cells_are_pending_running_completed() -> None:
    manager = managed()
    manager.notebook_start()
    assert states(manager) == ["pending"] * 3
    assert manager.nb.metadata.mlops == {"status": "running"}
    manager.cell_start(manager.nb.cells[0], 0)
    assert states(manager) == ["running", "pending", "pending"]
    manager.cell_complete(manager.nb.cells[0], 0)
    assert states(manager) == ["completed", "pending", "pending"]
    assert manager.nb.cells[0].metadata.papermill["duration"] >= 0
    manager.notebook_complete()
    assert states(manager) == ["completed"] * 3
    assert manager.nb.metadata.papermill["exception"] is None


@pytest.mark.parametrize(
    ("ending", "exception"),
    [
        (Ending("failed", "timeout", 1, "too long"), True),
        (Ending("interrupted", "interrupt", 1, "interrupted"), True),
        (Ending("finished", "exit", 1), None),
    ],
    ids=lambda value: getattr(value, "cause", ""),
)
def test_cells_that_were_not_reached_stay_pending(ending: Ending, exception: bool | None) -> None:
    manager = managed()
    manager.notebook_start()
    for index in (0, 1):
        manager.cell_start(manager.nb.cells[index], index)
        if index == ending.cell and ending.status != "finished":
            manager.cell_exception(manager.nb.cells[index], index)
        manager.cell_complete(manager.nb.cells[index], index)
    manager.ending = ending
    manager.notebook_complete()
    second = "completed" if ending.status == "finished" else "failed"
    assert states(manager) == ["completed", second, "pending"]
    told = manager.nb.metadata
    assert told.papermill["exception"] is exception
    assert (told.mlops["status"], told.mlops["ended_by"]) == (ending.status, ending.cause)
    assert told.mlops["cell"] == 1


def test_a_notebook_that_an_engine_has_replaced_is_the_one_that_is_kept(tmp_path: Path) -> None:
    manager = managed(tmp_path / "out.ipynb")
    manager.notebook_start()
    other = copy.deepcopy(manager.nb)
    other.metadata["mine"] = 1
    manager.save(nb=other, now=True)
    assert json.loads((tmp_path / "out.ipynb").read_text())["metadata"]["mine"] == 1


def test_it_is_written_at_the_start_after_a_failure_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executed, "SAVING_SECONDS", 3600.0)
    path = tmp_path / "out.ipynb"
    manager = managed(path)

    def saved() -> list[str]:
        cells = nbformat.read(path, as_version=4).cells
        return [cell.metadata.papermill["status"] for cell in cells]

    manager.notebook_start()
    assert saved() == ["pending"] * 3
    manager.cell_start(manager.nb.cells[0], 0)
    manager.cell_complete(manager.nb.cells[0], 0)
    assert saved() == ["pending"] * 3
    manager.cell_exception(manager.nb.cells[1], 1)
    manager.cell_complete(manager.nb.cells[1], 1)
    assert saved() == ["completed", "failed", "pending"]
    manager.notebook_complete()
    assert "end_time" in json.loads(path.read_text())["metadata"]["papermill"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_cell_is_saved_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executed, "SAVING_SECONDS", 0.0)
    monkeypatch.setattr(executed, "SAVING_SHARE", 1e9)
    path = tmp_path / "out.ipynb"
    manager = managed(path, autosave_cell_every=1)
    manager.notebook_start()
    manager.nb.cells[0].outputs = [nbformat.v4.new_output("stream", text="half\n")]
    manager.autosave_cell()
    assert "half" not in path.read_text()
    manager.last_save_time = manager.start_time.replace(year=2000)
    manager.autosave_cell()
    assert "half" in path.read_text()


def test_a_save_in_between_that_fails_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(executed, "SAVING_SECONDS", 0.0)
    monkeypatch.setattr(executed, "SAVING_SHARE", 1e9)
    folder = tmp_path / "results"
    folder.mkdir()
    manager = managed(folder / "out.ipynb")
    manager.notebook_start()
    (folder / "out.ipynb").unlink()
    folder.rmdir()
    manager.cell_start(manager.nb.cells[0], 0)
    assert "not saved in between" in caplog.text
    with pytest.raises(FileNotFoundError):
        manager.notebook_complete()


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    path = tmp_path / "out.ipynb"
    path.write_text("old")
    path.chmod(0o600)
    (tmp_path / "link.ipynb").symlink_to(path)
    with local_file_io_cwd(str(tmp_path)):
        LocalFiles.write_to(executed.absolute("link.ipynb"), b"new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (tmp_path / "link.ipynb").is_symlink()


def test_what_is_no_file_is_written_into() -> None:
    LocalFiles.write_to(Path(os.devnull), b"gone")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_stream_gets_one_notebook_from_papermill_alone(capsys: pytest.CaptureFixture) -> None:
    manager = managed()
    manager.output_path = "-"
    manager.notebook_start()
    manager.notebook_complete()
    assert capsys.readouterr().out == ""


def test_saves_in_between_are_notebooks_whatever_is_in_them() -> None:
    nb = managed().nb
    nb.cells[0].source = "half of a character: \ud800"
    for content in (executed.quickly(nb), executed.to_json(nb)):
        assert json.loads(content)["nbformat"] == 4
