"""Scoring on a dataset version: the same rows for all, and every prediction kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mlops_jupyter.config import Evaluate
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import CellFailedError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.scoring.evaluation import evaluate
from mlops_jupyter.promotion.scoring.rows import Rows, check_data, take_rows
from tests.promotion.training import FEATURES, LABEL, blind_model, flights, good_model


def asked(label: str = LABEL, **more: str) -> Evaluate:
    return Evaluate(data="flights@latest", label=label, **more)


def rows_of(project: Project, frame: pd.DataFrame, label: str = LABEL) -> Rows:
    return take_rows(project, snapshot(project, frame, "flights"), asked(label))


def test_metrics_are_those_of_the_predictions(project: Project) -> None:
    frame = flights()
    made = evaluate(project, "late", 1, good_model(), rows_of(project, frame))

    assert (made.model, made.version, made.data, made.label) == ("late", 1, "flights@1", LABEL)
    assert (made.row_count, made.left_out) == (400, 0)
    right = (good_model().predict(frame[FEATURES]) == frame[LABEL]).mean()
    assert made.metrics["accuracy"] == pytest.approx(right)
    assert made.metrics["accuracy"] > 0.7


def test_every_prediction_is_kept_row_by_row(project: Project) -> None:
    frame = flights(50)
    frame[LABEL] = frame[LABEL].astype("Int64").mask(frame.index == 10)
    made = evaluate(project, "late", 1, good_model(), rows_of(project, frame))

    kept = pa.ipc.open_stream(project.objects.read(made.scores)).read_pandas()

    rest = frame.drop(index=10)
    assert kept["row"].tolist() == rest.index.tolist()
    assert kept["label"].tolist() == rest[LABEL].tolist()
    assert kept["prediction"].tolist() == good_model().predict(rest[FEATURES]).tolist()
    chances = good_model().predict_proba(rest[FEATURES])
    assert kept[["probability of 0", "probability of 1"]].to_numpy() == pytest.approx(chances)


def test_an_evaluation_is_a_row_of_the_catalog(project: Project) -> None:
    made = evaluate(project, "late", 1, good_model(), rows_of(project, flights()))

    row = project.catalog.row("SELECT * FROM evaluation WHERE id = ?", (made.id,))

    assert row is not None
    assert (row["model"], row["version"], row["label"]) == ("late", 1, LABEL)
    assert row["rows_digest"] == made.rows_digest


def test_rows_without_a_label_are_left_out_and_counted(project: Project) -> None:
    frame = flights(100)
    frame[LABEL] = frame[LABEL].astype(float).mask(frame.index < 30)

    made = evaluate(project, "late", 1, good_model(), rows_of(project, frame))

    assert (made.row_count, made.left_out) == (70, 30)


@pytest.mark.parametrize("dtype", ["int8", "float64", "bool", "Int64", "boolean", "category"])
def test_a_label_counts_by_its_value_not_by_its_type(project: Project, dtype: str) -> None:
    frame = flights()
    frame[LABEL] = frame[LABEL].astype(dtype)

    made = evaluate(project, "late", 1, good_model(), rows_of(project, frame))

    assert made.metrics["accuracy"] > 0.7
    assert made.metrics["roc_auc"] > 0.7


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_labels_may_be_text(project: Project, dtype: str) -> None:
    frame = flights()
    frame[LABEL] = frame[LABEL].map({0: "on time", 1: "late"}).astype(dtype)
    model = LogisticRegression().fit(frame[FEATURES], frame[LABEL])

    made = evaluate(project, "late", 1, model, rows_of(project, frame))

    assert made.metrics["accuracy"] > 0.7
    assert made.metrics["roc_auc"] > 0.7


class TestTheSameRows:
    def test_models_with_other_features_are_scored_on_the_same_rows(self, project: Project) -> None:
        rows = rows_of(project, flights())

        one = evaluate(project, "late", 1, good_model(), rows)
        other = evaluate(project, "late", 2, blind_model(), rows)

        assert one.rows_digest == other.rows_digest
        assert one.metrics["roc_auc"] > other.metrics["roc_auc"]

    def test_the_digest_is_that_of_the_content(self, project: Project) -> None:
        frame = flights(20)

        assert rows_of(project, frame).digest == rows_of(project, frame.copy()).digest

    @pytest.mark.parametrize("change", ["another label", "no label", "one row less", "order"])
    def test_other_rows_have_another_digest(self, project: Project, change: str) -> None:
        frame = flights(20)
        frame[LABEL] = frame[LABEL].astype("Int64")
        changed = frame.copy()
        if change == "another label":
            changed.loc[3, LABEL] = 1 - changed.loc[3, LABEL]
        elif change == "no label":
            changed.loc[3, LABEL] = pd.NA
        elif change == "one row less":
            changed = changed[:-1]
        else:
            changed = changed[::-1].reset_index(drop=True)

        assert rows_of(project, frame).digest != rows_of(project, changed).digest


class TestLosses:
    def test_what_each_row_adds_to_a_mean_is_kept(self, project: Project) -> None:
        made = evaluate(project, "late", 1, good_model(), rows_of(project, flights(50)))

        kept = pa.ipc.open_stream(project.objects.read(made.scores)).read_pandas()

        for name, mean in made.metrics.items():
            if name in {"log_loss", "brier"}:
                assert kept[f"loss of {name}"].mean() == pytest.approx(mean)
        assert 1 - kept["loss of accuracy"].mean() == pytest.approx(made.metrics["accuracy"])

    def test_of_a_regressor(self, project: Project) -> None:
        frame = flights(50)
        model = LinearRegression().fit(frame[["hour"]], frame["distance"])

        made = evaluate(project, "far", 1, model, rows_of(project, frame, "distance"))

        kept = pa.ipc.open_stream(project.objects.read(made.scores)).read_pandas()
        assert kept["loss of mae"].mean() == pytest.approx(made.metrics["mae"])


class TestIds:
    """`evaluate.id` names the rows."""

    def test_they_are_kept_and_are_part_of_the_digest(self, project: Project) -> None:
        frame = flights(50).assign(number=range(100, 150))
        data = snapshot(project, frame, "flights")
        rows = take_rows(project, data, asked(id="number"))

        made = evaluate(project, "late", 1, good_model(), rows)

        kept = pa.ipc.open_stream(project.objects.read(made.scores)).read_pandas()
        assert kept["id"].tolist() == list(range(100, 150))
        assert rows.digest != take_rows(project, data, asked()).digest

    def test_a_row_that_stands_twice(self, project: Project) -> None:
        numbers = [*range(50)]
        numbers[3] = numbers[7] = 1
        data = snapshot(project, flights(50).assign(number=numbers), "flights")

        with pytest.raises(UsageError) as e:
            take_rows(project, data, asked(id="number"))
        assert e.value.message == (
            "rows of flights@1 stand there twice: 1 values of 'number' are those of several rows: 1"
        )

    def test_a_row_without_one(self, project: Project) -> None:
        frame = flights(50).assign(number=[None, *range(49)])

        with pytest.raises(UsageError, match="1 row of flights@1 has no value in 'number'"):
            take_rows(project, snapshot(project, frame, "flights"), asked(id="number"))

    def test_rows_without_a_label_may_be_without_one(self, project: Project) -> None:
        frame = flights(50).assign(number=[None, None, *range(48)])
        frame["late"] = frame["late"].astype("Int64").mask(frame.index < 2)

        rows = take_rows(project, snapshot(project, frame, "flights"), asked(id="number"))

        assert len(rows.ids) == 48

    def test_a_model_without_names_does_not_get_it(self, project: Project) -> None:
        frame = flights(50)
        model = LogisticRegression().fit(frame[FEATURES].to_numpy(), frame[LABEL])
        data = snapshot(project, frame.assign(number=range(50)), "flights")

        made = evaluate(project, "late", 1, model, take_rows(project, data, asked(id="number")))

        assert made.metrics["accuracy"] > 0.7


class TestGroups:
    @pytest.mark.parametrize("key", ["cluster_by", "group"])
    def test_rows_that_belong_together_get_one_number(self, project: Project, key: str) -> None:
        frame = flights(6).assign(customer=["a", "b", "a", "c", "b", "a"])

        rows = take_rows(project, snapshot(project, frame, "flights"), asked(**{key: "customer"}))

        assert rows.clusters.tolist() == [0, 1, 0, 2, 1, 0]
        assert (rows.queries is not None) == (key == "group")

    @pytest.mark.parametrize("key", ["cluster_by", "group"])
    def test_a_row_that_belongs_nowhere(self, project: Project, key: str) -> None:
        frame = flights(4).assign(customer=["a", None, "b", None])

        with pytest.raises(UsageError, match="2 rows of flights@1 have no value in 'customer'"):
            take_rows(project, snapshot(project, frame, "flights"), asked(**{key: "customer"}))

    @pytest.mark.parametrize("key", ["id", "cluster_by", "group"])
    def test_a_column_that_is_not_there_or_is_the_label(self, project: Project, key: str) -> None:
        data = snapshot(project, flights(4), "flights")

        with pytest.raises(UsageError, match="flights@1 has no column 'customer'") as e:
            check_data(data, asked(**{key: "customer"}))
        assert e.value.hint.startswith(f"`evaluate.{key}` in mlops.yaml is one of: distance")
        with pytest.raises(UsageError, match="the label 'late' cannot be"):
            check_data(data, asked(**{key: "late"}))


class TestEstimators:
    def test_a_pipeline_knows_its_columns(self, project: Project) -> None:
        frame = flights()
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(frame[["hour"]], frame[LABEL])

        made = evaluate(project, "late", 1, model, rows_of(project, frame))

        assert made.metrics["accuracy"] > 0.7

    def test_columns_are_found_by_name_in_any_order(self, project: Project) -> None:
        frame = flights()
        turned = frame[["late", "hour", "distance"]]

        one = evaluate(project, "late", 1, good_model(), rows_of(project, frame))
        other = evaluate(project, "late", 1, good_model(), rows_of(project, turned))

        assert one.metrics == other.metrics

    def test_without_names_it_gets_all_columns_but_the_label(self, project: Project) -> None:
        frame = flights()
        model = LogisticRegression().fit(frame[FEATURES].to_numpy(), frame[LABEL])

        made = evaluate(project, "late", 1, model, rows_of(project, frame))

        assert made.metrics["accuracy"] > 0.7

    def test_a_classifier_without_probabilities(self, project: Project) -> None:
        frame = flights()
        model = make_pipeline(StandardScaler(), LinearSVC()).fit(frame[FEATURES], frame[LABEL])

        made = evaluate(project, "late", 1, model, rows_of(project, frame))

        assert made.metrics["roc_auc"] > 0.7
        assert made.metrics["log_loss"] is None
        kept = pa.ipc.open_stream(project.objects.read(made.scores)).read_all()
        assert kept.column_names == ["row", "label", "prediction", "decision", "loss of accuracy"]

    def test_a_regressor(self, project: Project) -> None:
        frame = flights().drop(columns="late").assign(delay=lambda f: 2 * f.hour + 1)
        model = LinearRegression().fit(frame[["hour"]], frame[["delay"]])

        made = evaluate(project, "delay", 1, model, rows_of(project, frame, "delay"))

        assert set(made.metrics) == {"rmse", "mae", "r2"}
        assert made.metrics["r2"] == pytest.approx(1)

    def test_columns_need_not_be_named_by_text(self, project: Project) -> None:
        frame = pd.DataFrame(np.arange(12.0).reshape(4, 3))
        model = LinearRegression().fit(frame[[0, 1]].to_numpy(), frame[2])

        made = evaluate(project, "line", 1, model, rows_of(project, frame, "2"))

        assert made.metrics["r2"] == pytest.approx(1)


class TestRefusals:
    def test_a_label_column_that_is_not_there(self, project: Project) -> None:
        with pytest.raises(UsageError, match="flights@1 has no column 'later'") as e:
            rows_of(project, flights(), "later")
        assert e.value.hint == ("`evaluate.label` in mlops.yaml is one of: distance, hour, late")

    def test_no_label_at_all(self, project: Project) -> None:
        with pytest.raises(UsageError, match="no row of flights@1 has a value"):
            rows_of(project, flights(10).assign(late=np.nan))

    def test_a_file(self, project: Project) -> None:
        (project.root / "flights.csv").write_text("hour,late\n1,0\n")
        version = snapshot(project, project.root / "flights.csv", "file")

        with pytest.raises(UsageError, match="file@1 is a file"):
            take_rows(project, version, asked())

    def test_a_single_column(self, project: Project) -> None:
        version = snapshot(project, flights()[LABEL], "column")

        with pytest.raises(UsageError, match="column@1 is a single column"):
            take_rows(project, version, asked())

    def test_feature_columns_that_are_not_there(self, project: Project) -> None:
        rows = rows_of(project, flights().rename(columns={"hour": "time"}))

        with pytest.raises(
            UsageError, match="flights@1 lacks columns that late v3 was fitted on: hour"
        ) as e:
            evaluate(project, "late", 3, good_model(), rows)
        assert e.value.hint == "it has: distance, time"

    def test_another_number_of_columns_without_names(self, project: Project) -> None:
        frame = flights()
        model = LogisticRegression().fit(frame[["hour"]].to_numpy(), frame[LABEL])

        with pytest.raises(UsageError, match=r"fitted on 1 columns without names.*has 2 beside"):
            evaluate(project, "late", 1, model, rows_of(project, frame))

    def test_labels_that_the_model_does_not_know(self, project: Project) -> None:
        frame = flights().assign(late=lambda f: f.late.map({0: "no", 1: "yes"}))

        with pytest.raises(UsageError, match="the column 'late' has no, yes; it predicts 0, 1"):
            evaluate(project, "late", 1, good_model(), rows_of(project, frame))

    def test_an_estimator_that_raises_is_the_users_code(self, project: Project) -> None:
        rows = rows_of(project, flights().assign(hour="noon"))

        with pytest.raises(CellFailedError, match="late v1, predicting flights@1: ValueError: "):
            evaluate(project, "late", 1, good_model(), rows)

    def test_several_predictions_per_row(self, project: Project) -> None:
        frame = flights()
        model = LinearRegression().fit(frame[["hour"]], frame[["distance", "late"]])

        with pytest.raises(UsageError, match=r"predicts an array of shape \(400, 2\) for 400 rows"):
            evaluate(project, "late", 1, model, rows_of(project, frame))

    def test_a_refusal_leaves_no_evaluation(self, project: Project) -> None:
        with pytest.raises(UsageError):
            evaluate(project, "late", 1, blind_model(), rows_of(project, flights()[["late"]]))

        assert project.catalog.rows("SELECT * FROM evaluation") == []


def test_the_check_before_a_run_needs_no_data(project: Project) -> None:
    version = snapshot(project, flights(), "flights")
    project.objects.path(version.manifest).unlink()

    check_data(version, asked())
    with pytest.raises(UsageError, match="has no column 'later'"):
        check_data(version, asked("later"))


def test_a_baseline_is_an_estimator_like_any_other(project: Project) -> None:
    frame = flights()
    mean = DummyRegressor().fit(frame[["hour"]], frame["distance"])

    made = evaluate(project, "guess", 1, mean, rows_of(project, frame, "distance"))

    assert made.metrics["r2"] == pytest.approx(0)
