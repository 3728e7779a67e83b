"""``mlops snapshot`` and ``mlops data``, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mlops_jupyter.cli.data import COMMANDS, size
from mlops_jupyter.cli.main import main
from mlops_jupyter.data.dataset import Source
from mlops_jupyter.data.naming import name_of
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
    assert first.digest[7:19] in out

    told = json.loads(run(capsys, "data", "train", "--json")[1])
    assert (told["name"], len(told["versions"])) == ("train", 2)


def test_a_log_says_where_each_version_came_from_and_what_it_is_called(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    query = Source("query", "SELECT *\nFROM flights", connection="sqlite:flights.db")
    first = snapshot(project, pd.DataFrame({"a": [1]}), "train", "a\nnote", source=query)
    snapshot(project, pd.DataFrame({"a": [2]}), "train", tags=["golden", "v1.0.0"])
    with project.catalog.transaction() as connection:
        connection.execute(
            "UPDATE dataset_version SET gone_at = created_at, gone_why = 'too old' WHERE number = 1"
        )
    code, out, _ = run(capsys, "data", "log", "train")
    head, _, newest, oldest = out.splitlines()
    assert code == 0
    assert head.split()[:4] == ["version", "when", "shape", "size"]
    assert "golden, v1.0.0" in newest
    assert "query SELECT * FROM flights" in oldest
    assert oldest.endswith("given up: too old")
    assert first.digest[7:19] in oldest
    assert run(capsys, "data", "train")[1] == out
    told = json.loads(run(capsys, "data", "log", "train", "--json")[1])
    assert told == json.loads(run(capsys, "data", "--json", "train")[1])
    assert told["versions"][0]["tags"] == ["golden", "v1.0.0"]


def test_one_version_in_full(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    query = Source("query", "SELECT 1", "postgresql://db:5432/sales", '{"since": 2013}')
    frame = pd.DataFrame({"a": [1.5, None], "[b]": ["x", "y"]})
    made = snapshot(project, frame, "train", "as delivered", source=query, tags=["golden"])
    code, out, _ = run(capsys, "data", "show", "train@golden")
    assert code == 0
    for text in (
        "train@1", "golden", "as delivered", "query SELECT 1", "postgresql://db:5432/sales",
        '{"since": 2013}', "frame, 2 × 2", made.digest, "float64",
    ):  # fmt: skip
        assert text in out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.split()}
    assert lines["a"] == ["a", "float64", "1"]
    assert lines["[b]"][0] == "[b]"
    told = json.loads(run(capsys, "data", "show", made.digest, "--json")[1])
    assert (told["number"], told["source"]["connection"]) == (1, "postgresql://db:5432/sales")


def test_tags_are_given_moved_and_taken_off(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.csv").write_text("a,b\n")
    run(capsys, "snapshot", "a.csv", "--tag", "golden", "--tag", "silver")
    Path("a.csv").write_text("a,b,c\n")
    run(capsys, "snapshot", "a.csv")
    code, _, err = run(capsys, "data", "tag", "a@2", "golden")
    assert (code, err.splitlines()[0]) == (6, "error: a@golden is a@1")
    assert run(capsys, "data", "tag", "a@2", "golden", "--force")[1] == "a@golden is a@2\n"
    assert run(capsys, "data", "untag", "a@golden")[:2] == (0, "a@golden is no more; it was a@2\n")
    Path("a.csv").write_text("")
    assert run(capsys, "snapshot", "a.csv", "--tag", "silver")[0] == 6
    assert run(capsys, "snapshot", "a.csv", "--tag", "silver", "--force")[1].startswith("a@3")
    assert json.loads(run(capsys, "data", "show", "a@silver", "--json")[1])["number"] == 3


def test_a_dataset_that_is_named_like_a_command(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot(project, pd.DataFrame(), "show")
    assert "show@1" in run(capsys, "data", "log", "show")[1]


def test_a_reexecution_leaves_tags_alone(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot(project, pd.DataFrame(), "train")
    monkeypatch.setenv("MLOPS_REPRODUCES", "a run")
    said = run(capsys, "data", "tag", "train@1", "golden")[1]
    assert said == "mlops data tag: left out, this is a re-execution\n"
    assert "train@1" in run(capsys, "data", "train")[1]


def test_the_help_lists_the_commands(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "data", "--help")
    assert (code, [name for name in COMMANDS if f"\n  {name} " not in out]) == (0, [])


def test_a_thousand_versions_are_listed(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = json.dumps([{"name": f"c{n}", "type": "int64", "missing": 0} for n in range(20)])
    with project.catalog.transaction() as connection:
        connection.executemany(
            "INSERT INTO dataset_version (dataset, number, digest, kind, manifest, row_count,"
            " columns, size_bytes, created_at) VALUES"
            " ('train', ?, ?, 'frame', 'blake3:0', 1000, ?, 9, '2026-11-01T00:00:00+00:00')",
            [(number, f"blake3:{number:064}", columns) for number in range(1, 1001)],
        )
    assert len(run(capsys, "data", "log", "train")[1].splitlines()) == 1002


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["snapshot", "b.csv"], "there is no file 'b.csv'", "did you mean 'a.csv'?"),
        (["snapshot", "a.csv", "--name", "../x"], "not a name for a dataset", "letters, digits"),
        (["data", "trian"], "there is no dataset 'trian'", "did you mean 'train'?"),
        (["data", "log", "trian"], "there is no dataset 'trian'", "did you mean 'train'?"),
        (["data", "shwo", "train@1"], "there is no command 'data shwo'", "there is: contract"),
        (["data", "show", "train@2"], "there is no data version 'train@2'", "'train@1'?"),
        (["data", "tag", "train@1", "2"], "'2' would be read as a number", "a word before it"),
        (["data", "untag", "train@1"], "not a tag: 'train@1'", "train@TAG"),
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
