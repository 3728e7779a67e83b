"""``mlops pipeline``: what it prints, and with which code it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_jupyter.cli.main import main
from mlops_jupyter.project import Project
from tests.pipelines.notebooks import PARAMETERS, code, write


@pytest.fixture
def mlops(offline: Project, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        shown = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, shown.out, shown.err

    return run


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
    assert lines[0] == "step 1/2 load …"
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
