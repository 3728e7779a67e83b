"""``mlops gc``, ``mlops verify`` and ``mlops data erase``: what they say, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mlops_jupyter.cli.main import main
from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from tests.upkeep.store import flip, frame, objects


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: text)


def test_gc_says_what_goes_and_asks(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, "gc")[:2] == (0, "nothing to remove\n")
    (project.root / "mlops.yaml").write_text("data: {keep: {train: {versions: 1}}}")
    for seed in range(3):
        snapshot(project, frame(seed), "train")
    project.objects.write(b"an orphan")
    before = objects(project)

    code, out, _ = run(capsys, "gc", "--dry-run")
    assert code == 0
    assert "objects that nothing needs" in out
    assert "train@1 goes: not among the newest 1 (data.keep.train)" in out
    answer(monkeypatch, "n")
    assert run(capsys, "gc")[0] == 130
    assert objects(project) == before

    answer(monkeypatch, "y")
    code, out, _ = run(capsys, "gc")
    assert code == 0
    assert "2 versions given up" in out.splitlines()[-1]
    assert len(objects(project)) < len(before)


def test_gc_as_json_removes_only_with_yes(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.objects.write(b"an orphan")
    told = json.loads(run(capsys, "gc", "--json")[1])
    assert told["unneeded"]["count"] == 1
    assert len(objects(project)) == 1
    assert json.loads(run(capsys, "gc", "--json", "--yes")[1])["removed"]["count"] == 1
    assert objects(project) == set()


def test_verify_names_the_damage_and_exits_with_8(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    version = snapshot(project, frame(1), "train")
    assert run(capsys, "verify", "--deep")[0] == 0
    flip(project.objects.path(version.manifest))

    code, out, _ = run(capsys, "verify")
    assert code == 8
    assert f"{version.manifest}: damaged" in out
    assert "versions: train@1" in out
    told = json.loads(run(capsys, "verify", "--json")[1])
    assert told["found"]["damages"][0]["suffers"]["versions"] == ["train@1"]
    assert told["repair"] is None

    code, out, _ = run(capsys, "verify", "--repair")
    assert code == 8
    assert "moved to .mlops/damaged: 1 object" in out
    assert "a snapshot of the same content mends train@1" in out
    snapshot(project, frame(1), "train")
    assert run(capsys, "verify", "train@1")[0] == 0


def test_erase_shows_asks_and_erases(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = pd.DataFrame({"customer_id": [6, 7], "spent": [1.5, 2.5]})
    snapshot(project, both, "train")
    snapshot(project, both, "test")
    where = ("--where", "customer_id = 7")

    code, out, _ = run(capsys, "data", "erase", "train", *where, "--dry-run")
    assert code == 0
    assert "train: 1 version looked at, 1 of their rows where customer_id = 7" in out
    assert "look there too: test@1: 1 such rows" in out
    answer(monkeypatch, "n")
    assert run(capsys, "data", "erase", "train", *where, "--reason", "law")[0] == 130
    assert len(versions.load(project, "train@1")) == 2

    answer(monkeypatch, "y")
    code, out, _ = run(capsys, "data", "erase", "train", *where, "--reason", "law")
    assert code == 0
    assert "erased from 1 version of train" in out.splitlines()[-1]
    assert len(versions.load(project, "train@1")) == 1
    assert len(versions.load(project, "test@1")) == 2

    asked = ("data", "erase", "train", *where, "--reason", "law", "--all", "--yes", "--json")
    told = json.loads(run(capsys, *asked)[1])
    assert [[v["ref"] for v in one["versions"]] for one in told] == [[], ["test@1"]]
    assert len(versions.load(project, "test@1")) == 1


def test_erase_gives_a_version_up(
    project: Project, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "raw.csv").write_text("a\n1\n")
    snapshot(project, tmp_path / "raw.csv", "raw")
    asked = ("data", "erase", "raw", "--version", "1", "--reason", "law", "--yes")
    code, out, _ = run(capsys, *asked)
    assert code == 0
    assert "raw@1" in out
    code, _, err = run(capsys, *asked)
    assert (code, err.count("given up")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "erase", "train", "--where", "a = 1"], "needs a reason"),
        (["data", "erase", "train", "--reason", "x"], "give --where or --version"),
        (["data", "erase", "trian", "--where", "a = 1", "--dry-run"], "no dataset 'trian'"),
        (["data", "erase", "train", "--where", "b = 1", "--dry-run"], "no column in train, 'b'"),
        (["data", "erase", "train", "--where", "a = ", "--dry-run"], "not a predicate"),
        (["verify", "train@9"], "no data version 'train@9'"),
    ],
)
def test_mistakes_are_one_line_and_a_hint(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    snapshot(project, pd.DataFrame({"a": [1]}), "train")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[0]
    assert len(err.splitlines()) == 2


def test_nothing_heavy_is_imported_to_collect(project: Project) -> None:
    script = (
        "import sys; from mlops_jupyter.cli.main import cli;"
        " cli(['gc', '--dry-run'], standalone_mode=False);"
        " print([n for n in ('pandas', 'pyarrow', 'mlflow') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
