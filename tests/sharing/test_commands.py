"""``mlops push``, ``pull`` and ``fetch``: what they say, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.cli.main import main
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project

Clone = Callable[[str], Project]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command: exit code, and what it printed."""

    def one(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return one


Run = Callable[..., tuple[int, str, str]]


def test_push_and_pull_say_what_went_and_came(
    project: Project, clone: Clone, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (project.root / "mlops.yaml").write_text("version: 1\nremote: {url: ../shared}\n")
    snapshot(project, pd.DataFrame({"a": [1]}), "train")
    assert run("push") == (
        0,
        f"1 data version, 0 runs, 3 objects ({_size(tmp_path)}) → {tmp_path}/shared\n",
        "",
    )
    assert run("push")[1] == f"0 data versions, 0 runs, 0 objects (0 B) → {tmp_path}/shared\n"

    theirs = clone("theirs")
    monkeypatch.chdir(theirs.root)
    snapshot(theirs, pd.DataFrame({"a": [2]}), "train")
    code, _, error = run("push", "--to", "../shared")
    assert (code, error.splitlines()[1][:20]) == (6, "  hint: `mlops pull`")
    code, out, _ = run("pull", "--from", "../shared")
    assert code == 0
    assert out.splitlines()[1] == (
        "train@1 is now train@2: others had shared versions under these numbers"
    )
    code, out, _ = run("push", "train@2", "--to", "../shared", "--json")
    assert (code, json.loads(out)["versions"]) == (0, ["train@2"])
    assert run("fetch", "--from", "../shared")[1].startswith("0 objects (0 B) ← ")


def _size(folder: Path) -> str:
    objects = (folder / "shared" / "objects").rglob("*")
    count = sum(path.stat().st_size for path in objects if path.is_file())
    return f"{count} B" if count < 1000 else f"{count / 1000:.3g} kB"


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["push"], {}, 2, "no shared store is named"),
        (["pull"], {}, 2, "or give one by --to or --from"),
        (["pull"], {"MLOPS_REMOTE_URL": "/nowhere/at/all"}, 2, "there is nothing yet"),
        (["pull", "trian"], {"MLOPS_REMOTE_URL": "../shared"}, 2, "did you mean 'train'?"),
        (["push"], {"MLOPS_REMOTE_URL": "gs://bucket/x"}, 2, "mlops-jupyter[gcs]"),
    ],
)
def test_mistakes_are_one_line_and_a_hint(
    project: Project,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    code: int,
    said: str,
) -> None:
    snapshot(project, pd.DataFrame({"a": [1]}), "train")
    mlops_jupyter.push(url="../shared")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    ended, _, error = run(*arguments)
    assert ended == code
    assert said in error
    assert len(error.splitlines()) <= 2


def test_a_store_that_is_away_is_worth_trying_again(project: Project, run: Run) -> None:
    snapshot(project, pd.DataFrame({"a": [1]}), "train")
    away = "s3://AKIAX:hunter2hunter2@bucket/x"
    (project.root / "mlops.yaml").write_text(
        "version: 1\nremote: {endpoint: 'http://127.0.0.1:9'}\n"
    )
    code, _, error = run("push", "--to", away)
    assert code == 7
    assert error.startswith("error: s3://bucket/x: ")
    assert "hunter2" not in error


def test_a_run_that_is_executed_again_does_not_push(project: Project) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "mlops_jupyter.cli.main", "push", "--to", "../shared"],
        cwd=project.root,
        env={"MLOPS_REPRODUCES": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "mlops push: left out, this is a re-execution\n"
    assert not (project.root.parent / "shared").exists()


def test_the_functions_do_the_same(project: Project, tmp_path: Path) -> None:
    snapshot(project, pd.DataFrame({"a": [1]}), "train")
    address = str(tmp_path / "shared")
    assert mlops_jupyter.push("train", url=address).versions == ("train@1",)
    assert mlops_jupyter.pull(url=address).versions == ()
    assert mlops_jupyter.fetch("train@1", url=address).objects == 0
