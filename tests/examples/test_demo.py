"""`make demo`: the story of the example, told once by its driver, ends as it says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mlops_jupyter import init, open_project
from mlops_jupyter.promotion import history
from mlops_jupyter.promotion.decision import Decision
from tests.examples.study import EXAMPLE, STORY, python

DRIVER = str(EXAMPLE / "demo.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("build") / "demo"


@pytest.fixture(scope="module")
def told(folder: Path) -> subprocess.CompletedProcess[str]:
    """Tell the story, all of it."""
    done = python(DRIVER, "--into", str(folder), cwd=folder.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def decisions(told: object, folder: Path) -> list[Decision]:
    """Return what was decided, the oldest first."""
    return list(reversed(history.decisions(open_project(folder), "delays")))


def test_the_decisions_are_the_story(decisions: list[Decision]) -> None:
    assert [f"{d.kind} v{d.to_version}" for d in decisions] == STORY
    assert {d.state for d in decisions} == {"applied"}


def test_each_model_is_judged_on_the_month_that_has_just_arrived(
    decisions: list[Decision],
) -> None:
    judged = [(d.report.data, d.report.champion) for d in decisions if d.report]
    assert judged == [("flights@3", None), ("flights@7", 1), ("flights@9", 2), ("flights@10", 2)]


def test_learning_again_helps_in_july(decisions: list[Decision]) -> None:
    challenger, champion = auc(decisions[1])
    assert challenger > champion + 0.05


def test_the_margin_lets_september_pass_and_october_not(decisions: list[Decision]) -> None:
    challenger, champion = auc(decisions[2])
    assert champion - 0.01 < challenger < champion
    challenger, champion = auc(decisions[4])
    assert challenger < champion - 0.01


def test_the_refusal_says_which_check_failed_and_by_how_much(decisions: list[Decision]) -> None:
    challenger, champion = auc(decisions[4])
    assert decisions[4].reason.startswith("roc_auc not worse than champion v2 by more than 0.01: ")
    assert f"{challenger:.4f} against {champion:.4f}" in decisions[4].reason
    assert "on origin=JFK it is worse by" in decisions[4].reason


def test_the_rollback_says_why(decisions: list[Decision]) -> None:
    assert decisions[3].reason.startswith("auc on flights@10: v2 0.6")
    assert (decisions[3].from_version, decisions[3].to_version) == (3, 2)


def test_every_command_is_shown_and_nothing_warns(
    told: subprocess.CompletedProcess[str],
) -> None:
    shown = [line for line in told.stdout.splitlines() if line.startswith("$ ")]
    assert '$ mlops release delays -p train_on "[flights@8, flights@9]"' in shown
    assert len([line for line in shown if line.startswith("$ mlops release")]) == 4
    assert "Warning" not in told.stdout + told.stderr


def test_the_executed_notebooks_are_kept(
    told: subprocess.CompletedProcess[str], folder: Path
) -> None:
    executed = {path.stem: path for path in (folder / "executed").glob("*.ipynb")}
    assert set(executed) == {"1_explore", "2_months_arrive", "3_release"}
    for path in executed.values():
        outputs = [
            output
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
            for output in cell.get("outputs", [])
        ]
        assert any("image/png" in output.get("data", {}) for output in outputs)
        assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]


def test_the_champion_predicts_without_us(
    told: subprocess.CompletedProcess[str], folder: Path
) -> None:
    code = f"""
import sys
import mlflow, pandas as pd
mlflow.set_tracking_uri({open_project(folder).tracking_uri!r})
model = mlflow.pyfunc.load_model("models:/delays@champion")
flights = pd.read_csv({str(EXAMPLE / "data" / "2013-11.csv.gz")!r})[:100]
columns = model.metadata.get_input_schema().input_names()
# what MLflow's entry point loads where this package is installed does nothing there
print(len(model.predict(flights[columns])), "mlops_jupyter.project" in sys.modules)
"""
    done = python("-c", code, cwd=folder.parent)
    assert done.stdout == "100 False\n", done.stderr[-3000:]


def test_the_summary_can_be_shown_again(
    told: subprocess.CompletedProcess[str], folder: Path
) -> None:
    shown = python(DRIVER, "--summary", str(folder), cwd=folder.parent)
    assert shown.returncode == 0
    assert shown.stdout.strip() in told.stdout


def test_another_end_than_told_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_bytes((EXAMPLE / "mlops.yaml").read_bytes())
    init(tmp_path)
    shown = python(DRIVER, "--summary", str(tmp_path), cwd=tmp_path)
    assert shown.returncode == 1
    assert "did not end as told" in shown.stdout


def test_a_folder_of_somebody_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work", encoding="utf-8")
    done = python(DRIVER, "--into", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "not a demo" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def auc(decision: Decision) -> tuple[float, float]:
    """Return the auc of challenger and champion that a decision rests on."""
    assert decision.report is not None
    check = next(c for c in decision.report.checks if c.check.startswith("roc_auc not worse"))
    assert check.challenger is not None
    assert check.champion is not None
    return check.challenger, check.champion
