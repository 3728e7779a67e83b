"""``mlops gate``, ``promote``, ``approve`` and ``rollback``: exit codes, screens, evidence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from junitparser import JUnitXml

import mlops_jupyter
from mlops_jupyter.errors import UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import history
from mlops_jupyter.promotion.decision import Decision, Waiting
from tests.cli.conftest import AGAIN, BLIND, FLOOR, GOOD, RAISING, WAITING
from tests.command import Mlops, runner

Late = Callable[..., Project]


@pytest.fixture
def mlops(late: Late, capsys: pytest.CaptureFixture[str]) -> Mlops:
    """Return a function that runs a command in the project."""
    return runner(capsys)


def challenger(version: int) -> tuple[str, str]:
    return "--challenger", str(version)


def promoted(mlops: Mlops, version: int = GOOD) -> None:
    code, _, err = mlops("gate", "late", *challenger(version))
    assert code == 0, err
    code, _, err = mlops("promote", "late")
    assert code == 0, err


class TestExitCodes:
    """The table of the documentation, each by the command itself."""

    def test_0_it_passed(self, late: Late, mlops: Mlops) -> None:
        project = late()

        code, out, _ = mlops("gate", "late", *challenger(GOOD))

        assert code == 0
        assert "late v1, the first model, there is no champion, on test@1: 2,000 rows" in out
        assert out.splitlines()[-2:] == [
            "pass: late v1 may become champion",
            "next: promote it with `mlops promote late`",
        ]
        assert registry.champion(project, "late") is None

    def test_1_it_failed(self, late: Late, mlops: Mlops) -> None:
        late()
        promoted(mlops)

        code, out, _ = mlops("gate", "late", *challenger(BLIND))

        assert code == 1
        assert "✗ fail" in out
        assert "refused: late v2 is not promoted, v1 stays champion" in out
        assert mlops("promote", "late")[0] == 1

    def test_2_a_mistake(self, late: Late, mlops: Mlops) -> None:
        project = late()
        for words in (
            ("gate", "lat"),
            ("gate", "late", "--challenger", "77"),
            ("gate", "late", "--data", "tests@1"),
            ("gate",),
            ("gate", "late", "--from", "ab"),
            ("gate", "late", "--init", "--json"),
            ("promote", "late"),
            ("promote", "late", "--override", " "),
            ("approve", "late"),
            ("rollback", "late"),
            ("why", "late@x"),
            ("why", "late"),
        ):
            code, out, err = mlops(*words)
            assert (code, out) == (2, ""), words
            assert len(err.splitlines()) <= 5, err
            assert "Traceback" not in err
        assert history.decisions(project, "late") == ()

    @pytest.mark.parametrize(
        "words",
        [
            ("gate", "late", "--report", ""),
            ("gate", "late", "--report", "a\0b"),
            ("gate", "late", "--data", ""),
            ("gate", "late", "--challenger", ""),
            ("gate", "late", "--challenger", "\udc80"),
            ("gate", "a\n\x1b[31m]]>"),
            ("decisions", "--model", ""),
            ("decisions", "\udc80"),
            ("promote", "late", "--decision", "%"),
            ("why", "\udc80"),
            ("why", "late@" + "9" * 5000),
        ],
    )
    def test_2_what_scripts_make_of_unset_variables(
        self, late: Late, mlops: Mlops, words: tuple[str, ...]
    ) -> None:
        project = late()

        code, out, err = mlops(*words)

        assert (code, out) == (2, "")
        assert len(err) < 1000
        assert "\x1b" not in err
        assert not (project.root / "junit.xml").exists()
        assert history.decisions(project, "late") == ()

    def test_2_no_checks_at_all(self, late: Late, mlops: Mlops) -> None:
        project = late()
        (project.root / "mlops.yaml").write_text(
            "models:\n  late:\n    evaluate: {data: test@1, label: late}\n    checks: []\n"
        )

        code, _, err = mlops("gate", "late")

        assert code == 2
        assert "mlops.yaml:4:5" in err

    def test_3_the_rows_do_not_settle_it(self, late: Late, mlops: Mlops) -> None:
        late({"floor": {"metric": "accuracy", "at_least": 0.75}}, data="few@1")

        code, out, _ = mlops("gate", "late", *challenger(GOOD))

        assert code == 3
        assert "? hold" in out
        assert "hold: late v1 is not promoted, there is still no champion" in out
        assert "rows would settle it" in out
        assert mlops("promote", "late")[0] == 3

    def test_4_somebody_has_to_approve(self, late: Late, mlops: Mlops) -> None:
        project = late(approval={"when": "always", "own": True})
        code, out, _ = mlops("gate", "late", *challenger(GOOD))
        assert code == 0
        assert "next: it waits for 1 approval: `mlops approve late`" in out

        code, out, _ = mlops("promote", "late")

        assert code == 4
        assert "it waits for 1 approval" in out
        assert registry.champion(project, "late") is None

        code, out, _ = mlops("approve", "late", "--comment", "looks right")
        assert code == 0
        assert out.startswith("approved: late v1, by ")
        assert "next: promote it with `mlops promote late`" in out
        code, out, _ = mlops("promote", "late")
        assert code == 0
        assert "promoted: late v1 is now champion" in out

    def test_5_the_model_raises(self, late: Late, mlops: Mlops) -> None:
        project = late()

        code, out, err = mlops("gate", "late", *challenger(RAISING), "--report", "out")

        assert code == 5
        assert "KeyError: 'hour'" in out
        assert "Traceback" not in out + err
        (made,) = history.decisions(project, "late")
        assert made.report is not None
        assert (made.kind, made.report.verdict) == ("reject", "error")
        (suite,) = JUnitXml.fromfile("out/junit.xml")
        assert (suite.tests, suite.errors) == (1, 1)

    def test_5_the_champion_raises_and_can_be_replaced(self, late: Late, mlops: Mlops) -> None:
        project = late()
        promoted(mlops, AGAIN)
        registry.move_alias(project, "late", RAISING)

        code, out, _ = mlops("gate", "late", *challenger(GOOD))

        assert code == 5
        assert "late v4, predicting test@1: KeyError: 'hour'" in out
        assert mlops("promote", "late")[0] == 5
        assert registry.champion(project, "late") == RAISING
        assert mlops("promote", "late", "--override", "v4 predicts nothing")[0] == 0
        assert registry.champion(project, "late") == GOOD

    def test_5_a_check_of_the_projects_own_raises(self, late: Late, mlops: Mlops) -> None:
        project = late(FLOOR, {"custom": {"function": "my_checks:fair"}})
        (project.root / "my_checks.py").write_text("def fair(case):\n    return 1 / 0\n")

        code, out, _ = mlops("gate", "late", *challenger(GOOD), "--report", "out")

        assert code == 5
        assert "✗ error" in out
        assert "error: late v1 could not be judged, there is still no champion" in out
        (suite,) = JUnitXml.fromfile("out/junit.xml")
        assert (suite.tests, suite.errors) == (2, 1)
        assert mlops("promote", "late")[0] == 5

    def test_6_the_champion_moved_meanwhile(self, late: Late, mlops: Mlops) -> None:
        project = late(FLOOR)
        promoted(mlops, GOOD)
        assert mlops("gate", "late", *challenger(AGAIN))[0] == 0
        registry.move_alias(project, "late", BLIND)

        code, _, err = mlops("promote", "late")

        assert code == 6
        assert "is now v2" in err
        assert registry.champion(project, "late") == BLIND

    def test_7_mlflow_is_away(
        self, late: Late, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        late()
        monkeypatch.setenv("MLOPS_MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

        code, out, err = mlops("gate", "late", *challenger(GOOD))

        assert (code, out) == (7, "")
        assert "Traceback" not in err

    def test_8_what_is_stored_is_damaged(self, late: Late, mlops: Mlops) -> None:
        project = late()
        version = registry.get(project, "late", GOOD)
        path = project.objects.path(version.model_digest)
        path.chmod(0o600)
        path.write_bytes(b"damaged")

        code, out, err = mlops("gate", "late", *challenger(GOOD))

        assert (code, out) == (8, "")
        assert "Traceback" not in err

    def test_130_cancelled_as_a_ci_does(self, late: Late) -> None:
        project = late(FLOOR)
        command = [sys.executable, "-m", "mlops_jupyter.cli.main", "gate", "late"]

        with subprocess.Popen(
            [*command, *challenger(WAITING), "--report", "out"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=project.root,
        ) as gate:
            assert gate.stdout is not None
            assert gate.stdout.readline() == "predicting\n"
            gate.send_signal(signal.SIGTERM)
            out, err = gate.communicate()

        assert gate.returncode == 130, err
        assert (out, err.strip()) == ("", "interrupted")
        assert history.decisions(project, "late") == ()
        assert "interrupted" in (project.root / "out" / "summary.md").read_text()


class TestWarnOnly:
    def test_a_failure_is_0_and_said_loudly(self, late: Late, mlops: Mlops) -> None:
        late({"floor": {"metric": "accuracy", "at_least": 0.99}})

        code, out, err = mlops("gate", "late", *challenger(GOOD), "--warn-only")

        assert code == 0
        assert "refused: late v1 is not promoted" in out
        assert err == (
            "WARNING: the gate failed: exit code 1, turned to 0 by --warn-only."
            " Nothing was promoted.\n"
        )

    def test_a_hold_too(self, late: Late, mlops: Mlops) -> None:
        late({"floor": {"metric": "accuracy", "at_least": 0.75}}, data="few@1")

        code, _, err = mlops("gate", "late", *challenger(GOOD), "--warn-only")

        assert code == 0
        assert "does not know (held): exit code 3" in err

    def test_a_mistake_stays_one(self, late: Late, mlops: Mlops) -> None:
        late()

        assert mlops("gate", "lat", "--warn-only")[0] == 2
        assert mlops("gate", "late", *challenger(RAISING), "--warn-only")[0] == 5


class TestEvidence:
    def test_a_folder_for_each_decision(self, late: Late, mlops: Mlops) -> None:
        late()
        promoted(mlops)

        code, out, _ = mlops("gate", "late", *challenger(BLIND), "--report", "ci/gate", "--json")

        assert code == 1
        decided = json.loads(out)
        kept = json.loads(Path("ci/gate/decision.json").read_text())
        assert kept["id"] == decided["id"]
        assert kept["digest"] == decided["digest"]
        assert kept["record"]["report"]["verdict"] == "fail"
        assert kept["record"]["policy"]["checks"]
        (suite,) = JUnitXml.fromfile("ci/gate/junit.xml")
        assert (suite.name, suite.failures) == ("gate late", 2)
        said = {p.name: p.value for p in suite.properties()}
        assert said["digest"] == decided["digest"]
        assert "refused: late v2" in Path("ci/gate/summary.md").read_text()

        # the promotion of another one takes the place of it
        assert mlops("gate", "late", *challenger(AGAIN))[0] == 0
        assert mlops("promote", "late", "--report", "ci/gate")[0] == 0
        kept = json.loads(Path("ci/gate/decision.json").read_text())
        assert kept["record"]["kind"] == "promote"
        assert kept["state"] == "applied"
        assert kept["judged"]["record"]["report"]["verdict"] == "pass"

    def test_what_decided_nothing_leaves_a_report_too(self, late: Late, mlops: Mlops) -> None:
        late()

        code, _, _ = mlops("gate", "lat", "--report", "out")

        assert code == 2
        assert sorted(path.name for path in Path("out").iterdir()) == ["junit.xml", "summary.md"]
        (suite,) = JUnitXml.fromfile("out/junit.xml")
        assert suite.errors == 1

    def test_a_folder_that_cannot_be_one_is_refused_before(self, late: Late, mlops: Mlops) -> None:
        project = late()
        Path("file").write_text("mine")

        code, _, err = mlops("gate", "late", *challenger(GOOD), "--report", "file")

        assert (code, err) == (2, "error: file: a file\n  hint: name a folder\n")
        assert history.decisions(project, "late") == ()

    def test_a_disk_that_fills_meanwhile_loses_no_exit_code(self, late: Late, mlops: Mlops) -> None:
        project = late({"floor": {"metric": "accuracy", "at_least": 0.99}})
        Path("out/junit.xml").mkdir(parents=True)  # cannot be replaced by a file

        code, out, err = mlops("gate", "late", *challenger(GOOD), "--report", "out")

        assert code == 1
        assert "refused: late v1" in out
        assert err.startswith("warning: no evidence was written: out: ")
        assert "the decision is kept: `mlops decisions late --json`" in err
        assert len(err.splitlines()) == 1
        assert len(history.decisions(project, "late")) == 1

    def test_on_github(
        self, late: Late, mlops: Mlops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        late({"floor": {"metric": "accuracy", "at_least": 0.99}})
        page = tmp_path / "page.md"
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))

        code, out, err = mlops("gate", "late", *challenger(GOOD), "--json")

        assert code == 1
        assert json.loads(out)["kind"] == "reject"
        assert err.startswith("::error file=mlops.yaml,line=10,title=late%3A fail::accuracy")
        assert page.read_text().startswith("## ❌ refused: late v1")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
        code, _, err = mlops("gate", "late", *challenger(GOOD))
        assert code == 1
        assert "warning: not on the page of the job" in err


def test_an_override_needs_a_reason_and_is_shown(late: Late, mlops: Mlops) -> None:
    late({"floor": {"metric": "accuracy", "at_least": 0.99}})
    assert mlops("gate", "late", *challenger(GOOD))[0] == 1

    code, out, _ = mlops("promote", "late", "--override", "the label was wrong", "--report", "out")

    assert code == 0
    assert "promoted, overriding its gate: late v1 is now champion (the label was wrong)" in out
    assert "override: the label was wrong" in Path("out/summary.md").read_text()
    _, out, _ = mlops("why", "late")
    assert "its gate was overridden by " in out


def test_roll_back(late: Late, mlops: Mlops) -> None:
    project = late()
    promoted(mlops, GOOD)
    promoted(mlops, AGAIN)

    code, out, _ = mlops("rollback", "late", "--reason", "the alarm", "--report", "out")

    assert (code, out) == (0, "rolled back: late v1 is champion again in place of v3\n")
    assert registry.champion(project, "late") == GOOD
    assert json.loads(Path("out/decision.json").read_text())["record"]["reason"] == "the alarm"
    _, out, _ = mlops("why", "late@3")
    assert out.startswith("late v3 is not champion\n  promoted: late v3 is now champion")
    assert "  then rolled back: late v1 is champion again in place of v3" in out
    assert "next:" not in out


class TestInit:
    def test_a_draft_is_judged_by_at_once(self, late: Late, mlops: Mlops) -> None:
        project = late()
        (project.root / "mlops.yaml").write_text("version: 1  # mine\n")
        run = registry.get(project, "late", GOOD).run_id

        code, out, _ = mlops("gate", "late", "--init", "--from", run)

        assert code == 0
        assert f"from run {run[:8]}" in out
        text = (project.root / "mlops.yaml").read_text()
        assert text.startswith("version: 1  # mine\n")
        assert mlops("gate", "late", "--challenger", run[:8])[0] == 0
        code, _, err = mlops("gate", "late", "--init", "--from", run)
        assert code == 2
        assert "is declared already" in err

    def test_printed_and_not_written(self, late: Late, mlops: Mlops) -> None:
        project = late()
        before = (project.root / "mlops.yaml").read_bytes()
        run = registry.get(project, "late", GOOD).run_id

        code, out, _ = mlops("gate", "late", "--init", "--from", run, "--print")

        assert code == 0
        assert out.startswith("models:\n  late:\n    # Drafted from run")
        assert (project.root / "mlops.yaml").read_bytes() == before


class TestWhy:
    def test_a_champion(self, late: Late, mlops: Mlops) -> None:
        late()
        promoted(mlops)

        code, out, _ = mlops("why", "late")

        assert code == 0
        assert out.startswith("late v1 is champion\n  promoted: late v1 is now champion; ")
        assert "not judged  roc_auc" in out

    def test_a_refused_one_worst_first_and_what_would_change_it(
        self, late: Late, mlops: Mlops
    ) -> None:
        late()
        promoted(mlops)
        mlops("gate", "late", *challenger(BLIND))

        code, out, _ = mlops("why", "late@v2")

        assert code == 0
        lines = out.splitlines()
        assert lines[0] == "late v2 is not champion"
        assert lines[3].split()[0] == "fail"
        assert "what would change it:" in lines
        assert "a model that is better by " in out
        told = json.loads(mlops("why", "late@2", "--json")[1])
        assert (told["version"], told["is_champion"]) == (2, False)

    def test_versions_that_nobody_judged(self, late: Late, mlops: Mlops) -> None:
        late()
        promoted(mlops)

        code, _, err = mlops("why", "late@3")
        assert code == 2
        assert "judge it: `mlops gate late --challenger 3`" in err
        code, _, err = mlops("why", "late@33")
        assert code == 2
        assert "did you mean 'late@3'?" in err


def test_the_list_of_decisions(late: Late, mlops: Mlops) -> None:
    late()
    assert mlops("decisions")[1].startswith("nothing was decided yet")
    promoted(mlops)

    _, out, _ = mlops("decisions", "late")
    assert [line.split()[0] for line in out.splitlines() if " late " in line] == [
        "promote", "pass",
    ]  # fmt: skip
    decided = json.loads(mlops("decisions", "--json")[1])
    assert [d["kind"] for d in decided] == ["promote", "pass"]
    assert json.loads(mlops("decisions", "--model", "late", "--json")[1]) == decided
    assert mlops("decisions", "late", "--model", "late")[0] == 2


def test_the_same_verbs_in_python(late: Late) -> None:
    late(approval={"own": True})

    judged = mlops_jupyter.gate("late", GOOD)
    assert judged.kind == "pass"
    assert isinstance(mlops_jupyter.promote("late"), Waiting)
    mlops_jupyter.approve("late", judged.id, "looks right")
    promoted = mlops_jupyter.promote("late")
    assert isinstance(promoted, Decision)
    assert (promoted.kind, promoted.judged) == ("promote", judged.id)
    assert "looks right" in str(mlops_jupyter.why("late"))
    with pytest.raises(UsageError, match="no champion to go back to"):
        mlops_jupyter.rollback("late")
    with pytest.raises(UsageError, match="which pipeline makes 'late'"):
        mlops_jupyter.release("late")


def test_without_a_challenger_the_newest_version_is_judged(late: Late, mlops: Mlops) -> None:
    project = late(FLOOR)
    promoted(mlops, AGAIN)
    with project.catalog.transaction() as rows:
        rows.execute("DELETE FROM model_version WHERE version > 3")

    code, _, err = mlops("gate", "late")

    assert code == 2
    newest = project.catalog.rows("SELECT id FROM run ORDER BY started_at DESC")[0]["id"]
    assert err == (
        "error: late v3 is champion already\n"
        f"  hint: judge another one: `mlops gate late --challenger {newest[:8]}`\n"
    )


class TestVerify:
    def test_a_record_that_is_whole(self, late: Late, mlops: Mlops) -> None:
        late()
        assert mlops("decisions", "verify")[:2] == (0, "nothing was decided yet\n")
        promoted(mlops)

        code, out, _ = mlops("decisions", "verify")

        assert code == 0
        assert out.startswith("the record of decisions is whole: ")
        assert json.loads(mlops("decisions", "verify", "--json")[1])["problems"] == []

    def test_8_a_record_that_was_changed(self, late: Late, mlops: Mlops) -> None:
        project = late()
        promoted(mlops)
        with project.catalog.transaction() as rows:
            rows.execute("UPDATE decision SET reason = 'always wanted it' WHERE kind = 'promote'")

        code, out, err = mlops("decisions", "verify")

        assert (code, err) == (8, "")
        assert out.splitlines()[-1].startswith("the record of decisions is damaged: 1 found in ")

    def test_a_model_of_that_name_is_listed_too(self, late: Late, mlops: Mlops) -> None:
        late()
        assert "there is no model 'verify'" in mlops("decisions", "--model", "verify")[2]


def test_a_thousand_lines_are_one_screen(
    late: Late, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [{"floor": {"metric": "accuracy", "at_least": n / 1000}} for n in range(1000)]
    late(*many)

    code, out, _ = mlops("gate", "late", *challenger(GOOD))

    assert code == 1
    assert len(out.splitlines()) < 40
    first = next(line for line in out.splitlines() if "accuracy at least" in line)
    assert "✗ fail" in first
    assert " more: " in out
    assert len(mlops("why", "late")[1].splitlines()) < 45
