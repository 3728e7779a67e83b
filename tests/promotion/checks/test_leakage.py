"""Rows, ids and times of training in the evaluation data; columns that give the label away."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from mlops_jupyter.config import Leakage
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.checks import chance, training
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.scoring.metric import Scores
from tests.promotion.checks.cases import (
    HOSTILE,
    case_of,
    judged,
    only,
    rows_of,
    run_reading,
    verdicts,
)
from tests.promotion.training import flights

NO_ROWS = {"rows": False, "feature_auc": None}
ONLY_ROWS = {"feature_auc": None}


def check(
    project: Project,
    test: pd.DataFrame,
    train: pd.DataFrame | str | None = None,
    *,
    read: tuple[str, ...] = (),
    label: str = "late",
    identity: str | None = None,
    classes: Any = (0, 1),
    names: list[str] | None = None,
    **asked: Any,
) -> list[CheckResult]:
    """Judge rows of a dataset of their own, beside training data named `train`."""
    if isinstance(train, pd.DataFrame):
        train = snapshot(project, train, "train").ref
    asked["train"] = train
    rows = rows_of(project, test, label, dataset=f"test{len(test)}")
    run = run_reading(project, *read)
    estimator = SimpleNamespace() if names is None else SimpleNamespace(feature_names_in_=names)
    scores = Scores(rows.truth, rows.truth, classes)
    case = case_of(project, rows, scores, estimator=estimator, run=run, id=identity, label=label)
    return judged(case, leakage=Leakage(**asked))


@pytest.fixture
def project(shared_project: Project) -> Project:
    return shared_project


class TestRows:
    def test_none_in_common(self, project: Project) -> None:
        result = only(check(project, flights(300, 1), flights(500, 2), **ONLY_ROWS))

        assert (result.verdict, result.value, result.limit) == ("pass", 0, 0)
        assert result.id.startswith("leakage/rows/train@")
        assert result.why.startswith("none of 300 rows stand in train@")
        assert result.why.endswith(" too, by 3 columns")

    @pytest.mark.parametrize("planted", [1, 30])
    def test_a_single_row_is_found(self, project: Project, planted: int) -> None:
        train = flights(500, 2)
        test = pd.concat([flights(300, 1), train.sample(planted, random_state=1)])

        result = only(check(project, test, train, **ONLY_ROWS))

        assert (result.verdict, result.value) == ("fail", planted / len(test))
        assert result.why.startswith(f"{planted} of {len(test)} rows stand in train@")

    def test_a_share_may_be_allowed(self, project: Project) -> None:
        train = flights(500, 2)
        test = pd.concat([flights(90, 1), train.head(10)])

        assert only(check(project, test, train, overlap=0.1, **ONLY_ROWS)).verdict == "pass"
        assert only(check(project, test, train, overlap=0.09, **ONLY_ROWS)).verdict == "fail"

    def test_other_types_order_and_columns_hide_nothing(self, project: Project) -> None:
        train = flights(50, 2).assign(n=range(50), c=list("ab") * 25, z=-0.0, none=np.nan)
        test = train[::-1].assign(extra=1)
        test["n"], test["c"], test["z"] = test["n"].astype("Int64"), pd.Categorical(test["c"]), 0.0
        test = test[[*test.columns[::-1]]]

        result = only(check(project, test, train, **ONLY_ROWS))

        assert result.value == 1
        assert "by 7 columns" in result.why

    def test_the_id_does_not_tell_copies_apart(self, project: Project) -> None:
        train = flights(80, 2).assign(id=range(80))
        test = train.head(70).assign(id=range(1000, 1070))

        found = verdicts(check(project, test, train, identity="id", **ONLY_ROWS))

        assert sorted(found.values()) == ["fail", "pass"]

    def test_the_same_features_with_another_label_are_another_row(self, project: Project) -> None:
        train = flights(81, 2)

        assert only(
            check(project, train.assign(late=1 - train["late"]), train, **ONLY_ROWS)
        ).value == 0  # fmt: skip

    def test_nothing_to_find_rows_by(self, project: Project) -> None:
        test = flights(82, 2)

        nothing = check(project, test, pd.DataFrame({"other": [1]}), **ONLY_ROWS)
        empty = check(project, test, test.head(0), **ONLY_ROWS)

        assert only(nothing).verdict == only(empty).verdict == "hold"
        assert "have no column but the label in common" in only(nothing).why
        assert "have no rows" in only(empty).why

    def test_hostile_frames(self, project: Project) -> None:
        odd = {
            HOSTILE: [[1], {"a": 2}, None, 4, "x"] * 17,
            "when": pd.date_range("2026-01-01", periods=85, tz="Asia/Tokyo"),
            "mixed": pd.Series([1, "1", None, 2.5, b"x"] * 17, dtype=object),
        }
        test = pd.DataFrame({**odd, "late": [0, 1, 1, 0, 1] * 17})

        found = check(project, test, test.tail(80))

        assert verdicts(found)[found[0].id] == "fail"
        assert found[0].value == pytest.approx(80 / 85)


class TestRowsThatRepeatByNature:
    """Three categories have few different rows: that many are shared is no leak."""

    def categories(self, rows: int, seed: int, values: int = 4) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        made = {name: random.integers(0, values, rows) for name in "abc"}
        return pd.DataFrame({**made, "late": random.integers(0, 2, rows)})

    @pytest.mark.parametrize("values", [3, 6, 12])
    def test_chance_is_no_leak(self, project: Project, values: int) -> None:
        test, train = self.categories(301, 1, values), self.categories(900, 2, values)

        result = only(check(project, test, train, **ONLY_ROWS))

        assert result.verdict == "pass"
        assert result.value > 0.2
        assert "would by chance, as rows repeat within the training data" in result.why

    def test_copies_above_chance_are_one(self, project: Project) -> None:
        train = self.categories(900, 2, 12)
        test = pd.concat([self.categories(151, 1, 12), train.head(150)])

        result = only(check(project, test, train, **ONLY_ROWS))

        assert result.verdict == "fail"
        assert result.p is not None
        assert result.p < 0.001

    def test_training_rows_that_were_copied_say_nothing_of_nature(self, project: Project) -> None:
        train = flights(200, 3)

        result = only(check(project, train.head(83), pd.concat([train] * 3), **ONLY_ROWS))

        assert (result.verdict, result.value) == ("fail", 1)

    def test_many_columns_of_few_values(self, project: Project) -> None:
        """No training row repeats; a few in three hundred are shared all the same."""
        made = [
            pd.DataFrame({str(n): np.random.default_rng(seed).integers(0, 10, (rows, 5))[:, n]
                          for n in range(5)}).assign(late=0)
            for seed, rows in ((1, 302), (2, 300))
        ]  # fmt: skip
        made[1].iloc[0] = made[0].iloc[0]

        result = only(check(project, *made, **ONLY_ROWS))

        assert (result.verdict, result.value) == ("pass", 3 / 302)
        assert "1 would by chance, as the columns have few values" in result.why

    def test_a_source_that_holds_rows_twice_and_was_cut_at_random(self, project: Project) -> None:
        """Training repeats as many, and still they are copies: no two measurements are equal."""
        source = flights(1000, 4)
        both = pd.concat([source, source.head(100)]).sample(frac=1, random_state=1)

        result = only(check(project, both.head(303), both.tail(797), **ONLY_ROWS))

        assert result.verdict == "fail"
        assert "by chance" not in result.why


@pytest.mark.parametrize(
    ("column", "measured"),
    [
        (np.random.default_rng(1).normal(size=500), True),
        (np.random.default_rng(1).normal(size=500).round(6), False),
        (np.log1p(np.arange(500) % 20), False),
        (np.arange(500), False),
        (np.arange(500.0), False),
        (np.full(500, np.nan), False),
        (np.zeros(500), False),
        (np.arange(1, 501) * 5e-324, False),
        (np.where(np.arange(500) % 2, np.inf, 0.0), False),
        (np.random.default_rng(1).normal(size=500).astype("float32"), False),
        (["a"] * 500, False),
    ],
)
def test_what_is_measured(column: Any, measured: bool) -> None:
    frame = pd.DataFrame({"x": column, "n": np.arange(500)})

    assert chance.is_measured(frame, [0, 1]) == measured


def test_chance_is_wrong_no_more_often_than_the_level() -> None:
    """A thousand possible rows of uneven frequency, and no copies."""
    random = np.random.default_rng(5)
    weights = random.pareto(1, 1000)
    wrong = 0
    for _ in range(200):
        ours, theirs = (
            random.choice(1000, rows, p=weights / weights.sum()).astype("uint64")
            for rows in (500, 2000)
        )
        expected, both = chance.of(theirs, ours, 0.0), np.isin(ours, theirs)
        is_wrong = expected.p(both.sum(), 500) < 0.05 and expected.is_much_less(both.mean())
        wrong += bool(is_wrong)
    assert wrong <= 10


class TestIds:
    def test_one_person_in_both(self, project: Project) -> None:
        train = flights(400, 2).assign(id=[f"c{n}" for n in range(400)])
        test = flights(84, 1).assign(id=["c7", *[f"d{n}" for n in range(83)]])

        result = only(check(project, test, train, identity="id", **NO_ROWS))

        assert (result.verdict, result.value) == ("fail", 1 / 84)
        assert result.why.startswith("1 of 84 rows have a id that stands in train@")
        assert result.why.endswith(" too, such as c7")

    def test_numbers_of_other_types(self, project: Project) -> None:
        train = flights(400, 2).assign(id=pd.array(range(400), "Int64"))
        test = flights(86, 1).assign(id=np.arange(399.0, 485.0))

        assert only(check(project, test, train, identity="id", **NO_ROWS)).value == 1 / 86

    def test_it_may_be_switched_off(self, project: Project) -> None:
        frame = flights(87, 2).assign(id=range(87))

        with pytest.raises(UsageError, match="asks for nothing"):
            check(project, frame, frame.tail(9), identity="id", ids=False, **NO_ROWS)

    def test_training_without_the_column_holds(self, project: Project) -> None:
        test = flights(88, 1).assign(id=range(88))

        result = only(check(project, test, flights(400, 2), identity="id", **NO_ROWS))

        assert result.verdict == "hold"
        assert result.why.endswith("has no column id: name another version, or set `ids: false`")


class TestTime:
    def split(self, begin: Any, end: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        return flights(89, 1).assign(at=begin), flights(90, 2).assign(at=end)

    @pytest.mark.parametrize(
        ("begin", "end", "verdict"),
        [
            (pd.Timestamp("2026-02-01"), pd.Timestamp("2026-01-31"), "pass"),
            (pd.Timestamp("2026-02-01"), pd.Timestamp("2026-02-01"), "fail"),
            (pd.Timestamp("2026-02-01", tz="UTC"), pd.Timestamp("2026-01-31"), "pass"),
            (
                pd.Timestamp("2026-02-01 00:00", tz="Asia/Tokyo"),
                pd.Timestamp("2026-01-31 16:00", tz="UTC"),
                "fail",
            ),
            ("2026-02-01", "2026-01-31", "pass"),
            ("2026-02-01", pd.Timestamp("2026-01-31"), "pass"),
            (2026, 2025.5, "pass"),
            (2026, 2026, "fail"),
        ],
    )
    def test_training_ends_before(self, project: Project, begin: Any, end: Any, verdict: str) -> (
        None
    ):  # fmt: skip
        test, train = self.split(begin, end)

        assert only(check(project, test, train, time="at", **NO_ROWS)).verdict == verdict

    def test_how_many_are_too_early(self, project: Project) -> None:
        days = pd.date_range("2026-01-01", periods=89)
        test, train = self.split(days, pd.Timestamp("2026-01-10"))
        test.loc[5, "at"] = pd.NaT

        result = only(check(project, test, train, time="at", **NO_ROWS))

        assert (result.verdict, result.value) == ("fail", 9 / 88)
        assert result.why == (
            "training ends at 2026-01-10 00:00:00+00:00, evaluation begins at"
            " 2026-01-01 00:00:00+00:00: 9 of 88 rows are not after training"
        )

    def test_no_value_holds(self, project: Project) -> None:
        test, train = self.split(pd.Timestamp("2026-01-01"), pd.NaT)

        assert only(check(project, test, train, time="at", **NO_ROWS)).verdict == "hold"

    @pytest.mark.parametrize(
        ("begin", "end", "why"),
        [
            ("soon", "2026-01-01", "at of test89@. holds|neither times nor numbers: soon"),
            (2026, "2026-01-01", "holds float64 in"),
            ([[1]] * 89, 3, "neither times nor numbers"),
        ],
    )
    def test_what_is_no_time(self, project: Project, begin: Any, end: Any, why: str) -> None:
        test, train = self.split(begin, end)

        with pytest.raises(UsageError, match=why):
            check(project, test, train, time="at", **NO_ROWS)

    def test_a_column_that_is_not_there(self, project: Project) -> None:
        test, train = self.split(1, 2)

        with pytest.raises(UsageError, match="has no column att, which is `time`") as error:
            check(project, test, train, time="att", **NO_ROWS)
        assert "did you mean 'at'" in str(error.value)


class TestWhatItWasTrainedOn:
    def test_the_very_same_version(self, project: Project) -> None:
        frame = flights(91, 4)

        result = only(check(project, frame, frame, **ONLY_ROWS))

        assert (result.verdict, result.id) == ("fail", "leakage/data")
        assert "that is test91@1 itself" in result.why

    def test_what_the_run_read(self, project: Project) -> None:
        train = snapshot(project, flights(400, 2), "theirs").ref
        test = pd.concat([flights(90, 5), flights(400, 2).head(2)])

        result = only(check(project, test, read=(train,), **ONLY_ROWS))

        assert (result.verdict, result.value) == ("fail", 2 / 92)
        assert result.why.endswith(f"; its run read {train}")

    def test_it_read_nothing_but_the_evaluation_data(self, project: Project) -> None:
        test = flights(93, 5)
        ref = rows_of(project, test, dataset="test93").data.ref

        result = only(check(project, test, read=(ref,), **ONLY_ROWS))

        assert (result.verdict, result.id) == ("fail", "leakage/data")

    def test_it_read_the_evaluation_data_too(self, project: Project) -> None:
        """To score its own model, perhaps; and what both were cut from holds all rows."""
        test = flights(94, 5)
        ref = rows_of(project, test, dataset="test94").data.ref
        whole = snapshot(project, pd.concat([test, flights(400, 2)]), "whole").ref

        found = check(project, test, read=(ref, whole), **ONLY_ROWS)

        assert verdicts(found) == {"leakage/data": "hold", f"leakage/rows/{whole}": "hold"}
        assert all("write `leakage: {train: DATASET@NUMBER}`" in result.why for result in found)

    def test_what_the_steps_of_its_pipeline_read(self, project: Project) -> None:
        train = snapshot(project, flights(400, 2), "step").ref
        whole = run_reading(project)
        step = run_reading(project, train)
        with project.catalog.transaction() as rows:
            rows.execute("UPDATE run SET parent_run_id = ? WHERE id = ?", (whole.id, step.id))
        rows_here = rows_of(project, flights(92, 5), dataset="test92")
        case = case_of(project, rows_here, run=whole)

        assert [version.ref for version in training.of(case, None).versions] == [train]

    def test_nobody_knows(self, project: Project) -> None:
        found = check(project, flights(95, 5))

        assert verdicts(found) == {"leakage/data": "hold", "leakage/feature": "pass"}
        assert found[0].why == (
            "the run of late v2 read no data version, so nobody knows what it was trained on:"
            " write `leakage: {train: DATASET@NUMBER}` in mlops.yaml"
        )

    def test_what_is_no_table(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(project.root)
        Path("words.txt").write_text("no table")
        ref = snapshot(project, Path("words.txt"), "words").ref

        inferred = only(check(project, flights(96, 5), read=(ref,), **ONLY_ROWS))

        assert inferred.verdict == "hold"
        assert "cannot be looked at: words@1" in inferred.why
        with pytest.raises(UsageError, match="words"):
            check(project, flights(96, 5), train=ref)

    def test_a_version_that_is_not_there(self, project: Project) -> None:
        with pytest.raises(NotFoundError, match="there is no data version 'train@99'"):
            check(project, flights(97, 5), train="train@99")


class TestOneColumn:
    def feature(self, project: Project, test: pd.DataFrame, **given: Any) -> CheckResult:
        return only(check(project, test, rows=False, ids=False, **given))

    def test_honest_columns(self, project: Project) -> None:
        result = self.feature(project, flights(400, 1))

        assert (result.verdict, result.id, result.limit) == ("pass", "leakage/feature", 0.98)
        assert result.why.startswith("hour ranks it best, by 0.9")

    @pytest.mark.parametrize("dtype", ["float64", "Float64", "category", "str", "object"])
    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_copy_of_the_label(self, project: Project, dtype: str, sign: int) -> None:
        frame = flights(401, 1)
        frame["paid"] = (sign * frame["late"]).astype(dtype)

        result = self.feature(project, frame)

        assert (result.verdict, result.value) == ("fail", 1)
        assert result.why == "paid alone ranks it by 1, above 0.98"

    def test_that_a_value_is_missing_may_give_it_away(self, project: Project) -> None:
        frame = flights(402, 1)
        frame["paid"] = np.where(frame["late"] == 1, np.nan, frame["distance"])

        assert self.feature(project, frame).why == "paid alone ranks it by 1, above 0.98"

    def test_a_time_may_give_it_away(self, project: Project) -> None:
        frame = flights(403, 1)
        frame["at"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(frame["late"], unit="D")

        assert self.feature(project, frame).verdict == "fail"

    def test_a_name_for_each_row_gives_nothing_away(self, project: Project) -> None:
        frame = flights(404, 1).assign(name=[f"n{n}" for n in range(404)], one="same")

        assert "hour ranks it best" in self.feature(project, frame).why

    def test_only_columns_that_the_model_uses_count(self, project: Project) -> None:
        frame = flights(405, 1)
        frame["paid"] = frame["late"]

        assert self.feature(project, frame, names=["hour"]).verdict == "pass"

    def test_several_are_named_and_hostile_names_shortened(self, project: Project) -> None:
        frame = flights(406, 1)
        for name in ("a", HOSTILE, "c"):
            frame[name] = frame["late"]

        why = self.feature(project, frame).why

        assert why.startswith("a alone ranks it by 1, above 0.98, and so do <b>pay\\n'")
        assert why.endswith(", c")

    def test_several_classes(self, project: Project) -> None:
        iris = load_iris(as_frame=True)
        frame = iris.frame.rename(columns={"target": "late"})

        found = check(project, frame, rows=False, classes=(0, 1, 2))

        assert only(found).verdict == "fail"  # petals tell the first species from all others
        assert "petal" in only(found).why

    @pytest.mark.parametrize("text", [False, True])
    def test_a_label_that_is_a_number(self, project: Project, text: bool) -> None:
        frame = flights(407, 1).rename(columns={"late": "was_late", "hour": "late"})
        frame["paid"] = frame["late"].round().astype(str) if text else frame["late"] ** 3

        result = self.feature(project, frame, classes=None)

        assert (result.verdict, result.value > 0.98) == ("fail", True)
        assert result.why.startswith("paid alone")
        assert result.method == "(1 + Spearman) / 2 of one column"

    def test_too_few_rows_to_tell(self, project: Project) -> None:
        frame = flights(12, 1)
        frame["paid"] = frame["late"]

        assert self.feature(project, frame).verdict == "not_judged"

    def test_one_class_only(self, project: Project) -> None:
        assert self.feature(project, flights(408, 1).assign(late=1)).verdict == "not_judged"

    def test_the_label_is_the_only_column(self, project: Project) -> None:
        result = self.feature(project, flights(409, 1)[["late"]])

        assert (result.verdict, result.why) == ("not_judged", "the model uses no column")

    def test_values_that_cannot_be_hashed(self, project: Project) -> None:
        frame = flights(410, 1)
        frame["odd"] = [[value] for value in frame["late"]]

        assert self.feature(project, frame).why == "odd alone ranks it by 1, above 0.98"
