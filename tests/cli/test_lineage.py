"""``mlops lineage``, as a person types it."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.project import Project
from tests.cli.test_data import run
from tests.provenance.story import Session, frame, read


@pytest.fixture
def story(project: Project) -> Project:
    frame(project, "train")
    session = Session(project)
    first = session.cell("# a comment\n[bold]raw[/bold] = 1", files=[read("raw 🦩.csv", "x")])
    session.cell("%snapshot df --name train", on=[first], takes=["train@1"])
    for number in range(25):
        Session(project, "fit.ipynb").cell(loads=["train@1"], run=f"run {number}")
    return project


def test_a_tree_up_and_a_tree_down(story: Project, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "lineage", "train@1")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "train@1  frame 1 × 1: came from"
    assert lines[1].startswith("└── taken by study.ipynb [2]  %snapshot df --name train · ")
    assert lines[2].startswith("    └── read raw 🦩.csv  blake3:")
    assert "in cell [1]" in lines[2]
    assert lines[3] == "train@1  frame 1 × 1: what came of it"
    assert out.count("loaded by fit.ipynb [1]  pass") == 20
    assert lines[-1] == "└── … and 5 more; see --json"


def test_one_way_and_some_steps(story: Project, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "lineage", "train@1", "--up", "--depth", "1")[1]
    assert len(out.splitlines()) == 2
    out = run(capsys, "lineage", "raw 🦩.csv", "--down", "--depth", "2")[1]
    assert "[bold]raw[/bold] = 1" in out  # what a person wrote is no markup
    assert "came from" not in out
    assert "nothing is known" in run(capsys, "lineage", "run 7", "--down")[1]


def test_json_has_all_of_it(story: Project, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(run(capsys, "lineage", "train@1", "--json")[1])
    assert told["start"] == told["nodes"][0]["id"] == "data:1"
    assert len([edge for edge in told["down"] if edge["how"] == "loaded"]) == 25
    ids = {node["id"] for node in told["nodes"]}
    assert {edge[end] for edge in told["up"] for end in ("source", "target")} <= ids
    cell = next(node for node in told["nodes"] if node["ref"] == "study.ipynb [2]")
    assert (cell["kind"], cell["text"]) == ("cell", "%snapshot df --name train")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lineage", "tarin@1"], "there is no data version, run, model or file 'tarin@1'"),
        (["lineage", "train@1", "--depth", "0"], "not a depth: 0"),
    ],
)
def test_mistakes_are_one_line_and_a_hint(
    story: Project, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[0]
    assert len(err.splitlines()) == 2
