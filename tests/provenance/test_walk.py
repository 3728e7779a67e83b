"""What came from what, through cells, sessions, files, runs and models."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.data.dataset import Source
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project, now
from mlops_jupyter.provenance.walk import lineage
from tests.kernel import Kernel
from tests.provenance.story import Session, down, frame, read, up, written


def put(project: Project, table: str, **values: object) -> None:
    marks = ", ".join("?" * len(values))
    with project.catalog.transaction() as rows:
        rows.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
        )


def test_a_version_goes_up_to_what_its_cell_stands_on_and_no_further(project: Project) -> None:
    frame(project, "raw")
    session = Session(project)
    first = session.cell("raw = load('raw')", loads=["raw@1"])
    other = session.cell("other = open('other.csv')", files=[read("other.csv", "o")])
    clean = session.cell("clean = raw.dropna()", on=[first], files=[read("codes.csv", "c")])
    frame(project, "train", 1)
    session.cell("%snapshot clean --name train", on=[clean], takes=["train@1"])

    found = lineage(project, "train@1")
    assert up(found) == {
        ("study.ipynb [4]", "took", "train@1"),
        ("raw@1", "loaded", "study.ipynb [4]"),
        ("codes.csv", "read", "study.ipynb [4]"),
    }
    assert other not in {first, clean}
    assert {edge.text for edge in found.up} == {"", "in cell [1]", "in cell [3]"}
    cell = next(node for node in found.nodes if node.kind == "cell")
    assert cell.text == "%snapshot clean --name train"
    assert cell.when is not None


def test_it_goes_on_through_the_versions_and_files_of_other_sessions(project: Project) -> None:
    one = Session(project, "clean.ipynb")
    source = one.cell(files=[read("raw.csv", "raw"), read("https://a.example/b", kind="url")])
    one.cell(on=[source], files=[written("clean.csv", "clean")])
    two = Session(project, "train.ipynb")
    frame(project, "train")
    two.cell(files=[read("clean.csv", "clean")], takes=["train@1"])
    three = Session(project, "fit.ipynb")
    three.cell(loads=["train@1"], run="ridge")

    assert up(lineage(project, "ridge", down=False)) == {
        ("train@1", "loaded", "ridge · finished"),
        ("train.ipynb [1]", "took", "train@1"),
        ("clean.csv", "read", "train.ipynb [1]"),
        ("clean.ipynb [2]", "wrote", "clean.csv"),
        ("raw.csv", "read", "clean.ipynb [2]"),
        ("https://a.example/b", "read", "clean.ipynb [2]"),
    }
    assert down(lineage(project, "raw.csv", up=False)) >= {
        ("clean.ipynb [1]", "wrote", "clean.csv"),
        ("train.ipynb [1]", "took", "train@1"),
        ("fit.ipynb [1]", "ran", "ridge · finished"),
    }
    assert ("https://a.example/b", "read", "clean.ipynb [1]") in down(
        lineage(project, "https://a.example/b")
    )


def test_a_file_with_the_content_of_a_version_is_that_version(project: Project) -> None:
    Path("a.csv").write_text("a\n1\n")
    snapshot(project, "a.csv", "flights")
    session = Session(project)
    session.cell(files=[read("copy of a.csv", "a\n1\n")], run="ridge")
    assert up(lineage(project, "ridge")) >= {("flights@1", "read", "ridge · finished")}
    assert down(lineage(project, "flights@1")) == {
        ("flights@1", "read", "study.ipynb [1]"),
        ("study.ipynb [1]", "ran", "ridge · finished"),
    }


def test_all_empty_files_are_not_one(project: Project) -> None:
    Path("empty.csv").write_text("")
    snapshot(project, "empty.csv", "empty")
    Session(project).cell(files=[read("another.csv", "")], run="ridge")
    assert down(lineage(project, "empty@1")) == set()


def test_what_a_version_was_made_of(project: Project) -> None:
    source = Source("query", "SELECT * FROM t", connection="sqlite:a.db")
    snapshot(project, pd.DataFrame({"a": [1]}), "asked", source=source)
    found = lineage(project, "asked@1")
    assert up(found) == {("SELECT * FROM t", "from", "asked@1")}
    assert found.up[0].text == "sqlite:a.db"


def test_a_model_stands_on_a_run_and_is_judged(project: Project) -> None:
    frame(project, "train")
    frame(project, "test", 1)
    Session(project).cell(loads=["train@1"], run="ridge")
    run_id = project.catalog.rows("SELECT id FROM run")[0][0]
    at = now()
    put(project, "model_version", model="delays", version=2, run_id=run_id, model_digest="d",
        registered_at=at)  # fmt: skip
    put(project, "evaluation", id="e1", model="delays", version=2, version_id=2, label="late",
        row_count=1, left_out=0, rows_digest="d", metrics='{"rmse": 1.5}', scores="s",
        evaluated_at=at)  # fmt: skip
    put(project, "decision", id="d1", model="delays", kind="promote", to_version=2,
        reason="better", actor="ada", decided_at=at)  # fmt: skip
    put(project, "decision", id="d2", model="delays", kind="reject", to_version=3,
        reason="worse", actor="ada", decided_at=at)  # fmt: skip
    put(project, "decision_state", decision_id="d1", state="applied", at=at)

    judged = {
        ("delays@2", "evaluated", "delays@2 on test@1: rmse 1.5"),
        ("delays@2", "decided", "promote delays@2, applied: better (ada)"),
    }
    assert down(lineage(project, "train@1")) == judged | {
        ("train@1", "loaded", "study.ipynb [1]"),
        ("study.ipynb [1]", "ran", "ridge · finished"),
        ("ridge · finished", "fitted", "delays@2"),
    }
    assert down(lineage(project, "test@1")) == {
        ("test@1", "evaluated", "delays@2 on test@1: rmse 1.5")
    }
    found = lineage(project, "delays@2")
    assert down(found) == judged
    assert up(found) == {
        ("ridge · finished", "fitted", "delays@2"),
        ("train@1", "loaded", "ridge · finished"),
    }
    assert lineage(project, "delays").start == found.start == "model:delays#2"


def test_values_go_from_step_to_step_of_a_pipeline(project: Project) -> None:
    put(project, "pipeline_run", id="p", pipeline="p", notebook="n", notebook_digest="d",
        parameters="{}", status="finished", host="h", pid=1, started_at=now())  # fmt: skip
    put(project, "run", id="r" * 16, name="p", status="running", started_at=now(),
        pipeline_run_id="p")  # fmt: skip
    frame(project, "train")
    Session(project).cell(files=[read("raw.csv", "raw")], runs="r" * 16)
    Session(project).cell("%mlops receive raw", takes=["train@1"], runs="r" * 16)
    Session(project).cell(files=[read("later.csv", "later")], runs="r" * 16)
    assert up(lineage(project, "train@1")) == {
        ("study.ipynb [1]", "took", "train@1"),
        ("raw.csv", "read", "study.ipynb [1]"),
        ("p · running", "ran", "study.ipynb [1]"),
    }
    assert ("study.ipynb [1]", "took", "train@1") in down(lineage(project, "raw.csv"))


def test_re_executions_are_left_out(project: Project) -> None:
    frame(project, "train")
    Session(project, "/w/.mlops/reproductions/1f/run.ipynb").cell(loads=["train@1"])
    assert lineage(project, "train@1").down == ()


def test_a_circle_ends(project: Project) -> None:
    frame(project, "a")
    frame(project, "b", 1)
    Session(project).cell(loads=["a@1"], takes=["b@1"])
    Session(project).cell(loads=["b@1"], takes=["a@1"])
    Session(project).cell(files=[read("x", "x"), written("x", "x")])
    found = lineage(project, "a@1")
    assert len(found.up) == len(found.down) == 4
    assert lineage(project, "file:x").nodes


@pytest.mark.parametrize(("depth", "count"), [(1, 1), (2, 2), (3, 3), (4, 4), (9, 4)])
def test_only_some_steps(project: Project, depth: int, count: int) -> None:
    for one, two in itertools.pairwise(["a", "b", "c"]):
        frame(project, one, ord(one))
        frame(project, two, ord(two))
        Session(project).cell(loads=[f"{one}@1"], takes=[f"{two}@1"])
    assert len(lineage(project, "c@1", down=False, depth=depth).up) == count
    assert len(lineage(project, "a@1", up=False, depth=depth).down) == count


def test_the_number_of_queries_does_not_grow_with_the_runs(project: Project) -> None:
    frame(project, "train")

    def queries() -> int:
        asked: list[str] = []
        with project.catalog.transaction() as connection:
            pass
        connection.set_trace_callback(asked.append)
        lineage(project, "train@1")
        connection.set_trace_callback(None)
        return len(asked)

    Session(project).cell(loads=["train@1"], run="first")
    few = queries()
    for number in range(30):
        Session(project).cell(loads=["train@1"], run=f"run {number}")
    assert queries() == few


# --- what is meant -------------------------------------------------------------------------------


def test_a_run_by_its_id_its_beginning_or_its_name(project: Project) -> None:
    for _ in range(2):
        Session(project).cell(run="ridge regression")
    [old, new] = [row[0] for row in project.catalog.rows("SELECT id FROM run ORDER BY started_at")]
    for ref, run_id in (
        (old, old), (old[:6], old), (f"run:{old}", old), ("ridge regression", new),
    ):  # fmt: skip
        assert lineage(project, ref).start == f"run:{run_id}"


def test_a_name_of_several_things_must_say_which(project: Project) -> None:
    frame(project, "delays")
    Session(project).cell(run="delays")
    run_id = project.catalog.rows("SELECT id FROM run")[0][0]
    with pytest.raises(UsageError, match="more than one thing: a data version, a run") as raised:
        lineage(project, "delays")
    assert raised.value.hint == "say which: data:delays or run:delays"
    assert lineage(project, "data:delays").start == "data:1"
    assert lineage(project, "run:delays").start == f"run:{run_id}"


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        ("trian@1", "did you mean 'train@1'?"),
        ("train@2", "did you mean 'train@1'?"),
        ("ridg", "did you mean 'ridge'?"),
        ("dta.csv", "did you mean 'data.csv'?"),
        ("model:train", "did you mean 'train@1'?"),
    ],
)
def test_a_name_that_nothing_bears(project: Project, ref: str, hint: str) -> None:
    frame(project, "train")
    Session(project).cell(run="ridge", files=[read("data.csv", "x")])
    with pytest.raises(NotFoundError, match="no data version, run, model or file") as raised:
        lineage(project, ref)
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    "ref", ["", "@", "@1", "a@", ":", "run:", "🦩", "../../x", "a\0b", "'", "%"]
)
def test_hostile_names(project: Project, ref: str) -> None:
    frame(project, "train")
    with pytest.raises(UsageError):
        lineage(project, ref)


def test_a_depth_that_is_none(project: Project) -> None:
    frame(project, "train")
    with pytest.raises(UsageError, match="not a depth: 0"):
        lineage(project, "train@1", depth=0)


# --- as a person does it -------------------------------------------------------------------------


def test_in_a_real_kernel(project: Project, kernel: Kernel) -> None:
    Path("raw.csv").write_text("x,y\n1,2\n2,4\n")
    for source in (
        "import pandas as pd, mlops_jupyter",
        "raw = pd.read_csv('raw.csv')",
        "clean = raw[raw.x > 1]\n%snapshot clean --name train",
        "%%track sum\ntotal = int(mlops_jupyter.load('train@1').x.sum())",
    ):
        assert kernel.run(source).status == "ok"
    text = kernel.run("%mlops lineage train@1").data[-1]["text/plain"]
    above, _, below = text.partition("what came of it")
    assert "taken by study.ipynb [4]  clean = raw[raw.x > 1]" in above
    assert "read raw.csv  blake3:" in above
    assert "in cell [3]" in above
    assert "in run" in below
    assert "sum · finished" in below

    answer = kernel.run("found = mlops_jupyter.lineage('raw.csv'); len(found.down)")
    assert int(answer.data[-1]["text/plain"]) == 5, answer
    again = mlops_jupyter.lineage("train@1", up=False)
    assert [edge.how for edge in again.down] == ["loaded", "ran"]
