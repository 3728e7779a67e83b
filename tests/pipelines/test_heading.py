"""Headings begin steps where no tags do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.heading import cutting_level, headings_of, step_name
from mlops_jupyter.pipelines.source import SourceNotebook, read_notebook
from tests.pipelines.notebooks import PARAMETERS, code, text, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.ipynb"


def cut(path: Path, *cells: dict[str, Any], **top: Any) -> SourceNotebook:
    return read_notebook(write(path, *cells, **top))


def steps(source: SourceNotebook) -> dict[str, list[int]]:
    """Return the numbers of each step's cells, as people count."""
    return {step.name: [cell.position + 1 for cell in step.code] for step in source.steps}


def refused(path: Path, *cells: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        cut(path, *cells)
    return str(caught.value).replace(f"{path}: ", "")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("# Load", [(1, "Load")]),
        ("text\n\n### Load the *data* ###\nmore", [(3, "Load the data")]),
        ("   ## [Load](http://a.b) `x_y` &amp; more", [(2, "Load x_y & more")]),
        ("Title\n=====\n\nPart\n---\n", [(1, "Title"), (2, "Part")]),
        ("<h2 id='a'>Load <b>it</b></h2>", [(2, "Load it")]),
        ("```\n# no heading\n```\n## Yes", [(2, "Yes")]),
        ("~~~~\n# no\n~~~\n# no\n~~~~\n# yes", [(1, "yes")]),
        ("#hashtag\n####### seven\n\\# no\n    # code", []),
        ("- item\n---\n\n| a |\n---\n> b\n===", []),
        pytest.param(f"# {'<h1>[' * 100_000}\n## Yes", [(2, "Yes")], id="an image"),
        ("", []),
    ],
)
def test_headings_are_those_of_markdown(source: str, found: list[tuple[int, str]]) -> None:
    assert [(h.level, h.text) for h in headings_of(source)] == found


@pytest.mark.parametrize(
    ("levels", "level"),
    [("122", 2), ("12333", 3), ("1222333", 2), ("111", 1), ("33", 3), ("13", 1), ("", None)],
)
def test_the_level_that_cuts_is_the_second_or_the_one_that_occurs_most(
    levels: str, level: int | None
) -> None:
    source = "\n".join(f"{'#' * int(n)} heading" for n in levels)
    assert cutting_level(headings_of(source)) == level


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Load", "load-2"),
        ("1. Fit the Model!", "1-fit-the-model"),
        ("Données d'été", "donnees-d-ete"),
        ("データ", "step-3"),
        ("../../etc", "etc"),
        ("word " * 40, "word-word-word-word-word-word-word-word-word-word-word-word"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_step_is_named_after_its_heading(heading: str, name: str) -> None:
    assert step_name(heading, 3, ["load"]) == name


def test_each_heading_begins_a_step_and_what_is_above_is_the_setup(path: Path) -> None:
    source = cut(
        path,
        text("# Flights"),
        code("import os"),
        text("## Load"),
        code("a = os.getpid()"),
        text("more"),
        code("b = a"),
        text("## Nothing below"),
        text("## Train"),
        code(""),
        code("c = b"),
        text("# Later"),
        code("d = c"),
        text("### deeper"),
        code("oops", "skip"),
        code("e = d"),
    )
    assert source.by == "headings"
    assert [cell.position for cell in source.setup] == [1]
    assert steps(source) == {"load": [4, 6, 9], "train": [10], "later": [12, 15]}
    assert [cell.source for cell in source.steps[0].shown][:2] == ["## Load", "a = os.getpid()"]
    assert [p.position for p in source.skipped] == [13]


def test_tags_come_before_headings(path: Path) -> None:
    cells = [code("n = 1", PARAMETERS), text("## Load"), code("x = n", "step:a"), text("## B")]
    source = cut(path, *cells, code("y = x"))
    assert (source.by, steps(source)) == ("tags", {"a": [3, 5]})


def test_any_text_begins_a_step_when_that_is_asked_for(path: Path) -> None:
    source = cut(
        path,
        text("# Flights"),
        code("import os"),
        text("We load the *data* first, all of it at once. It is small."),
        text(" "),
        code("a = os.getpid()"),
        code("b = a"),
        text("Then the model:"),
        text("### Train"),
        text("It is linear."),
        code("c = b"),
        text("<br>"),
        code("d = c"),
        text("The end."),
        metadata={"mlops": {"by": "text"}},
    )
    assert source.by == "text"
    assert [cell.position for cell in source.setup] == [1]
    assert steps(source) == {
        "we-load-the-data-first-all": [5, 6], "train": [10], "step-3": [12],
    }  # fmt: skip


def test_sections_down_to_the_parameters_are_the_setup(path: Path) -> None:
    source = cut(
        path,
        text("## Imports"),
        code("import os"),
        text("## What can be set"),
        code("n = 1", PARAMETERS),
        text("## Load"),
        code("x = n"),
    )
    assert [cell.position for cell in source.setup] == [1, 3]
    assert steps(source) == {"load": [6]}


def test_parameters_are_asked_for_and_never_guessed(path: Path) -> None:
    above = [code("import os"), code("n = 1\nname: str = 'a'")]
    rest = [text("## Load"), code("x = [n] * 2"), text("## Train"), code("y = sum(x)")]
    assert refused(path, *above, *rest) == (
        "cell 2 looks like parameters, and is not tagged `parameters`\n  hint: tag it, or build "
        "with `--parameters-cell 2`; `--parameters-cell none` for none"
    )
    assert "cells 2 and 3 look like parameters" in refused(path, *above, code("k = 2"), *rest)
    told = cut(path, *above, *rest, metadata={"mlops": {"parameters_cell": "id-1"}})
    assert (told.parameters.position, told.parameters.tags) == (1, (PARAMETERS,))
    none = cut(path, *above, *rest, metadata={"mlops": {"parameters_cell": 0}})
    assert none.parameters.source == ""
    gone = {"mlops": {"parameters_cell": "id-99"}}
    with pytest.raises(UsageError, match="the cell chosen for the parameters, 'id-99', is not"):
        cut(path, *above, *rest, metadata=gone)


@pytest.mark.parametrize("source", ["rows = []", "x = 1\nprint(x)", "x = f()", "import os", "x"])
def test_what_does_more_than_bind_literals_does_not_look_like_parameters(
    path: Path, source: str
) -> None:
    made = cut(path, code(f"def f(): return 1\nx = f()\n{source}"), text("# A"), code(source))
    assert made.parameters.source == ""


def test_a_notebook_without_any_structure_gets_one_clear_line(path: Path) -> None:
    assert refused(path, code("x = 1"), code("y = x")) == (
        "no code cell is tagged `step:NAME`, and no code stands below a heading\n  hint: tag the "
        "first cell of each step, e.g. `step:train`, or write a text cell such as `## Train` "
        "above it; `--by text`: each text cell begins a step"
    )
    assert "no code stands below a heading" in refused(path, code("x = 1"), text("## The end"))
    assert "no code stands below a heading" in refused(path)
    assert "no heading stands below cell 2" in refused(path, text("# A"), code("n = 1", PARAMETERS))


@pytest.mark.parametrize("told", [[], "headings", {"by": 3}, {"by": []}, {"parameters_cell": []}])
def test_odd_metadata_say_nothing(path: Path, told: Any) -> None:
    source = cut(path, text("# A"), code("x = len('a')"), metadata={"mlops": told})
    assert steps(source) == {"a": [2]}
