"""Runs executed again: of a pipeline for real, of cells by their certificates and for real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from mlops_jupyter.config import Evaluate, Reproducible
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import CellFailedError, ConflictError, ExternalError, StoppedError
from mlops_jupyter.models import estimator
from mlops_jupyter.pipelines import execute
from mlops_jupyter.pipelines import history as pipelines
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks import reproducible
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.scoring import prediction
from mlops_jupyter.promotion.scoring.rows import take_rows
from mlops_jupyter.runs import certificate, history
from mlops_jupyter.runs.certificate import Certificate, Difference
from tests.kernel import Kernel
from tests.models.training import keep_run
from tests.promotion.checks.cases import case_of, judged, only, rows_of, run_reading
from tests.promotion.study import study, write_notebook
from tests.promotion.training import LABEL, flights, good_model, upside_down_model

SWITCH = """\
import mlops_jupyter
from pathlib import Path
from sklearn.linear_model import LogisticRegression

train = mlops_jupyter.load("train")
told = Path("told.txt").read_text()
model = LogisticRegression(C=float(told)).fit(train[[look_at]], train["late"])
share_late = train["late"].mean()
score = model.score(train[[look_at]], train["late"]) if told == "1" else 0.25
mlops_jupyter.log_metric("score", score)
"""
"""What it gives depends on a file: nothing of it is left to chance."""


def check(case: Case, tolerance: float = 0.0) -> CheckResult:
    return only(judged(case, reproducible=Reproducible(tolerance)))


class TestPipelines:
    @pytest.fixture(scope="class")
    def case(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CI", "1")  # no mirror beside it
            root = tmp_path_factory.mktemp("again") / "flights"
            project = study(root, source=SWITCH)
            (root / "told.txt").write_text("1")
            made = execute.run_pipeline(project, "train", {"look_at": "hour"}, hand_over=False)
            assert made.run_id is not None
            run = history.get(project, made.run_id)
            fitted = estimator.load(project, run)
            rows = take_rows(
                project, snapshot(project, flights(seed=2), "test"), Evaluate("", label="late")
            )
            scores = prediction.predict("late v2", fitted, rows)
            assert run.model_digest is not None
            yield case_of(project, rows, scores, run=run, model_digest=run.model_digest)

    def test_the_same_comes_out_of_the_notebook_and_the_data_as_they_were(self, case: Case) -> None:
        project = case.project
        listed = (history.page(project).total, pipelines.summaries(project)[0].runs)
        steps = project.catalog.rows("SELECT * FROM step_entry")
        snapshot(project, flights(9, seed=9), "train")  # a bare name means another one now
        write_notebook(project.root / "train.ipynb", "raise RuntimeError('edited')\n")

        result = check(case)

        assert (result.verdict, result.value) == ("pass", 0)
        assert result.why == "train was executed again, 1 step"
        assert (history.page(project).total, pipelines.summaries(project)[0].runs) == listed
        assert project.catalog.rows("SELECT * FROM step_entry") == steps

    def test_what_differs_is_named(self, case: Case) -> None:
        (case.project.root / "told.txt").write_text("0.0001")

        result = check(case)

        assert result.verdict == "fail"
        assert "and differs: score 0.8" in result.why
        assert " → 0.25" in result.why

    @pytest.mark.parametrize(
        ("error", "verdict"),
        [
            (CellFailedError("train.ipynb", "cell 2", "ValueError: no such flight"), "error"),
            (ExternalError("the kernel died"), "hold"),
            (ConflictError("late.csv has changed since"), "hold"),
        ],
    )
    def test_what_ends_it(
        self, case: Case, monkeypatch: pytest.MonkeyPatch, error: Exception, verdict: str
    ) -> None:
        def failing(*_: Any) -> None:
            raise error

        monkeypatch.setattr(reproducible, "repeat", failing)

        result = check(case)

        assert (result.verdict, result.value) == (verdict, None)
        assert str(error) in result.why

    def test_who_stops_it_stops_the_gate(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        def stopped(*_: Any) -> None:
            raise StoppedError("cancelled")

        monkeypatch.setattr(reproducible, "repeat", stopped)
        with pytest.raises(StoppedError):
            check(case)

    def test_a_pipeline_that_is_not_declared_any_more_holds(self, case: Case) -> None:
        settings = case.project.root / "mlops.yaml"
        before = settings.read_text()
        settings.write_text("version: 1\n")
        try:
            again = open_project(case.project.root)
            result = check(case_of(again, case.rows, case.challenger.scores,
                                   run=case.challenger.run))  # fmt: skip
        finally:
            settings.write_text(before)

        assert result.verdict == "hold"
        assert "there is no pipeline 'train'" in result.why


class TestCertificates:
    def certified(self, project: Project, **said: Any) -> Case:
        """Return the case of a run that has a certificate."""
        run = run_reading(project)
        made = Certificate(
            id="c" * 16, run_id=run.id, verdict="exact", reason=None, cause=None, positions=(1,),
            widened_by=0, attempts=1, differences=(), unseeded=(), notes=(), tolerance=None,
            environment="here", code_digest=None, data_digests={}, environment_digest=None,
            model_digest=None, reproduction_id=None, notebook=None, python="3.11",
            duration_seconds=1.0, made_at="2026-11-01T12:00:00.000000+00:00",
        )  # fmt: skip
        made = replace(made, id=run.id, **said)
        certificate.keep(project, made)
        return case_of(project, None, run=run)

    def test_one_that_is_there_counts_and_is_named(self, shared_project: Project) -> None:
        case = self.certified(shared_project)

        result = check(case)

        assert result.verdict == "pass"
        assert result.why == (
            f"certificate {case.challenger.run.id} of 2026-11-01T12:00 says so: its cells were"
            " executed"
        )

    def test_one_that_differs_counts_too(self, shared_project: Project) -> None:
        difference = Difference("metric", "loss[3]", "0.5", "0.75", 0.25)
        case = self.certified(shared_project, verdict="differs", differences=(difference,))

        result = check(case)

        assert (result.verdict, result.value) == ("fail", 1)
        assert result.why.endswith("and differs: loss[3] 0.5 → 0.75 (by 0.25)")

    def test_many_differences_and_hostile_names(self, shared_project: Project) -> None:
        difference = Difference("metric", "<b>\n" + "x" * 10_000, "0.5", "0.75")
        case = self.certified(shared_project, verdict="differs", differences=(difference,) * 9)

        assert check(case).why.endswith("; and 6 more")

    @pytest.mark.parametrize(
        ("verdict", "tolerance", "asked", "counts"),
        [
            ("exact", None, 0, True),
            ("exact", None, 1e-6, True),
            ("within_tolerance", 1e-6, 1e-6, True),
            ("within_tolerance", 1e-3, 1e-6, False),
            ("differs", None, 0, True),
            ("differs", None, 1e-6, False),
            ("differs", 1e-3, 1e-6, True),
            ("could_not_run", None, 0, False),
        ],
    )
    def test_which_say_enough(
        self, shared_project: Project, verdict: Any, tolerance: float, asked: float, counts: bool
    ) -> None:
        self.certified(shared_project)
        made = certificate.newest(
            shared_project,
            self.certified(shared_project, verdict=verdict, tolerance=tolerance).challenger.run.id,
        )

        assert made is not None
        assert reproducible._says_enough(made, asked) == counts


class TestCells:
    def test_a_run_of_cells_is_executed_again(
        self, shared_project: Project, shared_kernel: Kernel
    ) -> None:
        shared_kernel.run("%%track fit\nx = 2\nmlops_jupyter = __import__('mlops_jupyter')\n"
                          "mlops_jupyter.log_metric('score', x / 4)")  # fmt: skip
        run = history.page(shared_project).runs[0]
        case = case_of(shared_project, None, run=run)

        made = check(case)
        again = check(case)

        assert (made.verdict, made.why) == ("pass", "its cells were executed again")
        assert again.verdict == "pass"
        assert again.why.startswith("certificate ")

    def test_a_run_that_has_not_ended_holds(self, shared_project: Project) -> None:
        result = check(case_of(shared_project, None, run=run_reading(shared_project)))

        assert result.verdict == "hold"
        assert result.why.endswith("is still running")

    def test_one_that_came_from_elsewhere_holds(self, shared_project: Project) -> None:
        run = run_reading(shared_project)
        with shared_project.catalog.transaction() as rows:
            rows.execute("UPDATE run SET origin = 's3://theirs' WHERE id = ?", (run.id,))

        result = check(case_of(shared_project, None, run=run))

        assert result.verdict == "hold"
        assert "came from s3://theirs" in result.why

    def test_within_a_re_execution_holds(
        self, shared_project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLOPS_REPRODUCES", "0" * 16)

        result = check(case_of(shared_project, None, run=run_reading(shared_project)))

        assert result.verdict == "hold"


class TestTheRows:
    """Both models predict on the evaluation rows, not only on those that the run kept."""

    def case(self, project: Project) -> Case:
        rows = rows_of(project, flights(100))
        scores = prediction.predict("late v2", good_model(), rows)
        return case_of(project, rows, scores, model_digest="blake3:" + "1" * 64)

    @pytest.mark.parametrize("other", [False, True])
    def test_a_model_that_says_something_else(self, shared_project: Project, other: bool) -> None:
        model = upside_down_model() if other else good_model()
        found = history.get(shared_project, keep_run(shared_project, model, copy=False))

        made = reproducible._on_the_rows(self.case(shared_project), found, 0.0)

        names = [difference.name.partition(" of ")[0] for difference in made]
        assert names == (["predicted", "probabilities"] if other else [])

    def test_a_tolerance_covers_probabilities(self, shared_project: Project) -> None:
        model = good_model()
        model.coef_ = model.coef_ + 1e-9
        found = history.get(shared_project, keep_run(shared_project, model, copy=False))
        case = self.case(shared_project)

        assert reproducible._on_the_rows(case, found, 0.0)
        assert reproducible._on_the_rows(case, found, 1e-6) == []

    def test_a_model_that_cannot_predict_them(self, shared_project: Project) -> None:
        frame = flights(50).rename(columns={"hour": "other"})
        model = type(good_model())().fit(frame[["distance", "other"]], frame[LABEL])
        found = history.get(shared_project, keep_run(shared_project, model, copy=False))

        (difference,) = reproducible._on_the_rows(self.case(shared_project), found, 0.0)

        assert "lacks columns" in difference.found
