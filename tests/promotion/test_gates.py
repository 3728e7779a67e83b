"""Gates by intervals: what passes, what fails, what is held, and what each line says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.config import Compare, Floor
from mlops_jupyter.promotion.scoring import metric
from mlops_jupyter.promotion.scoring.metric import Scores
from tests.promotion.contenders import (
    judged,
    labels,
)


class TestFloorByInterval:
    """The bound decides: chance alone neither passes nor fails."""

    @pytest.mark.parametrize(
        ("limit", "verdict", "why"),
        [
            (0.75, "pass", "0.821 (0.790 to 0.848) is at least 0.75"),
            (
                0.8,
                "hold",
                "0.821 (0.790 to 0.848) settles nothing against 0.8: about 2,000 rows would",
            ),
            (0.9, "fail", "0.821 (0.790 to 0.848) is below 0.9, by 0.079"),
        ],
    )
    def test_a_line(self, limit: float, verdict: str, why: str) -> None:
        (result,) = judged(labels(390, 475), None, Floor("accuracy", at_least=limit)).checks

        assert (result.verdict, result.why) == (verdict, why)
        assert (result.value, result.limit, result.side) == (390 / 475, limit, "above")
        assert (result.count, result.method) == (475, "Wilson")
        assert (result.rows_needed is not None) == (verdict == "hold")
        assert (result.p < 0.05) == (verdict != "hold")

    def test_the_other_side(self) -> None:
        scores = Scores(np.zeros(100), np.tile([1.0, 3.0], 50))

        results = [
            judged(scores, None, Floor("mae", at_most=limit)).checks[0] for limit in (1.5, 2.1, 3)
        ]

        assert [result.verdict for result in results] == ["fail", "hold", "pass"]
        assert results[0].why == "2.00 (1.83 to 2.17) is above 1.5, by 0.50"
        assert {result.side for result in results} == {"below"}

    @pytest.mark.parametrize(("high", "verdict"), [(0.9, "pass"), (0.84, "hold"), (0.78, "fail")])
    def test_two_limits_are_as_good_as_the_worse(self, high: float, verdict: str) -> None:
        floor = Floor("accuracy", at_least=0.7, at_most=high)

        (result,) = judged(labels(390, 475), None, floor).checks

        assert (result.verdict, result.limit) == (verdict, high)
        assert result.side == "below"

    def test_one_row_settles_nothing(self) -> None:
        (result,) = judged(labels(1, 1), None, Floor("accuracy", at_least=0.8)).checks

        assert result.verdict == "hold"
        assert result.why == (
            "1.00 (0.27 to 1.00) settles nothing against 0.8: about 30 rows would"
        )

    def test_what_the_run_recorded_has_no_interval(self) -> None:
        (result,) = judged(labels(9, 10), None, Floor("profit", at_least=4)).checks

        assert (result.verdict, result.method, result.lower) == ("pass", "point", None)


class TestCompareByInterval:
    @pytest.mark.parametrize(
        ("compare", "right", "verdict", "why"),
        [
            (
                Compare("accuracy"),
                4020,
                "pass",
                "0.804 against 0.8: better by 0.0040, likely 0.0027 to 0.0059 better",
            ),
            (
                Compare("accuracy"),
                3980,
                "pass",
                (
                    "0.796 against 0.8: worse by 0.0040, likely 0.0059 to 0.0027 worse, no "
                    "more than the margin of 0.01"
                ),
            ),
            (
                Compare("accuracy"),
                3900,
                "fail",
                (
                    "0.78 against 0.8: worse by 0.0200, likely 0.0236 to 0.0169 worse, more "
                    "than the margin of 0.01"
                ),
            ),
            (
                Compare("accuracy"),
                3950,
                "hold",
                (
                    "0.79 against 0.8: worse by 0.0100, likely 0.0127 to 0.0078 worse, which "
                    "does not settle whether it is worse by more than 0.01: no number of rows"
                    " like these would"
                ),
            ),
            (
                Compare("accuracy", "better", 0.01),
                4020,
                "fail",
                (
                    "0.804 against 0.8: better by 0.0040, likely 0.0027 to 0.0059 better, no "
                    "more than the margin of 0.01"
                ),
            ),
            (
                Compare("accuracy", "better", "1 %"),
                4100,
                "pass",
                (
                    "0.82 against 0.8: better by 0.0200, likely 0.0169 to 0.0236 better, more"
                    " than the margin of 0.008"
                ),
            ),
            (
                Compare("accuracy", "better"),
                4001,
                "hold",
                (
                    "0.8002 against 0.8: better by 0.00020, likely 0.00053 worse to 0.00106 "
                    "better, which does not settle whether it is better: about 180,000 rows "
                    "would"
                ),
            ),
        ],
    )
    def test_a_line(self, compare: Compare, right: int, verdict: str, why: str) -> None:
        (result,) = judged(labels(right, 5000), labels(4000, 5000), compare).checks

        assert (result.verdict, result.why) == (verdict, why)
        assert result.value == pytest.approx(right / 5000 - 0.8)
        assert result.lower < result.value < result.upper
        assert (result.count, result.method) == (5000, "Tango")

    def test_positive_is_better_whichever_way_the_metric_goes(self) -> None:
        truth = np.arange(200.0)
        near, far = (Scores(truth, truth + np.tile([1.0, 2.0], 100) * by) for by in (1, 3))

        (result,) = judged(near, far, Compare("mae")).checks

        assert (result.verdict, result.value) == ("pass", 3.0)
        assert result.why.startswith("1.5 against 4.5: better by 3.00, likely 2.88 to 3.12 better")

    @pytest.mark.parametrize("margin", [0.0, 0.01, "2%", None])
    def test_the_same_predictions_are_not_worse(self, margin: Any) -> None:
        chance = np.linspace(0, 1, 50)
        same = Scores(
            np.arange(50) % 2, (chance > 0.5).astype(int), np.array([0, 1]),
            np.column_stack([1 - chance, chance]),
        )  # fmt: skip
        asked = [Compare(name, margin=margin) for name in metric.score(same)]

        report = judged(same, same, *asked)

        assert report.verdict == "pass"
        for result in report.checks:
            assert result.why.endswith(": the same")
            assert (result.lower, result.value, result.upper) == (0, 0, 0)

    def test_the_same_predictions_are_not_better(self) -> None:
        truth = np.arange(50.0)
        same = Scores(truth, truth + 1)

        (result,) = judged(same, same, Compare("mae", "better")).checks

        assert (result.verdict, result.why) == ("fail", "1 against 1: the same")

    @pytest.mark.parametrize(
        ("name", "check"),
        [
            ("accuracy", "accuracy not worse than champion v1 by more than 0.01"),
            ("mae", "mae not worse than champion v1 by more than 2%"),
        ],
    )
    def test_the_margin_that_is_meant_when_none_is_given(self, name: str, check: str) -> None:
        scores = labels(40, 50)
        if name == "mae":
            scores = Scores(np.arange(50.0), np.arange(50.0) + np.tile([1, 2], 25))

        (result,) = judged(scores, scores, Compare(name)).checks

        assert result.check == check
        assert result.limit == (-0.01 if name == "accuracy" else -0.03)

    def test_an_equal_model_of_few_rows_is_held_not_promoted(self) -> None:
        ours, theirs = labels(80, 100), labels(80, 100, wrong_first=True)

        (result,) = judged(ours, theirs, Compare("accuracy")).checks

        assert (result.verdict, result.value) == ("hold", 0)
        assert result.rows_needed > 100


WORST_LAST = ("pass", "hold", "fail")


@st.composite
def pairs(draw: Any) -> tuple[Scores, Scores]:
    """Draw what two classifiers, or two regressors, say of the same rows."""
    rows = draw(st.integers(2, 300))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    noise = [draw(st.sampled_from([0.0, 0.1, 0.5, 2.0])) for _ in range(2)]
    if draw(st.booleans()):
        truth = random.normal(size=rows)
        return tuple(Scores(truth, truth + random.normal(0, by, rows)) for by in noise)
    truth = random.integers(0, 2, rows)
    chances = [1 / (1 + np.exp(1 - 2 * truth + random.normal(0, by, rows))) for by in noise]
    return tuple(
        Scores(
            truth, (chance > 0.5).astype(int), np.array([0, 1]),
            np.column_stack([1 - chance, chance]),
        )
        for chance in chances
    )  # fmt: skip


def verdicts(ours: Scores, theirs: Scores, rule: Any, margin: float) -> dict[str, str]:
    asked = [Compare(name, rule, margin) for name in metric.score(ours)]
    return {line.id: line.verdict for line in judged(ours, theirs, *asked).checks}


@settings(max_examples=15)
@given(pairs(), st.sampled_from([0.0, 0.01, 0.1]))
def test_rules_agree_with_each_other(sides: tuple[Scores, Scores], margin: float) -> None:
    ours, theirs = sides
    better, not_worse = (verdicts(ours, theirs, rule, margin) for rule in ("better", "not_worse"))
    turned = verdicts(theirs, ours, "not_worse", margin)

    for name, verdict in better.items():
        if verdict == "pass":
            assert not_worse[name] == "pass"
            assert turned[name] in {"fail", "hold"}
        if not_worse[name] == "fail":
            assert verdict == "fail"


@settings(max_examples=15)
@given(pairs(), st.lists(st.floats(-1, 2), min_size=2, max_size=4))
def test_a_higher_floor_is_no_easier(sides: tuple[Scores, Scores], limits: list[float]) -> None:
    for name, value in metric.score(sides[0]).items():
        if value is None:
            continue
        asked = [Floor(name, at_least=limit) for limit in sorted(limits)]
        found = [WORST_LAST.index(line.verdict) for line in judged(sides[0], None, *asked).checks]
        assert found == sorted(found)


class TestVerdict:
    def test_what_settles_nothing_fails_where_the_policy_says_so(self) -> None:
        asked = Floor("accuracy", at_least=0.8)

        held = judged(labels(390, 475), None, asked)
        failed = judged(labels(390, 475), None, asked, inconclusive="fail")

        assert (held.verdict, failed.verdict) == ("hold", "fail")
        assert failed.checks[0].why == held.checks[0].why

    def test_the_same_metric_asked_twice_is_told_apart(self) -> None:
        scores = labels(390, 475)
        asked = [Floor("accuracy", at_least=limit) for limit in (0.5, 0.6, 0.7)]

        report = judged(scores, None, *asked, Compare("accuracy"), level=0.01)

        ids = [check.id for check in report.checks]
        assert ids == ["floor/accuracy", "floor/accuracy/2", "floor/accuracy/3", "compare/accuracy"]
        assert report.level == 0.01

    def test_a_stricter_level_has_wider_bounds(self) -> None:
        asked = Floor("accuracy", at_least=0.79)

        lines = [
            judged(labels(390, 475), None, asked, level=level).checks[0] for level in (0.2, 0.001)
        ]

        assert [line.verdict for line in lines] == ["pass", "hold"]

    def test_warnings(self) -> None:
        first = judged(labels(9, 10), None, Floor("accuracy", at_least=0.1))

        assert first.bootstrap
        assert first.warnings == (
            "the first model: there is no champion yet, so absolute checks alone judge it",
            "10 rows can hardly show anything",
        )
        assert judged(labels(90, 100), labels(90, 100), Compare("accuracy")).warnings == ()
