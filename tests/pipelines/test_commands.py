"""``mlops pipeline``: what it prints, and with which code it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_jupyter.project import Project
from tests.pipelines.notebooks import PARAMETERS, code, declare, text, write


def test_build_run_and_list(mlops, offline: Project) -> None:
    assert mlops("pipeline", "list")[1] == "no pipelines yet: see `mlops pipeline build --help`\n"
    write(
        offline.root / "train.ipynb",
        code("depth = 3\nname = 'a'", PARAMETERS),
        code("rows = [depth] * 2", "step:load"),
        code("score = sum(rows) / 4", "step:train"),
    )
    status, built, _ = mlops("pipeline", "build", "train.ipynb")
    assert status == 0
    assert "pipeline train, from train.ipynb" in built
    assert [line.split() for line in built.splitlines() if line.strip()][3:5] == [
        ["load", "2", "rows"],
        ["train", "3", "rows"],
    ]
    assert "parameters: depth=3  name='a'" in built
    assert "run it with `mlops pipeline run train`" in built
    assert mlops("pipeline", "build", "train.ipynb")[:2] == (0, built)

    assert mlops("pipeline", "list")[1].splitlines()[-2].split() == [
        "train", "train.ipynb", "never", "run",
    ]  # fmt: skip
    status, ran, _ = mlops("pipeline", "run", "train", "-p", "depth", "-2", "-p", "name", "x y")
    assert status == 0
    lines = ran.splitlines()
    assert lines[0] == "step 1/2 load …  never ran"
    assert lines[1].startswith("step 1/2 load: 1 cell, ")
    assert lines[4].startswith("pipeline train: finished in ")
    for line in lines[5:7]:
        assert Path(line.strip()).is_file()
    assert lines[7] == "  score -1"
    row = mlops("pipeline", "list")[1].split()
    assert row[row.index("finished") :][1:4] == ["depth=-2", "name=x", "y"]
    listed = json.loads(mlops("pipeline", "list", "--json")[1])
    assert listed[0]["runs"][0]["parameters"] == {"depth": -2, "name": "x y"}


def test_a_cell_that_raises_ends_with_5_and_the_path_of_what_was_executed(
    mlops, offline: Project
) -> None:
    cells = [code("x = n", "step:a"), code("raise KeyError('carrier')", "step:b"), code("x")]
    write(offline.root / "train.ipynb", code("n = 1", PARAMETERS), *cells)
    mlops("pipeline", "build", "train.ipynb")
    status, _, errors = mlops("pipeline", "run", "train")
    assert status == 5
    first, hint = errors.splitlines()
    notebook = offline.root / "train.ipynb"
    assert first == f"error: {notebook}, cell 3 (step:b): KeyError: 'carrier'"
    executed = Path(hint.removeprefix("  hint: the notebook as executed so far: "))
    assert executed.name == "02-b.ipynb"
    assert "carrier" in executed.read_text()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["build", "trian.ipynb"], "trian.ipynb: there is no such notebook\n  hint: did you mean"),
        (["build", "plain.ipynb"], "plain.ipynb: no code cell is tagged `parameters`\n  hint: tag"),
        (["build", "broken.ipynb"], "broken.ipynb:1:2: not a notebook"),
        (["run", "nothing"], "there is no pipeline 'nothing'\n  hint: declare it with"),
        (
            ["run", "train", "-p", "depht", "1"],
            "no parameter 'depht'\n  hint: did you mean 'depth'?",
        ),
        (
            ["run", "train", "-p", "depth", "deep"],
            "parameter 'depth' is a whole number, not 'deep'",
        ),
        (["run", "train", "-p", "depht=1"], "no parameter 'depht'\n  hint: did you mean 'depth'?"),
        (["run", "train", "-p", "=1"], "no parameter ''\n  hint: there is: depth"),
        (["run", "train", "--params", "no.yaml"], "no.yaml: there is no such file"),
        (["parameters", "trian"], "there is no pipeline 'trian'\n  hint: d"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line_and_a_hint(
    mlops, offline: Project, words: list[str], error: str
) -> None:
    if "train" in words:
        cells = [code("depth = 3", PARAMETERS), code("x = depth", "step:a")]
        write(offline.root / "train.ipynb", *cells)
        mlops("pipeline", "build", "train.ipynb")
    write(offline.root / "trains.ipynb")
    write(offline.root / "plain.ipynb", code("x = 1", "step:a"))
    (offline.root / "broken.ipynb").write_text("{")
    before = sorted(offline.root.rglob("*.ipynb")), (offline.root / "mlops.yaml").read_bytes()
    status, shown, errors = mlops("pipeline", *words)
    assert (status, shown) == (2, "")
    assert errors.startswith("error: ")
    assert error in errors
    assert len(errors.splitlines()) <= 2
    assert (
        sorted(offline.root.rglob("*.ipynb")),
        (offline.root / "mlops.yaml").read_bytes(),
    ) == before


def test_outside_a_project(mlops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, errors = mlops("pipeline", "run", "train")
    assert status == 2
    assert "not in a project" in errors


STUDY = """import os
month: Annotated[int, "1..12"] = 1  # The month of the flights.
query = "a=b"
file: Path | None = None
password: "Secret" = "env:DB_PASSWORD"
db_password = "hunter2"
"""


@pytest.fixture
def train(offline: Project) -> Path:
    """Return the notebook of the pipeline `train`, which has some parameters."""
    cells = [code(STUDY, PARAMETERS), code("print(month, [query], file)", "step:a")]
    imports = code("from pathlib import Path\nfrom typing import Annotated")
    kernel = {"name": "python3", "display_name": "python3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    path = write(offline.root / "train.ipynb", imports, *cells, metadata=metadata)
    declare(offline, train="train.ipynb")
    return path


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--help"],
        ["--help", "train"],
        ["-p", "month=2", "train", "-h"],
    ],
)
def test_help_lists_the_parameters(mlops, train: Path, words: list[str]) -> None:
    status, shown, _ = mlops("pipeline", "run", *words)
    assert status == 0
    text = " ".join(shown.split())
    assert "Parameters of train (train.ipynb):" in text
    assert "month The month of the flights. [int, at least 1, at most 12; default: 1]" in text
    assert "query [str; default: 'a=b']" in text
    assert "file [Path | None; default: None]" in text
    assert "password [Secret; default: env:DB_PASSWORD]" in text
    assert "hunter2" not in text


def test_help_without_a_pipeline(mlops, offline: Project) -> None:
    assert "Parameters of" not in mlops("pipeline", "run", "--help")[1]
    status, shown, _ = mlops("pipeline", "run", "trian", "--help")
    assert status == 0
    assert "The parameters of trian cannot be listed: there is no pipeline 'trian'" in shown


def test_the_parameters_as_a_table_and_as_json(mlops, train: Path) -> None:
    _, shown, _ = mlops("pipeline", "parameters", "train")
    assert "month" in shown
    assert "hunter2" not in shown
    status, shown, _ = mlops("pipeline", "parameters", "train", "--json")
    assert status == 0
    assert json.loads(shown)["properties"]["month"]["maximum"] == 12
    assert "hunter2" not in shown


def test_a_wrong_line_in_a_file_of_parameters(mlops, train: Path, offline: Project) -> None:
    (offline.root / "july.yaml").write_text("query: x\nmonth: 13\n")
    status, _, errors = mlops("pipeline", "run", "train", "--params", "july.yaml")
    assert status == 2
    assert "error: july.yaml:2: parameter 'month' is a whole number, at least 1" in errors


def test_a_variable_that_is_not_set_ends_it_before_anything_starts(
    mlops, train: Path, offline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DB_PASSWORD", raising=False)
    status, _, errors = mlops("pipeline", "run", "train", "-p", "month=2")
    assert status == 2
    assert "parameter 'password' is env:DB_PASSWORD, and that variable is not set" in errors
    assert not (offline.folder / "pipelines").exists()


def test_pairs_files_and_words(mlops, offline: Project) -> None:
    cells = [code("a = 1\nb = 'x'\nc = 1\nd = 1", PARAMETERS)]
    write(offline.root / "sum.ipynb", *cells, code("print(a, b, c, d)", "step:a"))
    declare(offline, sum="sum.ipynb")
    (offline.root / "file.yaml").write_text("a: 2\nc: 3\n")
    words = ["--params", "file.yaml", "-p", "b=x=y -p", "--parameter=c=4", "-p", "d", "-5"]
    status, _, errors = mlops("pipeline", "run", "sum", *words)
    assert (status, errors) == (0, "")
    runs = json.loads(mlops("pipeline", "list", "--json")[1])[0]["runs"]
    assert runs[0]["parameters"] == {"a": 2, "b": "x=y -p", "c": 4, "d": -5}


def help_of_papermill(notebook: Path) -> str:
    words = [sys.executable, "-m", "papermill", "--help-notebook", str(notebook)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_papermill_can_still_read_the_parameters(mlops, offline: Project) -> None:
    cell = code("month: int = 1  # of the flights\nname = 'a'", PARAMETERS)
    kernel = {"name": "python3", "display_name": "python3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    source = write(
        offline.root / "a.ipynb", cell, code("print(month)", "step:a"), metadata=metadata
    )
    declare(offline, a="a.ipynb")
    assert mlops("pipeline", "run", "a", "-p", "month=2")[0] == 0
    (executed,) = (offline.folder / "pipelines" / "a").glob("*/01-a.ipynb")
    for notebook in (source, executed):
        shown = help_of_papermill(notebook)
        assert "month: int (default 1)" in shown
        assert "of the flights" in shown
        assert "name: Unknown type (default 'a')" in shown


def test_papermill_survives_a_cell_that_it_cannot_read_whole(train: Path) -> None:
    assert "password: Secret" in help_of_papermill(train)


def test_build_by_headings_says_so(mlops, offline: Project) -> None:
    write(
        offline.root / "study.ipynb",
        code("n = 3"),
        text("## Load"),
        code("rows = [n] * 2"),
        text("## Score"),
        code("score = sum(rows)"),
    )
    status, shown, errors = mlops("pipeline", "build", "study.ipynb")
    assert (status, shown) == (2, "")
    assert errors.splitlines() == [
        "error: study.ipynb: cell 1 looks like parameters, and is not tagged `parameters`",
        "  hint: tag it, or build with `--parameters-cell 1`; `--parameters-cell none` for none",
    ]
    status, shown, _ = mlops("pipeline", "build", "study.ipynb", "--parameters-cell", "1")
    assert status == 0
    assert shown.splitlines()[-3:] == [
        "parameters: n=3",
        "cut by headings",
        "run it with `mlops pipeline run study`",
    ]
    shown = mlops("pipeline", "build", "study.ipynb", "--parameters-cell", "none")[1]
    assert shown.splitlines()[-6:-1] == [
        "parameters: none",
        "cut by headings; the code above the first, cell 1, is the setup",
        "no cell sets parameters: tag one `parameters`, or `--parameters-cell N`",
        "changed: parameters: gone n",
        "changed: setup, which runs in each step: cell 1 new",
    ]
    status, _, errors = mlops("pipeline", "build", "study.ipynb", "--parameters-cell", "all")
    assert status == 2
    assert "'all' is no cell: write its number, from 1, or `none`" in errors


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "no notebook is given"),
        (["a.ipynb", "--out", "b.ipynb"], "--out and --force go with --from-run"),
        (["a.ipynb", "--from-run", "abc"], "--from-run makes its own notebook"),
        (["--from-run", "abc"], "there is no run 'abc'"),
    ],
)
def test_options_of_build_that_do_not_go_together(mlops, words: list[str], error: str) -> None:
    status, shown, errors = mlops("pipeline", "build", *words)
    assert (status, shown) == (2, "")
    assert errors.startswith(f"error: {error}")


def test_show_draws_the_pipeline(mlops, offline: Project) -> None:
    cells = [code("a = n", "step:load"), code("b = a", "step:train")]
    write(offline.root / "train.ipynb", code("n = 1", PARAMETERS), *cells)
    mlops("pipeline", "build", "train.ipynb")
    status, shown, _ = mlops("pipeline", "show", "train")
    assert status == 0
    assert "│  from load: a │" in shown
    status, shown, _ = mlops("pipeline", "show", "train", "--mermaid")
    assert (status, shown.splitlines()[0]) == (0, "flowchart TD")
    assert '  s0 -->|"a"| s1' in shown
    assert mlops("pipeline", "show", "trian")[0] == 2


def test_check_ends_with_1_when_something_is_wrong(mlops, offline: Project) -> None:
    assert mlops("pipeline", "check")[0] == 2
    load = code("rows = open('rows.txt').read() * n", "step:load")
    train = code("import random\nscore = len(rows) * random.random()", "step:train")
    write(offline.root / "train.ipynb", code("n = 1", PARAMETERS), load, train)
    mlops("pipeline", "build", "train.ipynb")
    status, shown, _ = mlops("pipeline", "check")
    assert status == 1
    load_words = "train.ipynb, cell 2: error [missing-input]"
    train_words = "train.ipynb, cell 3: warning [unseeded]"
    assert shown.splitlines() == [
        f"{load_words}: reads 'rows.txt', which is not there and which no cell writes",
        "  hint: paths count from the folder of the notebook",
        f"{train_words}: draws random numbers without a seed: random.random()",
        "  hint: set a seed above, e.g. `np.random.seed(0)`, or give `random_state=0`",
        "pipeline train: 1 error, 1 warning",
    ]
    (offline.root / "rows.txt").write_text("a")
    status, shown, _ = mlops("pipeline", "check", "train")
    assert (status, shown.splitlines()[-1]) == (0, "pipeline train: 1 warning")
    status, shown, _ = mlops("pipeline", "check", "train", "--strict", "--json")
    assert status == 1
    (found,) = json.loads(shown)
    assert (found["pipeline"], found["findings"][0]["code"]) == ("train", "unseeded")
    status, shown, _ = mlops("pipeline", "check", "train", "-p", "m", "1")
    assert status == 1
    assert "error [unknown-parameter]" in shown
