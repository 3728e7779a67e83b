"""Notebooks are read and sorted by their tags, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.source import read_notebook
from tests.pipelines.notebooks import PARAMETERS, code, content, text, write

P = code("n = 1", PARAMETERS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.ipynb"


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_notebook(path)
    assert str(path) in caught.value.message
    return str(caught.value)


def test_cells_go_to_the_setup_or_to_the_step_above_them(path: Path) -> None:
    write(
        path,
        text("# Title"),
        code("import os"),
        P,
        code("x = 1"),
        text("## Load"),
        code("a = 1", "step:load"),
        code("b = 1"),
        code("c = 1", "step:load"),
        code("oops", "skip"),
        text("## Train"),
        code("d = 1", "step: train "),
        text("The end"),
    )
    found = read_notebook(path)
    assert [cell.position for cell in found.setup] == [1, 2, 3]
    assert found.parameters.position == 2
    assert [(s.name, [c.position for c in s.code]) for s in found.steps] == [
        ("load", [5, 6, 7]),
        ("train", [10]),
    ]
    assert [[c.position for c in step.shown] for step in found.steps] == [[4, 5, 6, 7], [9, 10, 11]]
    assert [cell.position for cell in found.skipped] == [8]
    assert found.kernel == "python3"


def test_the_kernel_is_that_of_the_notebook(path: Path) -> None:
    metadata = {"kernelspec": {"name": "study-env", "display_name": "Study"}}
    write(path, P, code("x = 1", "step:a"), metadata=metadata)
    assert read_notebook(path).kernel == "study-env"


@pytest.mark.parametrize("minor", range(6))
def test_each_minor_format_is_read(path: Path, minor: int) -> None:
    made = content(P, code(["x = 1\n", "y = 2"], "step:a"), nbformat_minor=minor)
    if minor < 5:
        for cell in made["cells"]:
            del cell["id"]
    path.write_text(json.dumps(made))
    assert read_notebook(path).steps[0].code[0].source == "x = 1\ny = 2"


def test_format_3_is_read(path: Path) -> None:
    v3 = nbformat.v3
    cells = [
        v3.new_code_cell(input="n = 1", metadata={"tags": [PARAMETERS]}),
        v3.new_text_cell("markdown", source="text"),
        v3.new_code_cell(input="x = n", metadata={"tags": ["step:a"]}),
    ]
    path.write_text(json.dumps(v3.new_notebook(worksheets=[v3.new_worksheet(cells=cells)])))
    found = read_notebook(path)
    assert (found.parameters.source, found.steps[0].code[0].source) == ("n = 1", "x = n")


def test_metadata_of_a_wrong_type_are_no_metadata(path: Path) -> None:
    odd = [
        code("x = 1", metadata=[]),
        code("x = 2", metadata={"tags": "skip"}),
        code("x = 3", metadata={"tags": [1, None]}),
    ]
    write(path, P, *odd, code("y = x", "step:a"), metadata=["odd"])
    assert len(read_notebook(path).setup) == 4


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (b"", ":1:1: not a notebook"),
        (b'{"cells": [\n  {"cell_type": "co', ":2:17: not a notebook: Unterminated string"),
        (b"\xff\xfe{}", "not UTF-8 text, at byte 0"),
        (b"[1, 2]", "it has no list of cells"),
        (b'{"nbformat": 4}', "it has no list of cells"),
        (b'{"nbformat": 3}', "not a notebook of format 3"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "cell 1 has no type or no source"),
        (b'{"nbformat": 4, "cells": ["x"]}', "cell 1 has no type or no source"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_damaged_file_is_refused_with_its_place(path: Path, damaged: bytes, words: str) -> None:
    path.write_bytes(damaged)
    assert words in refused(path)


def test_a_missing_notebook_is_refused_with_a_near_name(path: Path) -> None:
    write(path.with_name("studies.ipynb"), P, code("x = 1", "step:a"))
    assert "there is no such notebook\n  hint: did you mean 'studies.ipynb'?" in refused(path)


@pytest.mark.parametrize("name", ["a\0.ipynb", "\ud83d.ipynb"])
def test_what_is_no_path_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a path"):
        read_notebook(Path(name))


def test_a_folder_is_no_notebook(path: Path) -> None:
    path.mkdir()
    with pytest.raises(Exception, match="there is no such notebook"):
        read_notebook(path)


def test_a_notebook_without_parameters_is_refused(path: Path) -> None:
    write(path, code("n = 1"), code("x = n", "step:a"))
    assert "no code cell is tagged `parameters`\n  hint: tag the cell" in refused(path)


def test_a_notebook_without_steps_is_refused(path: Path) -> None:
    write(path, P, code("x = n"))
    assert "no code cell is tagged `step:NAME`, and no code stands below a" in refused(path)
    write(path, P, code("x = n", "Step-train"))
    assert "cell 2 is tagged `Step-train`; write `step:NAME`" in refused(path)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([P, P, code("x", "step:a")], "cells 1 and 2 are tagged `parameters`"),
        ([code("x = 1", "step:a"), P], "the cell tagged `parameters` is cell 2"),
        ([P, code("x", "step:a", "step:b")], "cell 2 is tagged with two steps: a, b"),
        ([P, code("x", "step:")], "cell 2 is tagged `step:`"),
        ([P, code("x", "step:../up")], "cell 2 is tagged `step:../up`"),
        (
            [P, code("x", "step:a"), code("y", "step:b"), code("z", "step:a")],
            "cell 4 (step:a) goes back to the step 'a'",
        ),
    ],
)
def test_tags_that_make_no_pipeline_are_refused(path: Path, cells: list, words: str) -> None:
    write(path, *cells)
    assert words in refused(path)


def test_another_language_is_refused(path: Path) -> None:
    metadata = {"kernelspec": {"name": "ir", "language": "R"}}
    write(path, P, code("x <- 1", "step:a"), metadata=metadata)
    assert "its language is r" in refused(path)
