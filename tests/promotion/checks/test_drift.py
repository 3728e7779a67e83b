"""The evaluation data beside the stored profile of the training data."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.config import Drift
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import CheckResult
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


@pytest.fixture
def project(shared_project: Project) -> Project:
    return shared_project


def check(
    project: Project,
    test: pd.DataFrame,
    train: pd.DataFrame | str | None = None,
    *,
    read: tuple[str, ...] = (),
    names: list[str] | None = None,
    **asked: Any,
) -> list[CheckResult]:
    if isinstance(train, pd.DataFrame):
        train = snapshot(project, train, "train").ref
    rows = rows_of(project, test, dataset=f"test{len(test)}")
    estimator = SimpleNamespace() if names is None else SimpleNamespace(feature_names_in_=names)
    case = case_of(project, rows, estimator=estimator, run=run_reading(project, *read))
    return judged(case, drift=Drift(against=train, **asked))


def with_columns(rows: int, seed: int, **columns: Any) -> pd.DataFrame:
    return flights(rows, seed).assign(**columns)


class TestColumns:
    def test_nothing_has_changed(self, project: Project) -> None:
        result = only(check(project, flights(500, 1), flights(2000, 2)))

        assert (result.verdict, result.id, result.limit) == ("pass", "drift", 0.1)
        assert result.why.startswith("of 2 columns none differs from train@")
        assert result.count == 500

    def test_a_shift_is_found_and_told(self, project: Project) -> None:
        test = flights(501, 1)
        test["hour"] += 6

        summary, hour = check(project, test, flights(2000, 2))

        assert (summary.verdict, hour.verdict) == ("fail", "fail")
        assert hour.id == "drift/hour"
        assert ": hour" in summary.why
        assert summary.value == hour.value > 0.1
        assert hour.p is not None
        assert hour.p < 0.001
        assert "standard deviations away" in hour.why

    def test_the_worst_comes_first(self, project: Project) -> None:
        test = flights(502, 1)
        test["hour"] += 3
        test["distance"] += 2000

        found = check(project, test, flights(2000, 2))

        assert [result.id for result in found] == ["drift", "drift/distance", "drift/hour"]

    def test_few_rows_are_chance(self, project: Project) -> None:
        """By the index alone 10 rows of nothing new would be an alarm."""
        result = only(check(project, flights(10, 1), flights(2000, 2)))

        assert result.verdict == "pass"

    def test_a_small_shift_of_many_rows_is_no_alarm(self, project: Project) -> None:
        test = flights(20_000, 1)
        test["hour"] += 0.2

        result = only(check(project, test, flights(20_001, 2)))

        assert result.verdict == "pass"

    def test_a_category_and_its_new_values(self, project: Project) -> None:
        train = with_columns(1000, 2, carrier=["UA", "DL"] * 500)
        test = with_columns(504, 1, carrier=["UA", "<b>new\none"] * 252)

        _, carrier = check(project, test, train)

        assert carrier.id == "drift/carrier"
        assert carrier.why.endswith(r"; new values: <b>new\none")

    def test_values_that_are_missing_now(self, project: Project) -> None:
        test = flights(505, 1)
        test.loc[:300, "hour"] = np.nan

        _, hour = check(project, test, flights(2000, 2))

        assert "missing 0.0% before, 59.6% now" in hour.why

    @pytest.mark.parametrize("dtype", ["float64", "object", "str", "datetime64[ns]"])
    def test_a_column_that_is_empty_now(self, project: Project, dtype: str) -> None:
        test = flights(506, 1)
        test["hour"] = pd.Series([None] * 506).astype(dtype)

        found = verdicts(check(project, test, flights(2000, 2)))

        assert found == {"drift": "fail", "drift/hour": "fail"}

    def test_one_that_always_was(self, project: Project) -> None:
        test, train = (with_columns(n, n, none=np.nan) for n in (507, 2000))

        assert only(check(project, test, train)).verdict == "pass"

    def test_only_columns_that_the_model_uses_or_that_are_named(self, project: Project) -> None:
        test = flights(508, 1)
        test["hour"] += 9

        assert only(check(project, test, flights(2000, 2), names=["distance"])).verdict == "pass"
        found = check(project, test, flights(2000, 2), names=["distance"], columns=["hour"])
        assert [result.verdict for result in found] == ["fail", "fail"]

    def test_the_label_may_be_named(self, project: Project) -> None:
        test = flights(509, 1).assign(late=1)

        found = verdicts(check(project, test, flights(2000, 2), columns=["late"]))

        assert found == {"drift": "fail", "drift/late": "fail"}

    def test_another_effect_may_be_asked(self, project: Project) -> None:
        test = flights(510, 1)
        test["hour"] += 1.5

        assert len(check(project, test, flights(2000, 2), psi=0.05)) == 2
        assert len(check(project, test, flights(2000, 2), psi=5)) == 1


class TestColumnsThatCannotBeCompared:
    def test_one_of_another_type(self, project: Project) -> None:
        test = flights(511, 1)
        test["hour"] = test["hour"].astype(str) + " o'clock"

        summary, hour = check(project, test, flights(2000, 2))

        assert (summary.verdict, hour.verdict) == ("fail", "fail")
        assert hour.why == "hour cannot be compared: it was a number, and now is of type str"

    def test_one_that_is_gone(self, project: Project) -> None:
        test = flights(512, 1).drop(columns="hour")

        _, hour = check(project, test, flights(2000, 2), columns=["hour", "distance"])

        assert (hour.verdict, hour.id) == ("fail", "drift/hour")
        assert "has no column hour any more" in hour.why

    def test_one_that_training_did_not_have_is_said(self, project: Project) -> None:
        result = only(check(project, with_columns(513, 1, new=1), flights(2000, 2)))

        assert result.verdict == "pass"
        assert result.why.endswith("has no such column: new")

    def test_none_that_training_had_holds(self, project: Project) -> None:
        result = only(check(project, flights(514, 1), pd.DataFrame({"other": [1, 2]})))

        assert result.verdict == "hold"

    def test_what_looks_personal_is_said(self, project: Project) -> None:
        people = [f"ada{n % 9}@example.org" for n in range(2000)]
        test, train = (with_columns(n, n, email=people[:n]) for n in (515, 2000))

        result = only(check(project, test, train))

        assert result.verdict == "pass"
        assert result.why.endswith(
            "; of email no values are kept, so only missing ones were compared"
        )
        assert "ada" not in result.why

    def test_hostile_frames(self, project: Project) -> None:
        def odd(rows: int, values: list[Any]) -> pd.DataFrame:
            return with_columns(rows, rows, **{
                HOSTILE: ["a", "b"] * (rows // 2),
                "mixed": pd.Series(values * (rows // 2), dtype=object),
                "when": pd.date_range("2026-01-01", periods=rows, tz="Asia/Tokyo"),
            })  # fmt: skip

        found = check(project, odd(516, [[1], {"a": 2}]), odd(2000, ["a", 1]))

        assert found[0].verdict == "fail"
        assert "mixed" in found[0].why
        assert len(found[0].why) < 600


class TestWhatItIsComparedWith:
    def test_what_the_run_read(self, project: Project) -> None:
        small = snapshot(project, pd.DataFrame({"hour": [1.0, 2.0]}), "lookup").ref
        train = snapshot(project, flights(2000, 2), "theirs").ref
        few = snapshot(project, flights(50, 2), "few").ref

        result = only(check(project, flights(517, 1), read=(small, few, train)))

        assert result.verdict == "pass"
        assert f"from {train}" in result.why

    def test_the_profile_is_enough(self, project: Project) -> None:
        """The rows of training may be gone."""
        version = snapshot(project, flights(2000, 77), "gone")
        with project.catalog.transaction() as rows:
            rows.execute(
                "UPDATE dataset_version SET gone_at = ?, gone_why = 'old' WHERE dataset = 'gone'",
                ("2026-01-01T00:00:00",),
            )

        assert only(check(project, flights(518, 1), version.ref)).verdict == "pass"

    def test_nobody_knows(self, project: Project) -> None:
        result = only(check(project, flights(519, 1)))

        assert (result.verdict, result.id) == ("hold", "drift")
        assert result.why.endswith("write `drift: {against: DATASET@NUMBER}` in mlops.yaml")

    def test_the_evaluation_data_itself(self, project: Project) -> None:
        result = only(check(project, flights(520, 1), flights(520, 1)))

        assert result.verdict == "hold"
        assert "is test520@1 itself, so there is nothing to compare" in result.why

    def test_no_rows(self, project: Project) -> None:
        result = only(check(project, flights(521, 1), flights(5).head(0)))

        assert result.verdict == "hold"
        assert "has no rows" in result.why

    def test_one_row_is_too_few_for_an_alarm(self, project: Project) -> None:
        assert only(check(project, flights(1, 1), flights(2000, 2))).verdict == "pass"

    def test_a_column_that_nobody_has(self, project: Project) -> None:
        with pytest.raises(UsageError, match="names the column hours, which neither") as error:
            check(project, flights(522, 1), flights(2000, 2), columns=["hours"])
        assert error.value.hint == "did you mean 'hour'?"

    def test_a_version_that_is_not_there(self, project: Project) -> None:
        with pytest.raises(NotFoundError, match="'train@999'"):
            check(project, flights(523, 1), "train@999")
