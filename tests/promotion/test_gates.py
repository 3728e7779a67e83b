"""Gates as a truth table: what passes, what fails, what is held, and what each line says."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mlops_jupyter.config import Check, Compare, Evaluate, Floor, Model
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.promotion import gates, metric
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.checks.floor import check_names as floor_names
from mlops_jupyter.promotion.decision import CheckResult, Evaluation, GateReport
from mlops_jupyter.promotion.metric import Scores


def policy(*checks: Floor | Compare) -> Model:
    return Model(
        pipeline="train",
        evaluate=Evaluate(data="flights@latest", label="late"),
        checks=[by_point(check) for check in checks],
    )


def by_point(check: Floor | Compare) -> Check:
    if isinstance(check, Floor):
        return Check(floor=replace(check, by="point"))
    margin = 0.0 if check.margin is None else check.margin
    return Check(compare=replace(check, by="point", margin=margin))


def scored(version: int, rows: str = "blake3:0", **metrics: float | None) -> Evaluation:
    return Evaluation(
        id=f"{version:016x}",
        model="flights",
        version=version,
        data="flights@7",
        label="late",
        row_count=1000,
        left_out=3,
        rows_digest=rows,
        metrics=metrics,
        scores="blake3:0",
    )


SCORES = Scores(np.array([0, 1]), np.array([0, 1]), np.array([0, 1]), np.eye(2))


def report_of(
    asked: Model,
    challenger: Evaluation,
    champion: Evaluation | None,
    run_metrics: dict[str, float | None],
) -> GateReport:
    """Judge two evaluations: checks by point look at nothing else."""
    ours, theirs = (
        None
        if side is None
        else Contender(
            ModelVersion(side.model, side.version, "run", "blake3:0", "now"),
            None, SimpleNamespace(metrics=run_metrics), SCORES, side,
        )
        for side in (challenger, champion)
    )  # fmt: skip
    assert ours is not None
    return gates.judge(Case(None, asked, SimpleNamespace(clusters=None), ours, theirs))


def judge(
    check: Floor | Compare,
    challenger: float | None,
    champion: float | None = 0.5,
    run_metrics: dict[str, float | None] | None = None,
) -> CheckResult:
    """Judge version 2 against champion version 1 by one check on one metric."""
    report = report_of(
        policy(check),
        scored(2, **{check.metric: challenger}),
        scored(1, **{check.metric: champion}),
        run_metrics or {},
    )
    assert report.verdict == report.checks[0].verdict
    return report.checks[0]


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


def judged(
    ours: Scores, theirs: Scores | None, *checks: Floor | Compare, **policy: Any
) -> GateReport:
    """Judge by intervals: version 2 against champion version 1, by what they say of the rows."""
    sides = [
        None
        if scores is None
        else Contender(
            ModelVersion("flights", version, "run", "blake3:0", "now"),
            None, SimpleNamespace(metrics={"profit": 5.0}), scores,
            dataclasses.replace(
                scored(version, **metric.score(scores)), row_count=len(scores.truth)
            ),
        )
        for version, scores in ((2, ours), (1, theirs))
    ]  # fmt: skip
    assert sides[0] is not None
    asked = Model(
        evaluate=Evaluate(data="flights@latest", label="late"),
        checks=[Check(**{type(check).__name__.lower(): check}) for check in checks],
        **policy,
    )
    return gates.judge(Case(None, asked, SimpleNamespace(clusters=None), *sides))


def labels(right: int, rows: int, *, wrong_first: bool = False) -> Scores:
    """Return a classifier without probabilities that is right on so many rows."""
    truth = np.arange(rows) % 2
    is_right = np.arange(rows) < right
    if wrong_first:
        is_right = is_right[::-1]
    return Scores(truth, np.where(is_right, truth, 1 - truth), np.array([0, 1]))


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
