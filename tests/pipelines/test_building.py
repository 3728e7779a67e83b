"""Building from headings and building again: what is asked, kept and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlops_jupyter import config
from mlops_jupyter.cli.main import cli
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.build import build, building
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history
from tests.pipelines.notebooks import PARAMETERS, code, text, write

CELLS = (
    code("import math"),
    code("n = 3  # how many"),
    text("## Load"),
    code("rows = list(range(n))"),
    text("## Sum it up"),
    code("total = math.fsum(rows)"),
)


def settings(project: Project) -> str:
    return (project.root / "mlops.yaml").read_text()


def test_a_notebook_with_headings_runs_as_a_pipeline(offline: Project) -> None:
    write(offline.root / "study.ipynb", *CELLS)
    with pytest.raises(UsageError, match="cell 2 looks like parameters"):
        build(offline, "study.ipynb")
    assert "study" not in settings(offline)
    made = building(offline, "study.ipynb", parameters_cell=2)
    assert (made.by, made.setup, made.parameters_cell, made.changes) == ("headings", (0,), 1, None)
    assert [step.name for step in made.pipeline.steps] == ["load", "sum-it-up"]
    assert 'parameters_cell: "id-1"' in settings(offline)
    run = run_pipeline(open_project(), "study", {"n": 4})
    assert history.get(offline, run.run_id or "").metrics == {"total": 6}


def test_any_text_can_begin_a_step(offline: Project) -> None:
    cells = [text("We load."), code("x = list('ab')"), text("We count."), code("y = len(x)")]
    write(offline.root / "study.ipynb", *cells)
    made = CliRunner().invoke(cli, ["pipeline", "build", "study.ipynb", "--by", "text"])
    assert "cut by text" in made.output
    run = run_pipeline(open_project(offline.root), "study")
    assert [(s.step, s.status) for s in run.steps] == [
        ("we-load", "finished"), ("we-count", "finished"),
    ]  # fmt: skip


def test_a_choice_is_kept_and_follows_its_cell(project: Project) -> None:
    write(project.root / "study.ipynb", *CELLS)
    build(project, "study.ipynb", parameters_cell=2)
    before = settings(project)
    kept = [{"id": f"id-{n}", **cell} for n, cell in enumerate(CELLS)]
    write(project.root / "study.ipynb", text("# New", id="new"), *kept)
    assert [p.name for p in build(project, "study.ipynb").parameters] == ["n"]
    assert settings(project) == before
    build(project, "study.ipynb", parameters_cell=0)
    assert settings(project) == before.replace('"id-1"', "0")


def test_a_cell_without_an_id_of_its_own_is_known_by_its_number(project: Project) -> None:
    write(project.root / "study.ipynb", *({**cell, "id": "same"} for cell in CELLS))
    build(project, "study.ipynb", parameters_cell=2)
    assert config.load(project.root / "mlops.yaml").pipelines["study"].parameters_cell == 2


@pytest.mark.parametrize(
    ("number", "words"),
    [(9, "cell 9 is not there: the notebook has 6 cells"), (3, "cell 3 is text")],
)
def test_a_cell_that_cannot_hold_parameters_is_refused(
    project: Project, number: int, words: str
) -> None:
    write(project.root / "study.ipynb", *CELLS)
    with pytest.raises(UsageError, match=words):
        build(project, "study.ipynb", parameters_cell=number)


def test_headings_can_be_chosen_although_there_are_tags(project: Project) -> None:
    cells = [*CELLS[:3], code("x = n", "step:a"), *CELLS[4:5], code("y = x")]
    write(project.root / "study.ipynb", *cells)
    made = building(project, "study.ipynb", by="headings", parameters_cell=2)
    assert [step.name for step in made.pipeline.steps] == ["load", "sum-it-up"]
    assert 'by: "headings"' in settings(project)
    made = building(project, "study.ipynb", by="tags")
    assert [step.name for step in made.pipeline.steps] == ["a"]
    assert made.changes is not None
    assert made.changes[0] == "cut by tags, no longer by headings"


def test_building_again_tells_what_changed_and_keeps_hand_edits(project: Project) -> None:
    file = project.root / "mlops.yaml"
    cells = [code("n = 3", PARAMETERS), code("import os"), code("a = n", "step:load"),
             code("b = a", "step:clean"), code("c = b", "step:train")]  # fmt: skip
    notebook = project.root / "study.ipynb"
    write(notebook, *cells)
    assert building(project, notebook).changes is None
    by_hand = settings(project).replace('notebook: "study.ipynb"', "notebook: study.ipynb  # mine")
    file.write_text(f"# ours\n{by_hand}# the end\n")
    before = file.read_bytes()
    cells[2]["source"] = "a = n  # only a comment"
    write(notebook, *cells)
    assert building(project, notebook).changes == ()

    cells = [
        code("n = 3\nk = 1", PARAMETERS, id="id-0"),
        code("import sys", id="id-1"),
        code("a = n + k\nd = 5", "step:load", id="id-2"),
        code("e = a", id="more"),
        code("c = a + d", "step:train", id="id-4"),
        code("f = c + e", "step:test", id="test"),
    ]
    write(notebook, *cells)
    assert building(project, notebook).changes == (
        "parameters: new k",
        "setup, which runs in each step: cell 2 changed",
        "step load: cell 3 changed; cell 4 new; passes on d, e",
        "step train: cell 5 changed; receives a, d; no longer receives b; passes on e, c",
        "step test: new, cell 6",
        "step clean: gone, it was cell 4",
    )
    assert building(project, notebook).changes == ()
    assert file.read_bytes() == before


def test_what_is_remembered_holds_no_values(project: Project) -> None:
    write(project.root / "study.ipynb", code("n = 'very-own-value'", PARAMETERS),
          code("x = n", "step:a"))  # fmt: skip
    build(project, "study.ipynb")
    kept = project.folder / "pipelines" / "study" / "built.json"
    assert "very-own-value" not in kept.read_text()
    kept.write_text("{damaged")
    assert building(project, "study.ipynb").changes is None
    assert json.loads(kept.read_text())["parameters"] == ["n"]


def test_settings_on_one_line_are_left_to_their_writer(project: Project) -> None:
    write(project.root / "study.ipynb", *CELLS)
    file = project.root / "mlops.yaml"
    file.write_text("pipelines: {study: {notebook: study.ipynb}}\n")
    with pytest.raises(UsageError, match="cannot set `parameters_cell`") as caught:
        build(project, "study.ipynb", parameters_cell=2)
    assert caught.value.hint == (
        'write it yourself, below its `notebook:`: parameters_cell: "id-1"'
    )
    assert file.read_text() == "pipelines: {study: {notebook: study.ipynb}}\n"


def test_a_comment_beside_a_choice_stays(tmp_path: Path) -> None:
    before = "pipelines:\n  a:\n    notebook: a.ipynb # x\n    by: tags  # for now\n    # end\n"
    after = config.change_pipeline(before, "a", {"by": "headings"}, tmp_path)
    assert after == before.replace("by: tags", 'by: "headings"')
