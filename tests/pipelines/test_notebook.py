"""A notebook is cut into steps, and each step is a notebook again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.kind import Kind
from mlops_jupyter.pipelines.notebook import Cut, cut, cut_source, step_notebook, to_json
from mlops_jupyter.pipelines.pipeline import Parameter, Step
from mlops_jupyter.pipelines.source import read_notebook
from tests.pipelines.notebooks import PARAMETERS, code, text, write


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write(
        tmp_path / "flight delays.ipynb",
        text("# Flight delays"),
        code("import os\nimport pandas as pd"),
        code("month = 1\nlimit: float = 30", PARAMETERS),
        text("## Load"),
        code("def late(x): return x > limit\nrows = [month, 60]", "step:load"),
        code("kept = rows"),
        code("scratch = 1", "skip"),
        text("## Train"),
        code("score = sum(map(late, rows)) / len(kept)", "step:train"),
    )


def made(path: Path) -> Cut:
    return cut_source(read_notebook(path))


def parts(notebook: dict[str, Any]) -> list[tuple[str, str]]:
    return [(cell["metadata"]["mlops"]["part"], cell["source"]) for cell in notebook["cells"]]


def test_a_notebook_becomes_a_pipeline(study: Path) -> None:
    pipeline = cut(study)
    assert (pipeline.name, pipeline.notebook) == ("flight-delays", str(study))
    assert pipeline.parameters == (
        Parameter("month", 1, Kind("int")),
        Parameter("limit", 30.0, Kind("float")),
    )
    assert pipeline.steps == (
        Step("load", cells=(4, 5), receives=(), passes=("rows", "kept")),
        Step("train", cells=(8,), receives=("rows", "kept"), passes=(), before=("load",)),
    )


def test_the_notebook_of_a_step_says_all_that_it_does(study: Path) -> None:
    cut_ = made(study)
    setup = [
        ("load", "%load_ext mlops_jupyter"),
        ("setup", "import os\nimport pandas as pd"),
        ("setup", "month = 1\nlimit: float = 30"),
    ]
    about, *first = parts(step_notebook(cut_, 0, "flight delays.ipynb"))
    assert (
        "Step 1 of 2 of the pipeline `flight-delays`, made from `flight delays.ipynb`" in about[1]
    )
    assert first == [
        *setup,
        ("step", "## Load"),
        ("step", "def late(x): return x > limit\nrows = [month, 60]"),
        ("step", "kept = rows"),
        ("pass_on", "%mlops pass_on rows kept"),
    ]
    _, *second = parts(step_notebook(cut_, 1, "flight delays.ipynb"))
    assert second == [
        *setup,
        ("definitions", "def late(x): return x > limit"),
        ("receive", "%mlops receive rows kept"),
        ("step", "## Train"),
        ("step", "score = sum(map(late, rows)) / len(kept)"),
    ]


def test_cells_keep_their_ids_and_tags_and_say_where_they_were(study: Path) -> None:
    notebook = step_notebook(made(study), 0, "study")
    cells = {cell["id"]: cell["metadata"] for cell in notebook["cells"]}
    assert cells["id-2"] == {"mlops": {"part": "setup", "cell": 2}, "tags": [PARAMETERS]}
    assert cells["id-4"]["mlops"] == {"part": "step", "cell": 4}


def test_the_notebook_of_a_step_is_valid(tmp_path: Path) -> None:
    odd = [
        code("x = '🚀'", "step:a", id="same"),
        code("y = 1", id="same"),
        code("z = 1", id="not an id!"),
        text("![image](attachment:a.png)", attachments={"a.png": {"image/png": "AAAA"}}),
        code("w = 1", outputs=[{"output_type": "stream", "name": "stdout", "text": "old"}]),
    ]
    path = write(tmp_path / "a.ipynb", code("n = 1", PARAMETERS), *odd, code("x", "step:b"))
    for number in range(2):
        written = to_json(step_notebook(made(path), number, "a.ipynb"))
        notebook = nbformat.reads(written.decode(), as_version=4)
        nbformat.validate(notebook)
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
        assert not any(cell.outputs for cell in notebook.cells if cell.cell_type == "code")


def test_cells_without_ids_get_the_same_ones_each_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", code("n = 1", PARAMETERS), code("x = 1", "step:a"))
    content = json.loads(path.read_text())
    for cell in content["cells"]:
        del cell["id"]
    path.write_text(json.dumps({**content, "nbformat_minor": 4}))
    ids = [cell["id"] for cell in step_notebook(made(path), 0, "a.ipynb")["cells"]]
    assert ids == ["mlops-about", "mlops-load", "cell-0", "cell-1"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("train.ipynb", "train"),
        ("-x.ipynb", "x"),
        ("a {b} 'c' \"d\".ipynb", "a-b-c-d"),
        ("ünder_score.v2.ipynb", "nder_score.v2"),
        ("🚀 go.ipynb", "go"),
    ],
)
def test_the_file_gives_the_pipeline_its_name(tmp_path: Path, file: str, name: str) -> None:
    path = write(tmp_path / file, code("n = 1", PARAMETERS), code("x = 1", "step:a"))
    assert cut(path).name == name
    assert cut(path, "other").name == "other"


def test_a_file_that_gives_no_name_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "🚀.ipynb", code("n = 1", PARAMETERS), code("x = 1", "step:a"))
    with pytest.raises(UsageError, match="cannot be a pipeline's name") as caught:
        cut(path)
    assert caught.value.hint == "give one with `--name NAME`"
