"""``mlops snapshot`` and ``mlops data``, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mlops_jupyter.cli.data import name_of, size
from mlops_jupyter.cli.main import main
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it printed."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_file_is_kept_under_its_own_name(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("flights 2013.csv").write_text("a,b\n")

    code, out, _ = run(capsys, "snapshot", "flights 2013.csv", "--note", "as delivered")
    assert (code, out.split()[0]) == (0, "flights-2013@1")
    assert "4 B" in out

    code, out, _ = run(capsys, "snapshot", "flights 2013.csv")
    assert (code, out.split()[0]) == (0, "flights-2013@1")
    assert "the same content as before" in out

    Path("flights 2013.csv").write_text("a,b\n1,2\n")
    assert run(capsys, "snapshot", "flights 2013.csv")[1].startswith("flights-2013@2")


def test_a_snapshot_as_json_is_the_version(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.csv").write_text("a,b\n")
    code, out, _ = run(capsys, "snapshot", "a.csv", "--name", "train", "--note", "n", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["dataset"], told["number"], told["note"], told["kind"]) == (
        "train",
        1,
        "n",
        "file",
    )


def test_the_list_shows_each_dataset_and_its_newest_version(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no data versions yet" in run(capsys, "data")[1]
    snapshot(project, pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "train")
    snapshot(project, pd.DataFrame({"a": range(2000)}), "train", note="[bold]grown[/bold]")

    code, out, _ = run(capsys, "data")
    line = next(line for line in out.splitlines() if line.strip().startswith("train"))
    assert code == 0
    assert line.split()[:3] == ["train", "2", "train@2"]
    assert "2,000 × 1" in line
    assert "[bold]grown[/bold]" in line  # what a person wrote is no markup

    told = json.loads(run(capsys, "data", "--json")[1])
    assert [v["number"] for v in told["datasets"][0]["versions"]] == [2, 1]


def test_the_versions_of_one_dataset(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = snapshot(project, pd.DataFrame({"a": [1]}), "train")
    snapshot(project, pd.DataFrame({"a": [2]}), "train")

    code, out, _ = run(capsys, "data", "train")
    refs = [line.split()[0] for line in out.splitlines() if "train@" in line]
    assert (code, refs) == (0, ["train@2", "train@1"])
    assert first.digest[:19] in out

    told = json.loads(run(capsys, "data", "train", "--json")[1])
    assert (told["name"], len(told["versions"])) == ("train", 2)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["snapshot", "b.csv"], "there is no file 'b.csv'", "did you mean 'a.csv'?"),
        (["snapshot", "."], "is a folder", "tar -cf"),
        (["snapshot", "a.csv", "--name", "../x"], "not a name for a dataset", "letters, digits"),
        (["data", "trian"], "there is no dataset 'trian'", "did you mean 'train'?"),
    ],
)
def test_mistakes_are_one_line_and_a_hint(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
    hint: str,
) -> None:
    Path("a.csv").write_text("")
    snapshot(project, pd.DataFrame(), "train")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[0]
    assert hint in err.splitlines()[1]
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize("command", [["snapshot", "x"], ["data"]])
def test_outside_a_project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *command)
    assert code == 2
    assert "not in a project" in err


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("train.csv", "train"),
        ("folder/a.b.csv.gz", "a"),
        (".hidden", "hidden"),
        ("prévisions (1).csv", "pr-visions-1"),
        ("🦩.csv", "data"),
        ("../..", "data"),
        ("x" * 200 + ".csv", "x" * 100),
    ],
)
def test_a_name_is_made_of_any_file_name(path: str, name: str) -> None:
    assert name_of(Path(path)) == name


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_234_567, "1.23 MB"),
        (999_600, "1 MB"),
        (5 * 10**12, "5 TB"),
    ],
)
def test_sizes_as_people_read_them(count: int, text: str) -> None:
    assert size(count) == text


HEAVY = ["pandas", "pyarrow", "numpy", "mlflow", "papermill"]


def test_a_file_is_kept_without_importing_pandas(project: Project) -> None:
    Path("a.csv").write_text("a,b\n")
    script = (
        "import sys; from mlops_jupyter.cli.main import cli;"
        " cli(['snapshot', 'a.csv'], standalone_mode=False);"
        f" print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
