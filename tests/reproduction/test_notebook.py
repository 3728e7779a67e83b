"""The clean notebook of a run runs by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.notebook import notebook_of
from tests.command import Mlops
from tests.reproduction.conftest import Session

CELLS = ("x = 20", "dead = 'end'", "%%track twice\ny = x * 2\nprint('y is', y)")


def test_it_runs_through_plain_papermill(
    offline: Project, session: Session, mlops: Mlops, tmp_path: Path
) -> None:
    run_id = session(*CELLS)
    file = tmp_path / "twice.ipynb"
    code, out, _ = mlops("show", run_id, "--notebook", str(file))
    assert (code, out) == (0, f"{file}\n")
    done = subprocess.run(
        [sys.executable, "-m", "papermill", str(file), str(tmp_path / "executed.ipynb")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    executed = json.loads((tmp_path / "executed.ipynb").read_text())
    assert "y is 40" in json.dumps(executed["cells"][-1]["outputs"])


def test_it_holds_just_the_cells_and_says_what_it_is(offline: Project, session: Session) -> None:
    run_id = session(*CELLS)
    made = nbformat.reads(notebook_of(offline, run_id[:8]).decode(), as_version=4)
    nbformat.validate(made)
    about, load, *cells = made.cells
    assert about.source.startswith("# twice")
    assert run_id in about.source
    assert "- y = 40" in about.source
    assert load.source == "%load_ext mlops_jupyter"
    assert [cell.source for cell in cells] == [CELLS[0], CELLS[2]]
    assert cells[0].metadata.mlops.position + 2 == cells[1].metadata.mlops.position
    assert made.metadata.kernelspec.name == "python3"


def test_other_executions_of_the_session_can_be_chosen(offline: Project, session: Session) -> None:
    run_id = session(*CELLS)
    positions = [
        cell["metadata"]["mlops"]["position"]
        for cell in json.loads(notebook_of(offline, run_id))["cells"][2:]
    ]
    chosen = json.loads(notebook_of(offline, run_id, positions=range(positions[0], positions[1])))
    assert [cell["source"] for cell in chosen["cells"][2:]] == list(CELLS[:2])
    with pytest.raises(NotFoundError, match="no execution '99'"):
        notebook_of(offline, run_id, positions=[99])


def test_a_file_is_not_overwritten_unless_asked(
    offline: Project, session: Session, mlops: Mlops
) -> None:
    run_id = session(*CELLS)
    file = offline.root / "out.ipynb"
    file.write_text("mine")
    code, _, err = mlops("show", run_id, "--notebook", "out.ipynb")
    assert (code, file.read_text()) == (2, "mine")
    assert "is there already" in err
    assert mlops("show", run_id, "--notebook", "out.ipynb", "--force")[0] == 0
    assert json.loads(file.read_text())["nbformat"] == 4
