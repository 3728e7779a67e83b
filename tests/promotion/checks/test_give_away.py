"""Columns that give the label away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import CheckResult
from tests.promotion.checks.cases import (
    HOSTILE,
    only,
)
from tests.promotion.checks.leaks import check
from tests.promotion.training import flights


@pytest.fixture
def project(shared_project: Project) -> Project:
    return shared_project


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
