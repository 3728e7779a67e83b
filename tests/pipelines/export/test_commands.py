"""`mlops pipeline export`, `mlops export` and `mlops pipeline schedule`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mlops_jupyter.cli.main import main
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project


def mlops(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it prints."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture(autouse=True)
def here(study: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(study.root)


def test_one_file_goes_to_the_terminal_or_where_it_is_wanted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, shown, _ = mlops(capsys, "pipeline", "export", "train", "--to", "airflow")
    assert code == 0
    assert "PIPELINE = 'train'" in shown
    file = tmp_path / "dags" / "train.py"
    code, said, _ = mlops(
        capsys, "export", "train", "--to", "airflow", "--output", str(file)
    )  # the same, for short
    assert (code, said) == (0, f"{file}\n")
    assert file.read_text() == shown


def test_a_crontab_line_and_when_it_comes_true(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pipeline", "schedule", "train", "--cron", "0 6 * * 1", "-p", "month=7"]
    code, shown, said = mlops(capsys, *words)
    assert (code, shown.count("\n")) == (0, 1)
    assert shown.startswith("0 6 * * 1 cd ")
    assert "-p month 7 >> .mlops/train.cron.log 2>&1" in shown
    assert said.count("Mon ") == 3
    assert "06:00" in said


def test_a_schedule_of_github_is_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pipeline", "schedule", "train", "--cron", "30 5 * * *", "--github"]
    code, shown, said = mlops(capsys, *words)
    assert code == 0
    assert "schedule:\n  - cron: 30 5 * * *" in shown
    assert said.count("05:30 UTC") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pipeline", "export", "train"], "say which tool it is for"),
        (["pipeline", "export", "trian", "--to", "airflow"], "did you mean"),
        (["export", "train", "--to", "airflow", "--image", "x"], "--image goes with"),
        (["export", "train", "--to", "cron"], "cron must know when"),
        (["export", "train", "--docker", "--cron", "0 6 * * *"], "nothing of when it runs"),
        (["export", "train", "--to", "argo"], "is not one of"),
        (["pipeline", "schedule", "train", "--cron", "daily"], "no cron expression"),
        (["pipeline", "schedule", "train", "--cron", "0 6 * * *", "-p", "moon=7"], "moon"),
        (["pipeline", "schedule", "train", "--cron", "0 6 * * *", "--github", "-p", "month=7"],
         "asks for the parameters itself"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown, error = mlops(capsys, *words)
    assert (code, shown) == (2, "")
    assert said in error


def test_the_name_of_a_dataset_leads_to_the_export_of_data(
    study: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot(study, pd.DataFrame({"a": [1]}), "flights")
    code, _, error = mlops(capsys, "export", "flights@1", "--docker")
    assert code == 2
    assert "mlops data export flights@1" in error


def test_an_output_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    output = str(tmp_path / "file" / "dag.py")
    code, _, error = mlops(capsys, "export", "train", "--to", "airflow", "--output", output)
    assert code in {2, 7}
    assert "Traceback" not in error
