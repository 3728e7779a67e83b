"""The state of a notebook, read back: what a real kernel recorded, and what a file holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.cli.main import cli
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.runs.notebook import NotebookCell, read_notebook
from mlops_jupyter.runs.saved import state_of_file
from mlops_jupyter.runs.state import NotebookState
from mlops_jupyter.runs.status import notebook_state
from tests.kernel import Kernel

LOAD = "%load_ext mlops_jupyter"


def write(path: Path, *sources: str, counts: list[int | None] | None = None, **more: Any) -> Path:
    """Write a notebook whose cells have the ids ``0``, ``1`` …"""
    code = {"cell_type": "code", "metadata": {}, "outputs": []}
    numbers = counts or [None] * len(sources)
    cells = [
        {**code, "id": str(i), "source": source.splitlines(keepends=True), "execution_count": n}
        for i, (source, n) in enumerate(zip(sources, numbers, strict=True))
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def execute(kernel: Kernel, *sources: str) -> None:
    for number, source in enumerate(sources):
        kernel.run(source, cell_id=str(number))


def status(*words: str) -> Result:
    return CliRunner().invoke(cli, ["status", *words], standalone_mode=False)


class TestRecorded:
    def test_from_a_kernel_to_the_command(self, project: Project, kernel: Kernel) -> None:
        cells = (LOAD, "a = 1", "b = a + 1", "%%track sum\ntotal = a + b")
        notebook = write(project.root / "study.ipynb", *cells)
        execute(kernel, *cells)
        state = notebook_state(project, notebook)
        assert (state.verdict, state.basis) == ("reproducible", "recorded")
        assert state.notebook == "study.ipynb"
        done = status()
        assert done.return_value == 0
        assert done.output.startswith("study.ipynb: reproducible\n")

        write(notebook, LOAD, "a = 5", *cells[2:])
        state = notebook_state(project, notebook)
        assert [cell.state for cell in state.cells] == [
            "reproducible", "stale", "stale", "not_reproducible",
        ]  # fmt: skip
        assert state.why.startswith("cell 4: cell 2 was edited after run sum (")
        assert status("study.ipynb").return_value == 1

    def test_what_an_editor_holds_counts_not_the_file(
        self, project: Project, kernel: Kernel
    ) -> None:
        notebook = write(project.root / "study.ipynb", LOAD, "a = 1")
        execute(kernel, LOAD, "a = 1")
        unsaved = [NotebookCell("0", LOAD), NotebookCell("1", "a = 2")]
        assert notebook_state(project, notebook, unsaved).verdict == "stale"
        assert notebook_state(project, notebook).verdict == "reproducible"

    def test_a_kernel_that_ended_says_nothing_of_the_next(
        self, project: Project, kernel: Kernel
    ) -> None:
        notebook = write(project.root / "study.ipynb", LOAD, "a = 1")
        execute(kernel, LOAD, "a = 1")
        kernel.close()
        cells = read_notebook(notebook).cells
        live = notebook_state(project, notebook, cells)
        assert (live.verdict, live.session_id) == ("unknown", None)
        assert notebook_state(project, notebook).verdict == "reproducible"

    def test_setup_cells_of_ipython_may_be_executed_again(
        self, project: Project, kernel: Kernel
    ) -> None:
        setup = "%matplotlib inline\nimport matplotlib.pyplot as plt\nimport warnings\n"
        setup += "warnings.filterwarnings('ignore', 'none such')"
        cells = (LOAD, setup, "x = [1, 2]", "plt.plot(x)")
        notebook = write(project.root / "study.ipynb", *cells)
        execute(kernel, *cells)
        execute(kernel, *cells[:2])
        assert notebook_state(project, notebook).why == "running all cells gives the same"

    def test_a_file_that_a_cell_below_wrote(self, project: Project, kernel: Kernel) -> None:
        read = "text = open('out.txt').read()"
        cells = (LOAD, read, "with open('out.txt', 'w') as file:\n    print(1, file=file)")
        notebook = write(project.root / "study.ipynb", *cells)
        execute(kernel, *cells)
        kernel.run(read, cell_id="1")
        assert notebook_state(project, notebook).cells[1].why == (
            "stands on cell 3, which is below it (`out.txt`)"
        )

    def test_a_secret_and_a_private_cell(self, project: Project, kernel: Kernel) -> None:
        cells = (LOAD, "api_key = 'Zk3vQ9xLw7RtY2mB8nHc'", "# mlops: private\np = 1", "q = p")
        notebook = write(project.root / "study.ipynb", *cells)
        execute(kernel, *cells)
        assert [cell.state for cell in notebook_state(project, notebook).cells] == [
            "reproducible", "reproducible", "unknown", "unknown",
        ]  # fmt: skip
        kept = project.catalog.rows("SELECT text, digest FROM source")
        assert all(digest == analyse(text).digest for text, digest in kept)

    def test_in_a_cell_it_speaks_of_this_notebook(self, project: Project, kernel: Kernel) -> None:
        cells = (LOAD, "a = 1", "%mlops status")
        write(project.root / "study.ipynb", *cells)
        write(project.root / "other.ipynb", "a = 1")
        execute(kernel, *cells[:2])
        shown = kernel.run("%mlops status", cell_id="2")
        assert shown.text.startswith("study.ipynb: reproducible\n"), shown
        assert "other.ipynb" not in shown.text

    def test_nothing_recorded(self, project: Project) -> None:
        refused = status().exception
        assert isinstance(refused, UsageError)
        assert refused.message == "no notebook of this project was recorded yet"

    def test_json(self, project: Project, kernel: Kernel) -> None:
        write(project.root / "study.ipynb", LOAD, "a = 1")
        execute(kernel, LOAD)
        done = status("--json")
        assert done.return_value == 3
        (state,) = msgspec.json.decode(done.output, type=tuple[NotebookState, ...])
        assert state.cells[1].why == "not executed in this session"


@pytest.fixture
def said(tmp_path: Path) -> Callable[..., list[str]]:
    """Write a file; return what is said of each of its cells."""

    def judge(*sources: str, counts: list[int | None], **more: Any) -> list[str]:
        saved = read_notebook(write(tmp_path / "a.ipynb", *sources, counts=counts, **more))
        return [f"{s.state.replace('_', ' ')}: {s.why}" for s in state_of_file(saved).cells]

    return judge


class TestFromTheFileAlone:
    def test_executed_once_in_order(self, said: Any) -> None:
        assert said("a = 1", "b = a", counts=[1, 2]) == ["reproducible: executed in order"] * 2

    def test_never_executed(self, said: Any) -> None:
        assert said("a = 1", counts=[None]) == [
            "unknown: never executed, or its number was cleared"
        ]

    def test_a_name_that_no_cell_binds(self, said: Any, tmp_path: Path) -> None:
        assert said("a = 1", "b = a + gone", counts=[1, 2])[1] == (
            "not reproducible: reads `gone`, which no cell binds"
        )
        state = state_of_file(read_notebook(tmp_path / "a.ipynb"))
        assert [(h.name, h.why) for h in state.hidden] == [
            ("gone", "read by cell 2, bound by none")
        ]

    def test_star_imports_may_bind_any_name(self, said: Any) -> None:
        assert said("from math import *", "x = pi", counts=[1, 2])[1] == (
            "reproducible: executed in order"
        )

    def test_a_name_that_only_a_cell_below_binds(self, said: Any) -> None:
        assert said("b = a", "a = 1", counts=[2, 1])[0] == (
            "not reproducible: stands on cell 2, which is below it (`a`)"
        )

    def test_bound_anew_below_before_it_was_read(self, said: Any) -> None:
        assert said("a = 1", "b = a", "a = 2", counts=[1, 3, 2])[1] == (
            "not reproducible: stands on cell 3, which is below it (`a`)"
        )

    def test_executed_before_the_cell_that_binds_what_it_reads(self, said: Any) -> None:
        assert said("a = 1", "a = 2", "b = a", counts=[1, 3, 2])[2] == (
            "stale: cell 2, which binds `a`, was executed after it"
        )

    def test_imports_may_be_executed_again(self, said: Any) -> None:
        assert said("import os", "p = os.sep", counts=[2, 1])[1] == (
            "reproducible: executed in order"
        )

    def test_numbers_that_are_missing(self, said: Any) -> None:
        assert said("a = 1", "b = 2", counts=[1, 4])[1] == (
            "unknown: [2], [3] before it: cells that were deleted, or executed again since"
        )

    def test_numbers_of_several_kernels(self, said: Any) -> None:
        assert said("a = 1", "b = 2", counts=[1, 1])[0] == (
            "unknown: cells 1 and 2 bear the number [1]: they are of several kernels"
        )

    def test_unseeded(self, said: Any) -> None:
        cells = ("import random", "def draw():\n    return random.random()", "x = draw()", "y = x")
        states = said(*cells, counts=[1, 2, 3, 4])
        assert states[2] == "not reproducible: draws unseeded random numbers: random.random()"
        assert states[3] == "not reproducible: stands on cell 3, which is not reproducible"
        assert said("import random\nrandom.seed(1)", *cells[1:], counts=[1, 2, 3, 4])[2] == (
            "reproducible: executed in order"
        )

    def test_python_2(self, said: Any) -> None:
        assert said("print 'hello'", counts=[1]) == ["not reproducible: is not Python 3"]

    def test_of_other_languages_only_the_numbers_count(self, said: Any) -> None:
        info = {"language_info": {"name": "R"}}
        assert said("x <- c(1, gone)", counts=[1], metadata=info) == [
            "reproducible: executed in order"
        ]

    def test_a_project_s_notebook_that_was_never_recorded(self, project: Project) -> None:
        write(project.root / "old.ipynb", "a = 1", counts=[1])
        done = status("old.ipynb")
        assert done.return_value == 0
        assert done.output.startswith(
            "old.ipynb: reproducible (from its file alone: it was never recorded)\n"
        )


class TestReading:
    def test_worksheets_of_format_3(self, tmp_path: Path) -> None:
        cell = {"cell_type": "code", "input": ["a = 1"], "prompt_number": 3, "outputs": [
            {"output_type": "pyerr", "ename": "E", "evalue": "no"}]}  # fmt: skip
        sheets = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "heading"}, cell]}]}
        path = tmp_path / "old.ipynb"
        path.write_text(json.dumps(sheets))
        assert read_notebook(path).cells == (NotebookCell(None, "a = 1", 3, "E: no"),)

    def test_outputs_may_hold_nan(self, tmp_path: Path) -> None:
        path = tmp_path / "nan.ipynb"
        path.write_text('{"cells": [{"cell_type": "code", "source": "a", "outputs": [NaN]}]}')
        assert read_notebook(path).cells[0].source == "a"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"{", ":1:2: not a notebook"),
            (b"[]", "it has no list of cells"),
            (b"{}", "it has no list of cells"),
            (b"\xff", "not UTF-8 text, at byte 0"),
            (b"[" * 200_000, "not a notebook: nested too deep"),
        ],
    )
    def test_no_notebook(self, tmp_path: Path, content: bytes, message: str) -> None:
        path = tmp_path / "bad.ipynb"
        path.write_bytes(content)
        with pytest.raises(UsageError, match=message):
            read_notebook(path)

    def test_whatever_cells_hold(self, tmp_path: Path) -> None:
        cells = [None, 1, {}, {"cell_type": "code"}, {"cell_type": "code", "source": [1, "a"],
                 "metadata": [], "outputs": [1, {"output_type": "error"}], "id": 3,
                 "execution_count": "x"}]  # fmt: skip
        path = tmp_path / "odd.ipynb"
        path.write_text(json.dumps({"cells": cells}))
        assert read_notebook(path).cells == (
            NotebookCell(None, ""),
            NotebookCell(None, "a", error="an error"),
        )

    def test_a_wrong_name(self, tmp_path: Path) -> None:
        (tmp_path / "study.ipynb").write_text("{}")
        with pytest.raises(UsageError, match=r"did you mean 'study\.ipynb'"):
            read_notebook(tmp_path / "stduy.ipynb")
