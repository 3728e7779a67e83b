"""A release from end to end: a real notebook, papermill, kernels and MLflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from junitparser import JUnitXml

from mlops_jupyter.cli.main import main
from mlops_jupyter.errors import UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.release import release
from tests.models.training import keep_run
from tests.promotion.study import COMPARE, FIT, FLOOR, RECORDED, study
from tests.promotion.training import good_model


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run one command; return its exit code, and what it printed."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    said = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, said.out, said.err


def test_promoted_refused_and_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = study(tmp_path / "flights", FLOOR, RECORDED, COMPARE)
    monkeypatch.chdir(project.root)

    # the first model is judged by the floor alone, and somebody has to approve it
    policy = (project.root / "mlops.yaml").read_text()
    asking = json.loads(policy)
    asking["models"]["late"]["approval"] = {"own": True}
    (project.root / "mlops.yaml").write_text(json.dumps(asking))
    code, out, _ = command(capsys, "release", "late", "-p", "look_at", "distance")
    assert code == 4
    assert "late v1, the first model, there is no champion, on test@1: 400 rows" in out
    assert "step 1/1 fit: " in out
    assert "share_late from 0.2 to 0.8, as its run recorded it" in out
    assert "not judged" in out
    assert "next: it waits for 1 approval: `mlops approve late`" in out
    assert registry.champion(project, "late") is None
    assert command(capsys, "approve", "late")[0] == 0
    code, out, _ = command(capsys, "promote", "late")
    assert code == 0
    assert "promoted: late v1 is now champion (passed 2 of 3 checks on test@1" in out
    assert registry.champion(project, "late") == 1
    (project.root / "mlops.yaml").write_text(policy)

    # a better one takes over
    code, out, _ = command(capsys, "release", "late", "-p", "look_at", "hour")
    assert code == 0
    assert "roc_auc not worse than champion v1 by more than 0.01" in out
    assert "promoted: late v2 is now champion in place of v1" in out

    # a worse one is refused, with the reason
    code, out, _ = command(
        capsys, "release", "late", "-p", "look_at", "distance", "--report", "out"
    )
    assert code == 1
    assert "✗ fail" in out
    assert "refused: late v3 is not promoted, v2 stays champion" in out
    assert registry.champion(project, "late") == 2
    (suite,) = JUnitXml.fromfile("out/junit.xml")
    assert (suite.tests, suite.failures) == (3, 1)
    assert "more than the margin of 0.01" in Path("out/summary.md").read_text()
    assert json.loads((project.root / "out" / "decision.json").read_text())["record"]["report"]

    code, out, _ = command(capsys, "rollback", "late", "--reason", "the alarm")
    assert (code, out) == (0, "rolled back: late v1 is champion again in place of v2\n")
    assert registry.champion(project, "late") == 1

    code, out, err = command(capsys, "rollback", "late")
    assert (code, out) == (2, "")
    assert err.startswith("error: late has no champion to go back to\n  hint: ")

    _, out, _ = command(capsys, "decisions", "late")
    kinds = [line.split()[0] for line in out.splitlines() if " late " in line]
    assert kinds == ["rollback", "reject", "promote", "promote", "approve", "pass"]
    _, out, _ = command(capsys, "decisions", "--json")
    decided = json.loads(out)
    assert [d["to_version"] for d in decided] == [1, 3, 2, 1, 1, 1]
    assert decided[0]["reason"] == "the alarm"
    assert [c["verdict"] for c in decided[1]["report"]["checks"]] == ["pass", "pass", "fail"]


def test_the_data_is_chosen_before_the_run(tmp_path: Path) -> None:
    source = FIT + 'mlops_jupyter.snapshot(train.head(50), "test")\n'
    project = study(tmp_path / "flights", source=source)

    made = release(project, "late", {})

    assert made.report.data == "test@1"
    assert made.report.row_count == 400


class TestNothingIsTrainedFor:
    """Mistakes that are known before the run."""

    def refuse(self, project: Project, match: str, model: str = "late", **asked: str) -> None:
        with pytest.raises(UsageError, match=match):
            release(project, model, {}, **asked)
        assert project.catalog.rows("SELECT * FROM pipeline_run") == []
        assert project.catalog.rows("SELECT * FROM decision") == []

    def test_an_unknown_model(self, tmp_path: Path) -> None:
        project = study(tmp_path / "flights")

        self.refuse(project, r"there is no model 'lat'\n  hint: did you mean 'late'", model="lat")

    def test_an_unknown_metric(self, tmp_path: Path) -> None:
        project = study(tmp_path / "flights", {"compare": {"metric": "acuracy"}})

        self.refuse(project, "did you mean 'accuracy'")

    def test_unknown_data(self, tmp_path: Path) -> None:
        project = study(tmp_path / "flights")

        self.refuse(project, "there is no dataset 'tests'", data="tests@1")

    def test_an_unknown_label(self, tmp_path: Path) -> None:
        project = study(tmp_path / "flights", label="delayed")

        self.refuse(project, "test@1 has no column 'delayed'")

    def test_a_champion_that_this_project_did_not_make(self, tmp_path: Path) -> None:
        project = study(tmp_path / "flights")
        registry.register(project, "late", keep_run(project, good_model()))
        registry.move_alias(project, "late", 1)
        with project.catalog.transaction() as rows:
            rows.execute("DELETE FROM model_version")

        self.refuse(project, "late v1 was not registered by this project")


class TestAfterTheRun:
    def test_a_metric_that_was_never_logged(self, tmp_path: Path) -> None:
        project = study(
            tmp_path / "flights", {"floor": {"metric": "share_of_late", "at_least": 0.2}}
        )

        with pytest.raises(UsageError, match="'share_of_late', which is neither scored nor") as e:
            release(project, "late", {})

        assert e.value.hint == "did you mean 'share_late'?"
        assert registry.versions(project) == ()

    def test_a_run_without_a_model(self, tmp_path: Path) -> None:
        project = study(tmp_path / "flights", source="answer = int('42')\n")

        with pytest.raises(UsageError, match="kept no model, so there is nothing to release"):
            release(project, "late", {})

    def test_a_champion_that_appears_meanwhile_is_compared_with(self, tmp_path: Path) -> None:
        project = study(tmp_path / "flights")
        registry.register(project, "late", keep_run(project, good_model()))

        def meddle(*_: object) -> None:
            registry.move_alias(project, "late", 1)

        made = release(project, "late", {}, progress=meddle)

        assert (made.report.champion, made.report.bootstrap) == (1, False)
        assert made.report.checks[1].verdict == "pass"
