"""How long a prediction takes, by a clock that only the model moves; and the size of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mlops_jupyter.config import Check, Latency
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks import latency
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.scoring.evaluation import Rows
from tests.promotion.checks.cases import case_of, contender_of, judged, only, rows_of
from tests.promotion.training import flights, good_model


@dataclass
class Waiting:
    """A model that takes as long as it is told: its clock stands still but for that.

    Attributes
    ----------
    takes : callable
        The milliseconds of the n-th call, from 0.
    """

    takes: Callable[[int], float]
    now: float = 0.0
    seen: list[Any] = field(default_factory=list)

    def predict(self, rows: Any) -> np.ndarray:
        self.now += self.takes(len(self.seen)) / 1000
        self.seen.append(rows)
        return np.zeros(len(rows))

    def clock(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def rows(shared_project: Project) -> Rows:
    return rows_of(shared_project, flights(7))


def timed(given: Rows, model: Waiting, champion: Any = None, **asked: Any) -> CheckResult:
    contender = None if champion is None else contender_of(1, champion)
    case = case_of(None, given, estimator=model, champion=contender)
    return only(list(latency.judge(case, Latency(**asked), model.clock)))


class TestPercentile:
    def test_a_model_that_is_always_quick(self, rows: Rows) -> None:
        result = timed(rows, Waiting(lambda _: 2.0), p95_ms=5)

        assert (result.verdict, result.id) == ("pass", "latency/p95/1")
        assert result.check == "95 of 100 predictions of 1 row within 5 ms"
        assert result.why == "the 95th percentile of 200 calls is 2 ms, from 2 to 2"
        assert (result.value, result.limit, result.side) == (pytest.approx(2), 5, "below")
        assert (result.count, result.method) == (200, "order statistics")

    def test_one_that_is_too_slow(self, rows: Rows) -> None:
        assert timed(rows, Waiting(lambda _: 7.0), p95_ms=5).verdict == "fail"

    @pytest.mark.parametrize(
        ("slow", "verdict"), [(1, "pass"), (4, "pass"), (5, "hold"), (15, "hold"), (16, "fail")]
    )
    def test_some_slow_calls_of_200(self, rows: Rows, slow: int, verdict: str) -> None:
        """Ten of them are 5 %; from 5 to 15 may be chance."""
        model = Waiting(lambda n: 9.0 if n >= 220 - slow else 2.0)

        assert timed(rows, model, p95_ms=5).verdict == verdict

    def test_warming_up_does_not_count(self, rows: Rows) -> None:
        model = Waiting(lambda n: 900.0 if n < 20 else 2.0)

        result = timed(rows, model, p95_ms=5)

        assert (result.verdict, result.upper) == ("pass", pytest.approx(2))
        assert len(model.seen) == 220

    def test_the_champions_is_shown(self, rows: Rows) -> None:
        model = Waiting(lambda n: 2.0 if n < 220 else 3.0)  # it takes both turns

        result = timed(rows, model, champion=model, p95_ms=5)

        assert (result.challenger, result.champion) == (pytest.approx(2), pytest.approx(3))

    def test_a_champion_that_raises_decides_nothing(self, rows: Rows) -> None:
        assert timed(rows, Waiting(lambda _: 2.0), champion=object(), p95_ms=5).verdict == "pass"


class TestRows:
    @pytest.mark.parametrize("count", [1, 3, 7, 20])
    def test_each_call_has_as_many_as_asked(self, rows: Rows, count: int) -> None:
        model = Waiting(lambda _: 1.0)

        result = timed(rows, model, p95_ms=5, rows=count)

        assert {len(given) for given in model.seen} == {count}
        assert result.id == f"latency/p95/{count}"

    def test_the_calls_go_through_all_rows(self, rows: Rows) -> None:
        model = Waiting(lambda _: 1.0)

        timed(rows, model, p95_ms=5)

        assert {given["hour"].item() for given in model.seen} == set(rows.frame["hour"])

    def test_a_model_gets_the_columns_that_it_was_fitted_on(self, shared_project: Project) -> None:
        rows = rows_of(shared_project, flights(30).assign(extra="x"))
        case = case_of(shared_project, rows, estimator=good_model())

        assert only(judged(case, latency=Latency(p95_ms=1e9))).verdict == "pass"


class TestSlowModels:
    def test_time_runs_out(self, rows: Rows) -> None:
        result = timed(rows, Waiting(lambda _: 1000.0), p95_ms=5000)

        assert (result.verdict, result.count, result.upper) == ("hold", 10, None)
        assert result.why == (
            "the 95th percentile of 10 calls is 1,000 ms, at least 1,000; more calls did not fit"
            " in 30 s; that does not settle whether it is 5,000 ms or less"
        )

    def test_what_is_too_slow_is_known_soon(self, rows: Rows) -> None:
        result = timed(rows, Waiting(lambda _: 1000.0), p95_ms=5)

        assert (result.verdict, result.count) == ("fail", 10)

    def test_one_call_takes_all_the_time(self, rows: Rows) -> None:
        result = timed(rows, Waiting(lambda _: 40_000.0), p95_ms=5)

        assert (result.verdict, result.count) == ("fail", 1)


def test_a_model_that_raises_is_an_error(rows: Rows) -> None:
    class Broken(Waiting):
        def predict(self, rows: Any) -> np.ndarray:
            if len(rows) == 1:
                raise RuntimeError("one row is\nno batch")
            return super().predict(rows)

    result = timed(rows, Broken(lambda _: 1.0), p95_ms=5)

    assert (result.verdict, result.value) == ("error", None)
    assert result.why == "late v2 raised RuntimeError: one row is when it predicted 1 row"


def test_a_model_that_leaves_does_not_end_the_gate(rows: Rows) -> None:
    class Leaving(Waiting):
        def predict(self, rows: Any) -> np.ndarray:
            raise SystemExit(0)

    assert timed(rows, Leaving(lambda _: 1.0), p95_ms=5).verdict == "error"


class TestBounds:
    @pytest.mark.parametrize(("count", "low", "high"), [(200, 185, 196), (59, 53, 59)])
    def test_ranks_at_5_percent(self, count: int, low: int, high: int) -> None:
        assert latency.bounds(range(1, count + 1), 0.95, 0.05) == (low, high)

    def test_58_calls_have_no_upper_bound(self) -> None:
        assert latency.bounds(range(58), 0.95, 0.05)[1] == np.inf

    def test_each_is_wrong_no_more_often_than_the_level(self) -> None:
        random = np.random.default_rng(3)
        true = -np.log(0.05)  # of the exponential distribution
        made = [latency.bounds(random.exponential(size=100), 0.95, 0.05) for _ in range(400)]

        assert np.mean([low > true for low, _ in made]) <= 0.08
        assert np.mean([high < true for _, high in made]) <= 0.08


class TestSize:
    def sized(self, project: Project, limit: float) -> CheckResult:
        digest = project.objects.write(b"x" * 2_500_000)
        case: Case = case_of(project, None, model_digest=digest)
        return only(judged(case, latency=Latency(size_mb=limit)))

    def test_small_enough(self, shared_project: Project) -> None:
        result = self.sized(shared_project, 2.5)

        assert (result.verdict, result.value, result.id) == ("pass", 2.5, "latency/size")
        assert result.why == "it takes 2.5 MB, no more than 2.5"

    def test_too_large(self, shared_project: Project) -> None:
        assert self.sized(shared_project, 2.4).why == "it takes 2.5 MB, more than 2.4"

    def test_a_missing_object_is_damage(self, shared_project: Project) -> None:
        case = case_of(shared_project, None, model_digest="blake3:" + "0" * 64)

        with pytest.raises(IntegrityError):
            judged(case, latency=Latency(size_mb=1))


def test_both_may_be_asked(shared_project: Project, rows: Rows) -> None:
    digest = shared_project.objects.write(b"x")
    case = case_of(
        shared_project, rows, estimator=Waiting(lambda _: 1.0), model_digest=digest
    )  # fmt: skip
    asked = Check(latency=Latency(p95_ms=1e9, size_mb=1)).latency

    assert [r.id for r in judged(case, latency=asked)] == ["latency/p95/1", "latency/size"]
