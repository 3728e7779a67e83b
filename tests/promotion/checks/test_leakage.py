"""Rows, ids and times of training in the evaluation data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.checks import training
from tests.promotion.checks.cases import (
    HOSTILE,
    case_of,
    only,
    rows_of,
    run_reading,
    verdicts,
)
from tests.promotion.checks.leaks import NO_ROWS, ONLY_ROWS, check
from tests.promotion.training import flights


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
