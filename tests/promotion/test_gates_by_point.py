"""Gates by point values as a truth table: what passes, what fails, and what each line says."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.config import Compare, Floor
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.promotion.checks.floor import check_names as floor_names
from mlops_jupyter.promotion.decision import CheckResult, GateReport
from tests.promotion.contenders import (
    judge,
    policy,
    report_of,
    scored,
)

AUC = "roc_auc"


class TestFloor:
    @pytest.mark.parametrize(
        ("floor", "value", "verdict", "why"),
        [
            (Floor(AUC, at_least=0.8), 0.9, "pass", "0.9 is at least 0.8"),
            (Floor(AUC, at_least=0.8), 0.8, "pass", "0.8 is at least 0.8"),
            (Floor(AUC, at_least=0.8), 0.75, "fail", "0.75 is below 0.8, by 0.05"),
            (Floor(AUC, at_least=0.8), 0.7999999, "fail", "0.7999999 is below 0.8, by 1e-07"),
            (Floor("rmse", at_most=12.0), 11.5, "pass", "11.5 is at most 12"),
            (Floor("rmse", at_most=12.0), 12.5, "fail", "12.5 is above 12, by 0.5"),
            (Floor(AUC, at_least=0.6, at_most=0.9), 0.7, "pass", "0.7 is from 0.6 to 0.9"),
            (Floor(AUC, at_least=0.6, at_most=0.9), 0.99, "fail", "0.99 is above 0.9, by 0.09"),
        ],
    )
    def test_a_line(self, floor: Floor, value: float, verdict: str, why: str) -> None:
        result = judge(floor, value)

        assert (result.verdict, result.why) == (verdict, why)
        assert (result.challenger, result.champion) == (value, None)

    @pytest.mark.parametrize("value", [None, math.nan, math.inf])
    def test_what_is_not_a_number_fails(self, value: float | None) -> None:
        result = judge(Floor(AUC, at_least=0.8), value)

        assert result.verdict == "fail"
        assert result.why == "roc_auc is not defined on these rows for the challenger"

    @pytest.mark.parametrize(
        ("floor", "check"),
        [
            (Floor(AUC, at_least=0.8), "roc_auc at least 0.8"),
            (Floor("rmse", at_most=12.5), "rmse at most 12.5"),
            (Floor(AUC, at_least=0.6, at_most=0.99), "roc_auc from 0.6 to 0.99"),
        ],
    )
    def test_what_was_asked_in_words(self, floor: Floor, check: str) -> None:
        assert judge(floor, 0.7).check == check

    def test_a_metric_that_the_run_recorded_itself(self) -> None:
        report = report_of(
            policy(Floor("profit", at_least=100)), scored(2, roc_auc=0.9), None, {"profit": 140.0}
        )

        assert report.verdict == "pass"
        assert report.checks[0].check == "profit at least 100, as its run recorded it"

    def test_a_scored_metric_goes_before_what_the_run_says_of_itself(self) -> None:
        assert judge(Floor(AUC, at_least=0.8), 0.7, run_metrics={AUC: 0.99}).verdict == "fail"

    def test_a_metric_that_was_never_logged_is_a_mistake_in_the_policy(self) -> None:
        asked = policy(Floor("profit", at_least=1))

        with pytest.raises(UsageError, match="'profit', which is neither scored nor recorded") as e:
            report_of(asked, scored(2, roc_auc=0.9), None, {"prof": 1.0})
        assert e.value.hint == "did you mean 'prof'?"

    def test_it_is_known_before_anything_is_scored(self) -> None:
        floor_names(policy(Floor(AUC, at_least=1), Compare(AUC)), {})
        floor_names(policy(Floor("profit", at_least=1)), {"profit": None})

        with pytest.raises(UsageError, match="'profit', which is neither scored nor recorded"):
            floor_names(policy(Floor("profit", at_least=1)), {"prof": 1.0})


class TestCompare:
    @pytest.mark.parametrize(
        ("compare", "challenger", "champion", "verdict", "change"),
        [
            (Compare(AUC), 0.81, 0.8, "pass", "better by 0.01"),
            (Compare(AUC), 0.8, 0.8, "pass", "the same"),
            (Compare(AUC), 0.79, 0.8, "fail", "worse by 0.01"),
            (Compare(AUC, "better"), 0.8, 0.8, "fail", "the same"),
            (Compare(AUC, "better"), 0.8001, 0.8, "pass", "better by 0.0001"),
            (Compare("rmse"), 12, 12.5, "pass", "better by 0.5"),
            (Compare("rmse"), 13, 12.5, "fail", "worse by 0.5"),
            (Compare("rmse", "better"), 12, 12.5, "pass", "better by 0.5"),
        ],
    )
    def test_a_line(
        self, compare: Compare, challenger: float, champion: float, verdict: str, change: str
    ) -> None:
        result = judge(compare, challenger, champion)

        assert (result.challenger, result.champion) == (challenger, champion)
        assert result.verdict == verdict
        assert result.why == f"{challenger} against {champion}: {change}"

    @pytest.mark.parametrize(
        ("rule", "challenger", "verdict", "change"),
        [
            ("not_worse", 0.81, "pass", "better by 0.01"),
            ("not_worse", 0.79, "pass", "worse by 0.01, no more than the margin of 0.01"),
            ("not_worse", 0.7899, "fail", "worse by 0.0101, more than the margin of 0.01"),
            ("better", 0.82, "pass", "better by 0.02, more than the margin of 0.01"),
            ("better", 0.81, "fail", "better by 0.01, no more than the margin of 0.01"),
            ("better", 0.79, "fail", "worse by 0.01"),
        ],
    )
    def test_a_margin(self, rule: Any, challenger: float, verdict: str, change: str) -> None:
        result = judge(Compare(AUC, rule, 0.01), challenger, 0.8)

        assert (result.verdict, result.why) == (verdict, f"{challenger} against 0.8: {change}")

    @pytest.mark.parametrize(
        ("challenger", "champion", "whom"),
        [
            (None, 0.8, "challenger"),
            (0.8, None, "champion"),
            (math.nan, math.inf, "challenger and the champion"),
        ],
    )
    def test_what_is_not_a_number_fails(
        self, challenger: float | None, champion: float | None, whom: str
    ) -> None:
        result = judge(Compare(AUC, margin=1.0), challenger, champion)

        assert result.verdict == "fail"
        assert result.why == f"roc_auc is not defined on these rows for the {whom}"

    @pytest.mark.parametrize(
        ("compare", "check"),
        [
            (Compare(AUC), "roc_auc not worse than champion v1"),
            (Compare(AUC, margin=0.01), "roc_auc not worse than champion v1 by more than 0.01"),
            (Compare(AUC, "better"), "roc_auc better than champion v1"),
            (Compare(AUC, "better", 0.01), "roc_auc better than champion v1 by more than 0.01"),
        ],
    )
    def test_what_was_asked_in_words(self, compare: Compare, check: str) -> None:
        assert judge(compare, 0.7).check == check

    def test_a_champion_of_another_kind_has_no_such_metric(self) -> None:
        report = report_of(policy(Compare(AUC)), scored(2, roc_auc=0.9), scored(1, rmse=1.0), {})

        assert report.verdict == "fail"

    def test_a_metric_that_nothing_can_score(self) -> None:
        with pytest.raises(NotFoundError, match="did you mean 'roc_auc'"):
            judge(Compare("roc_acu"), 0.7)

    def test_a_metric_of_another_kind_of_model(self) -> None:
        with pytest.raises(UsageError, match="'rmse', which is not scored for flights v2") as e:
            report_of(policy(Compare("rmse")), scored(2, roc_auc=0.9), scored(1, roc_auc=0.9), {})
        assert e.value.hint == "there is: roc_auc"


class TestReport:
    def test_it_says_what_was_judged_and_on_what(self) -> None:
        report = report_of(
            policy(Floor(AUC, at_least=0.7), Compare(AUC)),
            scored(2, roc_auc=0.8),
            scored(1, roc_auc=0.7),
            {},
        )

        assert dataclasses.replace(report, checks=()) == GateReport(
            verdict="pass", challenger=2, champion=1, bootstrap=False, data="flights@7",
            row_count=1000, left_out=3, checks=(), rows_digest="blake3:0",
        )  # fmt: skip
        assert [check.verdict for check in report.checks] == ["pass", "pass"]

    def test_one_failed_check_fails_the_gate(self) -> None:
        report = report_of(
            policy(Floor(AUC, at_least=0.7), Compare(AUC)),
            scored(2, roc_auc=0.8),
            scored(1, roc_auc=0.9),
            {},
        )

        assert [check.verdict for check in report.checks] == ["pass", "fail"]
        assert report.verdict == "fail"

    def test_the_first_model_is_judged_by_floors_alone(self) -> None:
        report = report_of(
            policy(Floor(AUC, at_least=0.7), Compare(AUC)), scored(1, roc_auc=0.8), None, {}
        )

        assert (report.verdict, report.bootstrap, report.champion) == ("pass", True, None)
        assert report.checks[1] == CheckResult(
            check="roc_auc not worse than the champion",
            verdict="not_judged",
            challenger=0.8,
            champion=None,
            why="there is no champion yet to compare with",
            kind="compare",
            id="compare/roc_auc",
        )

    def test_the_first_model_does_not_pass_when_nothing_could_be_judged(self) -> None:
        report = report_of(policy(Compare(AUC)), scored(1, roc_auc=0.99), None, {})

        assert report.verdict == "fail"
        assert report.checks[-1].why == (
            "there is no champion yet, and no absolute check to judge the first model by"
        )

    def test_no_checks_is_a_mistake_not_a_pass(self) -> None:
        with pytest.raises(UsageError, match="the model 'flights' has no checks"):
            report_of(policy(), scored(2, roc_auc=0.8), None, {})

    def test_different_rows_are_never_compared(self) -> None:
        with pytest.raises(UsageError, match="v2 and v1 were not scored on the same rows"):
            report_of(
                policy(Compare(AUC)),
                scored(2, roc_auc=0.8, rows="blake3:1"),
                scored(1, roc_auc=0.8, rows="blake3:2"),
                {},
            )


values = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([math.inf, math.nan]))
finite = st.floats(-1e6, 1e6)
margins = st.one_of(st.just(0.0), st.floats(0, 10), st.sampled_from([0.01, 0.1]))


@st.composite
def checks(draw: Any) -> Floor | Compare:
    name = draw(st.sampled_from([AUC, "rmse"]))
    if draw(st.booleans()):
        rule = draw(st.sampled_from(["not_worse", "better"]))
        return Compare(name, rule, draw(margins))
    limit = draw(finite)
    # a floor looks in the direction in which its metric is better
    return Floor(name, at_least=limit) if name == AUC else Floor(name, at_most=limit)


@given(checks(), finite, values, st.floats(0, 100))
def test_a_better_challenger_never_turns_a_pass_into_a_fail(
    check: Floor | Compare, challenger: float, champion: float | None, better_by: float
) -> None:
    better = challenger + better_by if check.metric == AUC else challenger - better_by

    if judge(check, challenger, champion).verdict == "pass":
        assert judge(check, better, champion).verdict == "pass"


@given(checks(), values, values)
def test_what_is_not_a_number_never_passes(
    check: Floor | Compare, challenger: float | None, champion: float | None
) -> None:
    result = judge(check, challenger, champion)

    sides = [challenger] if isinstance(check, Floor) else [challenger, champion]
    if any(side is None or not math.isfinite(side) for side in sides):
        assert result.verdict == "fail"


@given(finite, finite, margins)
def test_better_implies_not_worse(challenger: float, champion: float, margin: float) -> None:
    if judge(Compare(AUC, "better", margin), challenger, champion).verdict == "pass":
        assert judge(Compare(AUC, "not_worse", 0.0), challenger, champion).verdict == "pass"


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_margin_is_counted_in_decimal(hundredths: int, margin: int) -> None:
    """0.80 - 0.79 is more than 0.01 in binary; nobody who writes `margin: 0.01` means that."""
    champion = hundredths / 100
    challenger = (hundredths - margin) / 100

    assert judge(Compare(AUC, margin=margin / 100), challenger, champion).verdict == "pass"
    assert judge(Compare(AUC, "better", margin / 100), champion, challenger).verdict == "fail"
