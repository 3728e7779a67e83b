"""Predictions that are possible at all, and those that are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlops_jupyter.config import Predictions
from mlops_jupyter.errors import UsageError
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.scoring.metric import Scores
from tests.promotion.checks.cases import HOSTILE, case_of, classified, judged, only, verdicts


def check(scores: Scores, **asked: Any) -> list[CheckResult]:
    return judged(case_of(None, None, scores), predictions=Predictions(**asked))


def regressed(*predicted: Any) -> Scores:
    values = np.array(predicted)
    return Scores(np.zeros(len(values)), values)


CHANCES = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]]


class TestAllIsWell:
    def test_one_result_says_how_many_rows_were_looked_at(self) -> None:
        result = only(check(classified([0, 1, 0, 1], [0, 1, 0, 0], CHANCES)))

        assert (result.verdict, result.id, result.count) == ("pass", "predictions", 4)
        assert result.why == "4 predictions, none missing, 2 different values"

    @pytest.mark.parametrize("dtype", ["float32", "float16"])
    def test_probabilities_that_were_rounded(self, dtype: str) -> None:
        rounded = (np.array(CHANCES) / 3 * 3).astype(dtype)

        assert only(check(classified([0, 1, 0, 1], [0, 1, 0, 0], rounded))).verdict == "pass"

    def test_labels_are_compared_by_value(self) -> None:
        scores = classified([0, 1], [0.0, 1.0])

        assert only(check(scores)).verdict == "pass"
        assert only(check(scores, labels=[False, True])).verdict == "pass"


class TestMissing:
    @pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
    def test_numbers(self, nothing: float) -> None:
        result = only(check(regressed(1.0, 2.0, nothing, 3.0)))

        assert (result.verdict, result.id, result.value) == ("fail", "predictions/nulls", 0.25)
        assert result.why == "1 of 4 rows have no prediction, or one that is not finite"

    @pytest.mark.parametrize("nothing", [None, np.nan, float("inf")])
    def test_objects(self, nothing: Any) -> None:
        scores = Scores(np.array(["a", "b"]), np.array(["a", nothing], dtype=object), ["a", "b"])

        assert verdicts(check(scores))["predictions/nulls"] == "fail"

    def test_some_may_be_allowed(self) -> None:
        scores = regressed(1.0, 2.0, np.nan, 3.0)

        assert only(check(scores, nulls=0.25)).why == (
            "4 predictions, 1 missing, 3 different values"
        )
        result = only(check(scores, nulls=0.2))
        assert result.why.endswith("not finite, more than 20 %")

    def test_all_of_them(self) -> None:
        assert verdicts(check(regressed(np.nan, np.nan), range=(0, 1))) == {
            "predictions/nulls": "fail"
        }


class TestRange:
    def test_values_outside(self) -> None:
        result = only(check(regressed(0.5, 1.5, -3.0, 1.0), range=(0, 1)))

        assert (result.id, result.value, result.limit) == ("predictions/range", 0.5, 0.0)
        assert result.why == "2 of 4 predictions are outside 0 to 1: they reach from -3 to 1.5"

    def test_a_share_may_be_outside(self) -> None:
        assert only(check(regressed(1.0, 2.0, 3.0, 9.0), range=(0, 5), outside=0.25)).verdict == (
            "pass"
        )

    def test_the_bounds_are_inside(self) -> None:
        assert only(check(regressed(0, 1), range=(0, 1))).verdict == "pass"

    def test_text_has_no_range(self) -> None:
        with pytest.raises(UsageError, match=r"predicts what is no number: late") as error:
            check(classified(["late"], ["late"], classes=["late", "not"]), range=(0, 1))
        assert error.value.hint == "of labels ask `labels: […]`"


class TestConstant:
    def test_always_the_same(self) -> None:
        result = only(check(regressed(7.5, 7.5, 7.5)))

        assert (result.verdict, result.id) == ("fail", "predictions/distinct")
        assert result.why == "1 value only in 3 predictions, where 2 are asked: always 7.5"

    def test_it_may_be_allowed(self) -> None:
        assert only(check(regressed(7.5, 7.5), distinct_at_least=1)).verdict == "pass"

    def test_one_label_with_different_probabilities_is_not_constant(self) -> None:
        """Where one class is rare a good model may never reach one half."""
        rare = [[0.9, 0.1], [0.99, 0.01], [0.7, 0.3]]

        assert only(check(classified([0, 1, 0], [0, 0, 0], rare))).verdict == "pass"

    def test_probabilities_count_where_more_values_are_asked_than_labels_exist(self) -> None:
        scores = classified([0, 1, 0, 1], [0, 1, 0, 0], CHANCES)

        assert only(check(scores, distinct_at_least=4)).verdict == "pass"
        assert only(check(scores, distinct_at_least=5)).verdict == "hold"  # of 4 rows

    def test_a_model_that_always_says_the_same_of_all_classes(self) -> None:
        result = only(check(classified([0, 1, 0], [0, 0, 0], [[0.6, 0.4]] * 3)))

        assert (result.verdict, result.value) == ("fail", 1.0)

    def test_too_few_rows_to_tell(self) -> None:
        result = only(check(regressed(7.5)))

        assert (result.verdict, result.value, result.limit) == ("hold", 1.0, 2.0)


class TestLabels:
    def test_one_that_the_data_does_not_have(self) -> None:
        result = only(check(classified([0, 1, 1], [0, 2, 2], classes=[0, 1, 2])))

        assert (result.id, result.count) == ("predictions/labels", 3)
        assert result.why == (
            "2 of 3 predictions are labels that the evaluation data does not have: 2"
        )

    def test_the_policy_may_name_them(self) -> None:
        scores = classified([0, 1, 1], [0, 2, 2], classes=[0, 1, 2])

        assert only(check(scores, labels=[0, 1, 2])).verdict == "pass"
        assert "labels that the policy does not have: 0" in only(check(scores, labels=[1, 2])).why

    def test_a_text_is_no_number(self) -> None:
        assert only(check(classified(["0", "1"], ["0", "1"]), labels=[0, 1])).verdict == "fail"

    def test_a_regressor_has_none_but_may_be_asked(self) -> None:
        assert only(check(regressed(1.0, 2.5))).verdict == "pass"
        assert only(check(regressed(1.0, 2.5), labels=[1, 2])).id == "predictions/labels"

    def test_a_hostile_label_is_shortened(self) -> None:
        result = only(check(classified([0, 1], [HOSTILE, HOSTILE + "y"], classes=["a", "b"])))

        assert r"<b>pay\n" in result.why
        assert "and" not in result.why


class TestProbabilities:
    def test_outside_0_to_1(self) -> None:
        made = [[1.5, -0.5], [0.2, 0.8]]

        result = only(check(classified([0, 1], [0, 1], made)))

        assert (result.id, result.value) == ("predictions/probabilities", 0.5)
        assert result.why == "of 2 rows of probabilities 1 outside 0 to 1, such as 1.5"

    def test_that_do_not_sum_to_1(self) -> None:
        result = only(check(classified([0, 1], [0, 1], [[0.5, 0.4], [0.2, 0.8]])))

        assert result.why == "of 2 rows of probabilities 1 do not sum to 1, such as to 0.9"

    def test_not_a_number(self) -> None:
        result = only(check(classified([0, 1], [0, 1], [[np.nan, np.nan], [0.2, 0.8]])))

        assert (result.verdict, result.value) == ("fail", 0.5)

    def test_of_another_shape(self) -> None:
        result = only(check(classified([0, 1], [0, 1], [[1.0, 0.0, 0.0], [0.2, 0.8, 0.0]])))

        assert result.why == "predict_proba gives an array of shape (2, 3) for 2 rows and 2 classes"


def test_each_aspect_that_fails_has_its_result() -> None:
    scores = classified([0, 1, 0], [9.0, 9.0, np.nan], [[2, -1]] * 3)

    assert verdicts(check(scores, range=(0, 1))) == {
        "predictions/nulls": "fail",
        "predictions/range": "fail",
        "predictions/distinct": "fail",
        "predictions/labels": "fail",
        "predictions/probabilities": "fail",
    }


def test_one_row() -> None:
    assert only(check(regressed(7.5), distinct_at_least=1)).why == (
        "1 prediction, none missing, 1 different value"
    )
