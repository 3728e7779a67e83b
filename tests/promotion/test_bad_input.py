"""What comes from outside and is wrong: it is refused, fails or holds, and never passes."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_jupyter.config import Check, Compare, Evaluate, Floor, Model, Slices
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import CellFailedError, NotFoundError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import case, gates, judging
from mlops_jupyter.promotion.decision import GateReport
from mlops_jupyter.promotion.scoring.prediction import predict
from mlops_jupyter.promotion.scoring.rows import Rows, take_rows
from tests.promotion.training import FEATURES, LABEL, flights, good_model, kept_version

ROWS = 60
HOLDS = "and the column 'late' holds numbers"


class Says(BaseEstimator):
    """A model that says what it was told to say."""

    def __init__(self, predicted: Any, probabilities: Any = None, classes: Any = (0, 1)) -> None:
        self.predicted, self.probabilities = predicted, probabilities
        self.feature_names_in_ = np.array(["hour"], dtype=object)
        if classes is not None:
            self.classes_ = np.array(classes)

    def predict(self, features: Any) -> Any:
        if isinstance(self.predicted, BaseException):
            raise self.predicted
        return self.predicted

    @property
    def predict_proba(self) -> Any:
        if self.probabilities is None:
            raise AttributeError("predict_proba")
        return lambda features: self.probabilities


def rows_of(label: Any = None) -> Rows:
    frame = flights(ROWS)[["hour"]]
    truth = np.arange(ROWS) % 2 if label is None else label
    return Rows("flights@1", "late", frame, truth, np.arange(ROWS), 0, "blake3:0")


def refused(model: Any, label: Any = None) -> str:
    with pytest.raises(UsageError) as e:
        predict("late v2", model, rows_of(label))
    assert "\n" not in e.value.message
    return e.value.message


def report_of(
    project: Project,
    challenger: Any,
    champion: Any,
    *checks: Any,
    frame: pd.DataFrame | None = None,
) -> GateReport:
    """Judge an estimator against another, as a gate does."""
    evaluate = Evaluate(data="test@1", label=LABEL)
    asked = [Check(**{type(check).__name__.lower(): check}) for check in checks]
    policy = Model(evaluate=evaluate, checks=asked)
    rows = take_rows(
        project, snapshot(project, flights(ROWS) if frame is None else frame, "test"), evaluate
    )
    ours = kept_version(project, challenger, 2)
    theirs = None if champion is None else kept_version(project, champion, 1)
    return gates.judge(case.of(project, policy, rows, ours, theirs))


CLASSIFIED = (
    "accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "average_precision",
    "log_loss", "brier",
)  # fmt: skip
ALL = tuple(Compare(name) for name in CLASSIFIED) + tuple(
    Floor(name, at_least=-9.0, at_most=9.0) for name in CLASSIFIED
)


class TestPredictions:
    @pytest.mark.parametrize(
        ("predicted", "message"),
        [
            (np.zeros((ROWS, 2)), "late v2 predicts an array of shape (60, 2) for 60 rows"),
            (np.zeros(ROWS - 1), "late v2 predicts an array of shape (59,) for 60 rows"),
            (None, "late v2 predicts an array of shape () for 60 rows"),
            (
                np.array(["1.5"] * ROWS),
                f"late v2 predicts text, {HOLDS}",
            ),
            (
                np.array(["1.5"] * ROWS, dtype=object),
                f"late v2 predicts text, {HOLDS}",
            ),
            (
                np.zeros(ROWS, dtype=complex),
                f"late v2 predicts complex numbers, {HOLDS}",
            ),
            (
                np.full(ROWS, {}, dtype=object),
                f"late v2 predicts values of type object, {HOLDS}",
            ),
            (
                np.zeros(ROWS, dtype="datetime64[s]"),
                f"late v2 predicts times, {HOLDS}",
            ),
        ],
        ids=range(8),
    )
    def test_of_a_regressor(self, predicted: Any, message: str) -> None:
        assert refused(Says(predicted, classes=None)) == message

    def test_a_column_of_numbers_with_what_is_missing(self) -> None:
        said = pd.array([1.0, None] * (ROWS // 2), dtype="Float64")

        scores = predict("late v2", Says(said, classes=None), rows_of())

        assert scores.predicted.dtype == float
        assert np.isnan(scores.predicted).sum() == ROWS // 2

    def test_a_regressor_of_labels_that_are_text(self) -> None:
        label = np.array(["yes", "no"] * (ROWS // 2))

        message = refused(Says(np.zeros(ROWS), classes=None), label)

        assert message.startswith("late v2 has no `classes_`, so it predicts numbers")

    def test_text_for_classes_that_are_numbers(self) -> None:
        message = refused(Says(np.array(["0", "1"] * (ROWS // 2))))

        assert message == "late v2 predicts text, and its classes are: 0, 1"

    @pytest.mark.parametrize(
        ("probabilities", "message"),
        [
            (np.zeros((ROWS, 3)), "of shape (60, 3) for 60 rows and 2 classes"),
            (np.zeros(ROWS), "of shape (60,) for 60 rows and 2 classes"),
            (np.zeros((1, 2)), "of shape (1, 2) for 60 rows and 2 classes"),
            (np.full((ROWS, 2), "half"), "gives text where probabilities are wanted"),
            (np.full((ROWS, 2), None), "of shape"),
        ],
        ids=range(5),
    )
    def test_probabilities(self, probabilities: Any, message: str) -> None:
        if probabilities.dtype == object:
            scores = predict("late v2", Says(np.zeros(ROWS, int), probabilities), rows_of())
            assert np.isnan(scores.probabilities).all()
        else:
            assert message in refused(Says(np.zeros(ROWS, int), probabilities))


class TestRaises:
    @pytest.mark.parametrize(
        ("raised", "message"),
        [
            (ValueError("no\nsuch thing"), "late v2, predicting flights@1: ValueError: no"),
            (MemoryError(), "late v2, predicting flights@1: MemoryError"),
            (RecursionError("deep"), "late v2, predicting flights@1: RecursionError: deep"),
            (SystemExit(0), "late v2, predicting flights@1: SystemExit: 0"),
        ],
        ids=["ValueError", "MemoryError", "RecursionError", "SystemExit"],
    )
    def test_a_model_that_raises_is_the_users_code(self, raised: Any, message: str) -> None:
        with pytest.raises(CellFailedError) as e:
            predict("late v2", Says(raised), rows_of())

        assert (e.value.message, e.value.exit_code) == (message, 5)

    def test_who_presses_control_c_is_heard(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            predict("late v2", Says(KeyboardInterrupt()), rows_of())


def chances(*, bad: Any = None, at: Any = slice(0, 3)) -> Any:
    chance = np.linspace(0.1, 0.9, ROWS)
    made = np.column_stack([1 - chance, chance])
    if bad is not None:
        made[at] = bad
    return made


class TestProbabilities:
    @pytest.mark.parametrize(
        ("bad", "why"),
        [
            (np.nan, "3 of 60 rows of probabilities are not numbers"),
            (np.inf, "3 of 60 rows of probabilities are not numbers"),
            ([1.5, -0.5], "3 of 60 rows have probabilities that are not between 0 and 1"),
            ([0.5, 0.9], "in 3 of 60 rows the probabilities do not add up to 1"),
        ],
        ids=["NaN", "inf", "outside", "sum"],
    )
    @pytest.mark.parametrize("whose", ["challenger", "champion"])
    def test_that_are_none_never_pass(
        self, project: Project, bad: Any, why: str, whose: str
    ) -> None:
        labels = np.arange(ROWS) % 2
        broken, sound = Says(labels, chances(bad=bad)), Says(labels, chances())
        sides = (broken, sound) if whose == "challenger" else (sound, broken)
        names = ("log_loss", "brier", "roc_auc", "average_precision")

        report = report_of(project, *sides, *(Compare(name, margin=1.0) for name in names))

        for line in report.checks:
            assert line.verdict == "fail"
            assert line.why.endswith(f"is not defined on these rows for the {whose}: {why}")

    def test_of_single_precision_are_sound(self, project: Project) -> None:
        labels = np.arange(ROWS) % 2
        model = Says(labels, chances().astype("float32"))

        report = report_of(project, model, model, Compare("log_loss"))

        assert report.verdict == "pass"

    def test_a_champion_without_any(self, project: Project) -> None:
        labels = np.arange(ROWS) % 2

        report = report_of(
            project, Says(labels, chances()), Says(labels), Compare("log_loss", margin=9.0)
        )

        assert report.verdict == "fail"
        assert report.checks[0].why.endswith("for the champion: it gives no probabilities")


class TestRows:
    @pytest.mark.parametrize("what", ["one row", "all rows equal", "all labels equal"])
    def test_that_say_nothing_never_pass(self, project: Project, what: str) -> None:
        frame = flights(ROWS)
        if what == "one row":
            frame = frame[:1]
        elif what == "all rows equal":
            frame = pd.concat([frame[:1]] * ROWS, ignore_index=True)
        else:
            frame = frame[frame["late"] == 1].reset_index(drop=True)
        champion = LogisticRegression(C=0.001).fit(
            flights(seed=3)[FEATURES], flights(seed=3)[LABEL]
        )

        report = report_of(project, good_model(), champion, *ALL[:9], frame=frame)

        verdicts = {line.id: line.verdict for line in report.checks}
        assert report.verdict != "pass"
        for name in ("roc_auc", "average_precision", "balanced_accuracy"):
            assert verdicts[f"compare/{name}"] == "fail"

    def test_a_class_that_is_not_among_them(self, project: Project) -> None:
        train = flights(seed=1)
        three = LogisticRegression().fit(train[FEATURES], np.arange(len(train)) % 3)

        report = report_of(project, three, three, Compare("roc_auc"), Compare("accuracy"))

        assert [line.verdict for line in report.checks] == ["fail", "pass"]
        assert report.checks[1].why.endswith(": the same")

    def test_a_class_that_the_model_does_not_know(self, project: Project) -> None:
        frame = flights(ROWS)
        frame.loc[:4, LABEL] = 7

        report = report_of(
            project, good_model(), good_model(), *ALL[9:], frame=frame,
        )  # fmt: skip

        failed = {line.id for line in report.checks if line.verdict == "fail"}
        assert {"floor/roc_auc", "floor/log_loss", "floor/brier"} <= failed

    def test_columns_that_a_model_needs(self, project: Project) -> None:
        frame = flights(ROWS).drop(columns="hour")

        with pytest.raises(UsageError, match="test@1 lacks columns that late v2 was fitted on"):
            report_of(project, good_model(), None, Floor("accuracy", at_least=0), frame=frame)


class TestKinds:
    def test_a_champion_that_predicts_numbers(self, project: Project) -> None:
        train = flights(seed=1)
        regressor = LinearRegression().fit(train[FEATURES], train[LABEL])

        report = report_of(
            project, good_model(), regressor, Compare("roc_auc", margin=1.0),
            Slices(["hour/2"], "accuracy", 1.0, 1),
        )  # fmt: skip

        for line in report.checks:
            assert line.verdict == "fail"
            assert line.why.endswith("is not defined on these rows for the champion" + (
                ": it predicts numbers, and no classes" if "roc_auc" in line.id else ""
            ))  # fmt: skip

    def test_numbers_that_are_none(self, project: Project) -> None:
        said = np.arange(float(ROWS))
        said[:2] = np.nan, np.inf
        broken, sound = Says(said, classes=None), Says(np.arange(float(ROWS)), classes=None)

        for sides in ((broken, sound), (sound, broken)):
            report = report_of(project, *sides, *(Compare(n, margin=99.0) for n in ("mae", "rmse")))
            assert {line.verdict for line in report.checks} == {"fail"}
            assert "2 of 60 predictions are not numbers" in report.checks[0].why
            with project.catalog.transaction() as rows:
                rows.execute("DELETE FROM model_version")


class TestPolicy:
    @pytest.mark.parametrize(
        ("check", "error"),
        [
            ({"compare": {"metric": "acuracy"}}, "there is no metric that is scored 'acuracy'"),
            (
                {"slices": {"by": ["hour"], "metric": "acuracy"}},
                "there is no metric that is scored 'acuracy'",
            ),
            ({"compare": {"metric": "mrr"}}, "mrr ranks the rows of a query"),
        ],
    )
    def test_a_metric_that_nobody_knows_is_found_before_a_run(
        self, check: dict, error: str
    ) -> None:
        policy = msgspec.convert(
            {"evaluate": {"data": "test@1", "label": LABEL}, "checks": [check]}, Model
        )

        with pytest.raises(UsageError, match=error) as e:
            judging.check_policy("late", policy)
        if isinstance(e.value, NotFoundError):
            assert e.value.hint == "did you mean 'accuracy'?"

    @pytest.mark.parametrize(
        ("kind", "section"),
        [
            (Compare, {"metric": "accuracy", "margin": -0.01}),
            (Compare, {"metric": "accuracy", "margin": "-1%"}),
            (Slices, {"metric": "accuracy", "by": ["hour"], "max_drop": -0.01}),
            (Slices, {"metric": "accuracy", "by": []}),
            (Slices, {"metric": "accuracy", "by": ["hour"], "min_rows": 0}),
        ],
        ids=range(5),
    )
    def test_what_is_less_than_nothing(self, kind: Any, section: dict) -> None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(section, kind)
